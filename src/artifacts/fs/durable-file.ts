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
 * Files of up to so many bytes are read and written at once and synchronously, which costs a one-shot command the
 * least; larger ones in pieces that block nobody.
 */
const SMALL = 1024 * 1024;

export interface Measured {
  readonly sha256: string;
  readonly size: number;
}

/** Names that only agentq uses, for files that are not yet whole. */
export const TEMPORARY = '.agentq-tmp-';

/** A unique name beside the target. */
export function temporaryName(target: string): string {
  return join(dirname(target), `${TEMPORARY}${process.pid}-${Math.random().toString(36).slice(2)}`);
}

/** What was opened is no regular file: a folder, a fifo, a device. */
export class NotAFile extends Error {}

/**
 * Opens a regular file, and waits for nobody: to open a fifo would.
 * @param follow whether a symbolic link may stand for the file
 */
export function openRegular(path: string, follow: boolean): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW));
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new NotAFile(`${path} is not a regular file`);
}

/** The content of a regular file of less than 2 GiB; a symbolic link is none. */
export function readRegular(path: string): Buffer {
  const fd = openRegular(path, false);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Measures a regular file; a symbolic link is none. */
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
 * @param take is given what was read, piece by piece
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

/** The same at once, for what is short. @returns the temporary path */
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

/** Makes a file beside the target and removes it again. @throws the error of the system where none can be made */
export function tryStage(target: string, mode: number): void {
  const { staged, sink } = openStaged(target, mode);
  try {
    writeFileSync(sink, 'x');
  } finally {
    closeSync(sink);
    unlinkSync(staged);
  }
}

function openStaged(target: string, mode: number): { readonly staged: string; readonly sink: number } {
  const staged = temporaryName(target);
  const sink = openSync(staged, 'wx', mode);
  fchmodSync(sink, mode); // whatever the umask takes away
  return { staged, sink };
}

/**
 * Gives the staged file its name, unless that name is taken. A link rather than a rename, because a rename would
 * overwrite in silence. The name is durable once its folder is synced.
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

/** Makes the names in a folder durable; some systems can't sync a folder, and need not. */
export function syncFolder(folder: string): void {
  try {
    syncFile(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EISDIR' && code !== 'EINVAL' && code !== 'EPERM') throw error;
  }
}
