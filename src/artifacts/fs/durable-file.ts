import {
  closeSync,
  constants,
  createReadStream,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Source } from '../store.ts';

/**
 * Files up to this size, in bytes, are read and written at once and synchronously, which is the fastest for a one-shot
 * command. Larger files are handled in pieces, so that the rest of the process continues.
 */
const SMALL = 1024 * 1024;

export interface Measured {
  readonly sha256: string;
  readonly size: number;
}

/** Temporary names for incomplete files. Only agentq uses them. */
export const TEMPORARY = '.agentq-tmp-';

/** A unique name beside the target. */
export function temporaryName(target: string): string {
  return join(dirname(target), `${TEMPORARY}${process.pid}-${Math.random().toString(36).slice(2)}`);
}

/** The opened file is not a regular file: a folder, a FIFO, a device. */
export class NotAFile extends Error {}

/**
 * Opens a regular file without blocking: opening a FIFO would block.
 * @param follow whether the path may be a symbolic link
 */
export function openRegular(path: string, follow: boolean): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW));
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new NotAFile(`${path} is not a regular file`);
}

/** The content of a regular file of less than 2 GiB. A symbolic link is refused. */
export function readRegular(path: string): Buffer {
  const fd = openRegular(path, false);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** SHA-256 and size of a regular file. A symbolic link is refused. */
export async function measureFile(path: string): Promise<Measured> {
  const fd = openRegular(path, false);
  try {
    return await readAll(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads an open file to its end.
 * @param take receives the content, piece by piece
 */
export async function readAll(fd: number, take?: (bytes: Uint8Array) => void): Promise<Measured> {
  if (fstatSync(fd).size > SMALL) return await pump(fd, take);
  const bytes = readFileSync(fd);
  take?.(bytes);
  return await measureBytes(bytes);
}

/** The hash is loaded here, because most commands touch no file. */
export async function measureBytes(bytes: Uint8Array): Promise<Measured> {
  const { sha256Hex } = await import('../../core/sha256.ts');
  return { sha256: sha256Hex(bytes), size: bytes.length };
}

/** Reads a large file to its end, in pieces. */
async function pump(fd: number, take?: (bytes: Uint8Array) => void): Promise<Measured> {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  let size = 0;
  for await (const piece of createReadStream('', { fd, highWaterMark: SMALL, autoClose: false, start: 0 })) {
    const bytes = piece as Buffer;
    hash.update(bytes);
    take?.(bytes);
    size += bytes.length;
  }
  return { sha256: hash.digest('hex'), size };
}

/**
 * Writes the source beside its target under a temporary name, and syncs it.
 * @returns the temporary path and what was written
 */
export async function stage(
  target: string,
  source: Source,
  mode: number,
): Promise<Measured & { readonly staged: string }> {
  const from = 'file' in source ? openRegular(source.file, !source.own) : undefined;
  try {
    const { staged, sink } = openStaged(target, mode);
    try {
      const write = (bytes: Uint8Array) => writeFileSync(sink, bytes);
      if ('bytes' in source) write(source.bytes);
      const measured = 'bytes' in source ? await measureBytes(source.bytes) : await readAll(from!, write);
      fsyncSync(sink);
      return { staged, ...measured };
    } catch (error) {
      unlinkSync(staged);
      throw error;
    } finally {
      closeSync(sink);
    }
  } finally {
    if (from !== undefined) closeSync(from);
  }
}

/** The same at once, for short content. @returns the temporary path */
export function stageSync(target: string, bytes: Uint8Array, mode: number): string {
  const { staged, sink } = openStaged(target, mode);
  try {
    writeFileSync(sink, bytes);
    fsyncSync(sink);
  } finally {
    closeSync(sink);
  }
  return staged;
}

function openStaged(target: string, mode: number): { readonly staged: string; readonly sink: number } {
  const staged = temporaryName(target);
  const sink = openSync(staged, 'wx', mode);
  fchmodSync(sink, mode); // independent of the umask
  return { staged, sink };
}

/**
 * Gives the staged file its name, unless the name exists. It uses a link, because a rename would overwrite without an
 * error. The name is durable after a sync of its folder.
 * @returns whether the name was free
 */
export function place(staged: string, target: string): boolean {
  try {
    linkSync(staged, target);
    unlinkSync(staged);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without hard links, such as exFAT.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if (existsSync(target)) return false;
    renameSync(staged, target);
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

/** Makes the names in a folder durable. Some systems cannot sync a folder and do not need to. */
export function syncFolder(folder: string): void {
  try {
    syncFile(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EISDIR' && code !== 'EINVAL' && code !== 'EPERM') throw error;
  }
}
