import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const mount = (...args: readonly string[]) => spawnSync('mount', args).status === 0;

/** An empty folder that goes with the test, as what is mounted on it does. */
function mountPoint(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentq-mount-'));
  onTestFinished(() => {
    spawnSync('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** A disk of so many bytes; undefined where the user of the tests may mount nothing. */
export function smallDisk(bytes: number): string | undefined {
  const folder = mountPoint();
  return mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder) ? folder : undefined;
}

/** A disk of so many files and folders; undefined where the user of the tests may mount nothing. */
export function diskOfInodes(inodes: number): string | undefined {
  const folder = mountPoint();
  return mount('-t', 'tmpfs', '-o', `nr_inodes=${inodes}`, 'tmpfs', folder) ? folder : undefined;
}

/** The folder once more, where nobody can write to it; undefined where the user of the tests may mount nothing. */
export function readOnlyView(of: string): string | undefined {
  const folder = mountPoint();
  return mount('--bind', of, folder) && mount('-o', 'remount,bind,ro', folder) ? folder : undefined;
}

/** Writes a file into the folder until its disk holds no further byte. */
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
