import { createHash, randomUUID } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Source } from '../store.ts';

const CHUNK = 1024 * 1024;

export interface Measured {
  readonly sha256: string;
  readonly size: number;
}

/** Names that only agentq uses, for files that are not yet whole. */
export const TEMPORARY = '.agentq-tmp-';

/** Reads an open file to its end, in pieces, so that a large one blocks nobody. */
export async function measure(file: FileHandle, sink?: FileHandle): Promise<Measured> {
  const hash = createHash('sha256');
  const { size: expected } = await file.stat();
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK, expected + 1)));
  let size = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    hash.update(piece);
    if (sink) await sink.appendFile(piece);
    size += bytesRead;
  }
  return { sha256: hash.digest('hex'), size };
}

/** @param follow whether a symbolic link may stand for the file */
export async function measureFile(path: string, follow: boolean): Promise<Measured> {
  const file = await open(path, constants.O_RDONLY | (follow ? 0 : constants.O_NOFOLLOW));
  try {
    return await measure(file);
  } finally {
    await file.close();
  }
}

/**
 * Writes the source beside its target under a temporary name, and syncs it.
 * @returns the temporary path and what was written
 */
export async function stage(target: string, source: Source, mode: number): Promise<Measured & { readonly staged: string }> {
  const staged = join(dirname(target), `${TEMPORARY}${randomUUID()}`);
  const from = 'file' in source ? await open(source.file) : undefined;
  try {
    const sink = await open(staged, 'wx', mode);
    try {
      const measured = from ? await measure(from, sink) : await writeBytes(sink, (source as { bytes: Uint8Array }).bytes);
      await sink.sync();
      return { staged, ...measured };
    } catch (error) {
      await unlink(staged);
      throw error;
    } finally {
      await sink.close();
    }
  } finally {
    await from?.close();
  }
}

async function writeBytes(sink: FileHandle, bytes: Uint8Array): Promise<Measured> {
  await sink.writeFile(bytes);
  return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
}

/**
 * Gives the staged file its name, unless that name is taken. A link rather than a rename, because a rename would
 * overwrite in silence.
 * @returns whether the name was free
 */
export async function place(staged: string, target: string): Promise<boolean> {
  try {
    await link(staged, target);
    await unlink(staged);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // File systems without hard links, such as exFAT.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    if (existsSync(target)) return false;
    await rename(staged, target);
  }
  await syncFolder(dirname(target));
  return true;
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path);
  await file.sync().finally(() => file.close());
}

/** Makes the names in a folder durable; some systems can't sync a folder, and need not. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    await syncFile(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EISDIR' && code !== 'EINVAL' && code !== 'EPERM') throw error;
  }
}

/** Makes the folder and those above it, and makes their names durable. */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode });
  for (let made = first && folder; made; made = made === first ? undefined : dirname(made)) await syncFolder(dirname(made));
}
