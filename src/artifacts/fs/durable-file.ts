import {
  closeSync,
  constants,
  existsSync,
  chmodSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  promises as fs,
  readFileSync,
  renameSync,
  statSync,
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

/** What was opened is no regular file: a folder, a fifo, a device. */
export class NotAFile extends Error {}

/**
 * Opens a regular file, and waits for nobody: to open a fifo would.
 * @param follow whether a symbolic link may stand for the file
 */
function openRegular(path: string, follow: boolean): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW));
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new NotAFile(`${path} is not a regular file`);
}

/** The content of a regular file; a symbolic link is none. */
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
    if (fstatSync(fd).size <= SMALL) return await measureBytes(readFileSync(fd));
  } finally {
    closeSync(fd);
  }
  return pump(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

/** The hash is loaded here, because most commands touch no file. */
export async function measureBytes(bytes: Uint8Array): Promise<Measured> {
  const { sha256Hex } = await import('../../core/sha256.ts');
  return { sha256: sha256Hex(bytes), size: bytes.length };
}

/** Reads a large file to its end, and writes what it reads into the sink. */
async function pump(path: string, flags: number, sink?: number): Promise<Measured> {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  const file = await fs.open(path, flags);
  let size = 0;
  try {
    for await (const piece of file.createReadStream({ highWaterMark: SMALL, autoClose: false })) {
      const bytes = piece as Buffer;
      hash.update(bytes);
      if (sink !== undefined) writeFileSync(sink, bytes);
      size += bytes.length;
    }
  } finally {
    await file.close();
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
  const staged = join(dirname(target), `${TEMPORARY}${process.pid}-${Math.random().toString(36).slice(2)}`);
  const sink = openSync(staged, 'wx', mode);
  try {
    fchmodSync(sink, mode); // whatever the umask takes away
    const large = 'file' in source && statSync(source.file).size > SMALL;
    const measured = large ? await pump(source.file, constants.O_RDONLY, sink) : await writeSmall(sink, source);
    fsyncSync(sink);
    return { staged, ...measured };
  } catch (error) {
    unlinkSync(staged);
    throw error;
  } finally {
    closeSync(sink);
  }
}

function writeSmall(sink: number, source: Source): Promise<Measured> {
  const bytes = 'file' in source ? readFileSync(source.file) : source.bytes;
  writeFileSync(sink, bytes);
  return measureBytes(bytes);
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

/** Makes the folder and those above it that are missing, with the mode whatever the umask. */
export function makeFolder(folder: string, mode: number): void {
  const first = mkdirSync(folder, { recursive: true, mode });
  for (let made = first && folder; made; made = made === first ? undefined : dirname(made)) chmodSync(made, mode);
}
