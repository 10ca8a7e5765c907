import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const mount = (...args: readonly string[]) => spawnSync('mount', args).status === 0;

/** An empty folder that is unmounted and removed after the test. */
function mountPoint(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentq-mount-'));
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A disk of this many bytes; undefined if the user of the tests may not mount. */
export function smallDisk(bytes: number): string | undefined {
  const folder = mountPoint();
  return mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder) ? folder : undefined;
}

/** A disk for this many files and folders; undefined if the user of the tests may not mount. */
export function diskOfInodes(inodes: number): string | undefined {
  const folder = mountPoint();
  return mount('-t', 'tmpfs', '-o', `nr_inodes=${inodes}`, 'tmpfs', folder) ? folder : undefined;
}

/** A read-only mount of the folder; undefined if the user of the tests may not mount. */
export function readOnlyView(of: string): string | undefined {
  const folder = mountPoint();
  return mount('--bind', of, folder) && mount('-o', 'remount,bind,ro', folder) ? folder : undefined;
}

/** Writes a file into the folder until its disk is full. */
export function fillDisk(folder: string): void {
  const file = openSync(join(folder, 'filler'), 'w');
  try {
    for (let size = 1024 * 1024; size >= 1;) {
      try {
        writeSync(file, Buffer.alloc(size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}
