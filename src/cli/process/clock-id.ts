import { bootId } from '../../files/running-process.ts';

/**
 * Identifies the system clock that this process reads. On Linux this is the boot of the kernel: containers share the
 * clock of their kernel, and two machines may have the same host name. Elsewhere it is the host name.
 */
export function clockId(): string {
  return bootId() ?? process.getBuiltinModule('node:os').hostname();
}
