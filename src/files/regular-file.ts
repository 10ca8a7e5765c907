import { closeSync, constants, fstatSync, openSync, read, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * Files up to this size, in bytes, are read at once and synchronously, which is the fastest for a one-shot command.
 * Larger files are read in pieces, so that the rest of the process continues.
 */
const SMALL = 1024 * 1024;

export interface Measured {
  readonly sha256: string;
  readonly size: number;
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
  const { sha256Hex } = await import('../core/sha256.ts');
  return { sha256: sha256Hex(bytes), size: bytes.length };
}

/**
 * Reads a large file to its end, in pieces. They share one buffer unless they are handed on: a new buffer for each
 * piece costs the system more time than the reading.
 */
async function pump(fd: number, take?: (bytes: Uint8Array) => void): Promise<Measured> {
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  const readPiece = promisify(read);
  let buffer = Buffer.allocUnsafe(SMALL);
  for (let size = 0; ;) {
    const { bytesRead } = await readPiece(fd, buffer, 0, SMALL, size);
    if (bytesRead === 0) return { sha256: hash.digest('hex'), size };
    const bytes = buffer.subarray(0, bytesRead);
    hash.update(bytes);
    take?.(bytes);
    size += bytesRead;
    if (take) buffer = Buffer.allocUnsafe(SMALL);
  }
}
