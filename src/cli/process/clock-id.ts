import { readFileSync } from 'node:fs';

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#random */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Identifies the system clock that this process reads. On Linux this is the boot of the kernel: containers share the
 * clock of their kernel, and two machines may have the same host name. Elsewhere it is the host name.
 */
export function clockId(): string {
  try {
    return readFileSync(BOOT_ID, 'utf8').trim();
  } catch {
    return process.getBuiltinModule('node:os').hostname();
  }
}
