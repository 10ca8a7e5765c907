import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Measured, measureBytes, openRegular, readAll } from './regular-file.ts';
import type { LocalSource } from './source-file.ts';

/** Temporary names for incomplete files. Only agentq uses them. */
export const TEMPORARY = '.agentq-tmp-';

/** A unique name beside the target. */
export function temporaryName(target: string): string {
  return join(dirname(target), `${TEMPORARY}${process.pid}-${Math.random().toString(36).slice(2)}`);
}

/**
 * Writes a complete file or nothing, unless the name exists. The name is durable after a sync of its folder.
 * @param mode of the file, independent of the umask
 * @returns whether the name was free
 * @throws the system error
 */
export function createFile(path: string, content: string | Uint8Array, mode: number): boolean {
  return written(path, content, mode, (temporary) => place(temporary, path));
}

/**
 * Writes a complete file in the place of an existing one, or changes nothing. Content and name are durable.
 * @param mode of the file, independent of the umask
 * @throws the system error
 */
export function replaceFile(path: string, content: string | Uint8Array, mode: number): void {
  written(path, content, mode, (temporary) => renameSync(temporary, path));
  syncName(path);
}

/** @param name gives the complete file its name */
function written<T>(path: string, content: string | Uint8Array, mode: number, name: (temporary: string) => T): T {
  const temporary = temporaryName(path);
  const sink = openTemporary(temporary, mode);
  try {
    try {
      writeFileSync(sink, content);
      fsyncSync(sink);
    } finally {
      closeSync(sink);
    }
    return name(temporary);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Writes the source beside its target under a temporary name, and syncs it.
 * @param mode of the file, independent of the umask
 * @returns the temporary path and what was written
 * @throws the system error
 */
export async function writeTemporary(
  target: string,
  source: LocalSource,
  mode: number,
): Promise<Measured & { readonly temporary: string }> {
  const from = 'file' in source ? openRegular(source.file, !source.own) : undefined;
  try {
    const temporary = temporaryName(target);
    const sink = openTemporary(temporary, mode);
    try {
      const write = (bytes: Uint8Array) => writeFileSync(sink, bytes);
      if ('bytes' in source) write(source.bytes);
      const measured = 'bytes' in source ? await measureBytes(source.bytes) : await readAll(from!, write);
      fsyncSync(sink);
      return { temporary, ...measured };
    } catch (error) {
      unlinkSync(temporary);
      throw error;
    } finally {
      closeSync(sink);
    }
  } finally {
    if (from !== undefined) closeSync(from);
  }
}

function openTemporary(temporary: string, mode: number): number {
  const sink = openSync(temporary, 'wx', mode);
  fchmodSync(sink, mode);
  return sink;
}

/**
 * Gives a temporary file its name, unless the name exists. It uses a link, because a rename would overwrite without an
 * error. The name is durable after a sync of its folder.
 * @returns whether the name was free
 */
export function place(temporary: string, target: string): boolean {
  try {
    linkSync(temporary, target);
    unlinkSync(temporary);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without hard links, such as exFAT.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if (existsSync(target)) return false;
    renameSync(temporary, target);
  }
  return true;
}

export function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes the name of a file durable. */
export function syncName(path: string): void {
  syncFolder(dirname(path));
}

/** Makes the names in a folder durable. Some systems cannot sync a folder and do not need to. */
export function syncFolder(folder: string): void {
  try {
    syncFile(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EISDIR' && code !== 'EINVAL' && code !== 'EPERM') throw error;
  }
}
