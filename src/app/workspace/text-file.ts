import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { AgentqError } from '../../core/errors.ts';

/**
 * Reads a regular file of UTF-8 text. A FIFO or a device is refused at once.
 * @param most the maximum size in bytes
 * @throws AgentqError `unreadable-file`, or `too-large`
 */
export function readTextFile(path: string, most: number): string {
  return textOf(readRegularFile(path, most), path);
}

/**
 * Decodes bytes as text. A byte order mark at the beginning is removed.
 * @param what the name of the input in the error
 * @throws AgentqError `unreadable-file` if the bytes are not UTF-8
 */
export function textOf(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes))
    throw new AgentqError('unreadable-file', `${what} is not UTF-8 text`, 'convert it: iconv -t UTF-8');
  return bytes.toString('utf8').replace(/^\ufeff/, '');
}

/** @throws AgentqError `too-large` that names the limit */
export function refuseLarger(size: number, most: number, what: string, hint: string): void {
  if (size <= most) return;
  throw new AgentqError('too-large', `${what} has more than ${most} bytes, the limit`, hint);
}

function readRegularFile(path: string, most: number): Buffer {
  const fd = open(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new AgentqError('unreadable-file', `${path} is not a regular file`, 'name a file');
    // One byte more than allowed, so that a growing file is noticed.
    const bytes = Buffer.allocUnsafe(Math.min(stat.size, most) + 1);
    const size = readUpTo(fd, bytes);
    refuseLarger(Math.max(stat.size, size), most, path, 'split it');
    return bytes.subarray(0, size);
  } catch (error) {
    throw unreadable(error, path);
  } finally {
    closeSync(fd);
  }
}

function readUpTo(fd: number, bytes: Buffer): number {
  let size = 0;
  while (size < bytes.length) {
    const read = readSync(fd, bytes, size, bytes.length - size, null);
    if (read === 0) break;
    size += read;
  }
  return size;
}

function open(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(error, path);
  }
}

/** The error of a failed read as an AgentqError. An AgentqError stays unchanged. */
export function unreadable(error: unknown, path: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof AgentqError) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new AgentqError('unreadable-file', `${path} does not exist`, 'check the path');
  const mine = code === 'EACCES' || code === 'EPERM';
  return mine
    ? new AgentqError(
        'unreadable-file',
        `${path} is not readable for this user`,
        'check the owner and mode of it and of the folders above',
      )
    : new AgentqError('unreadable-file', `${path} cannot be read: ${message}`, 'check the path');
}
