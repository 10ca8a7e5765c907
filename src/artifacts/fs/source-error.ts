import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { AgentqError } from '../../core/errors.ts';
import type { FileSource, Source } from '../store.ts';
import { NotAFile } from '../../files/regular-file.ts';

/** Describes the problem of a source or of the store in one line. */
export async function readable<T>(source: Source, run: () => Promise<T>): Promise<T> {
  if ('file' in source) checkSource(source);
  try {
    return await run();
  } catch (error) {
    const { code, syscall, path, message } = error as NodeJS.ErrnoException;
    if (error instanceof NotAFile || code === 'ELOOP') throw notAFile('file' in source ? source.file : message);
    if (code === undefined || error instanceof AgentqError) throw error;
    if ('file' in source && (syscall === 'read' || path === source.file))
      throw unreadable(source.file, error as NodeJS.ErrnoException);
    const hint = 'check the store: is its disk full, read-only or not writable for this user?';
    throw new AgentqError('storage', message, hint, error as Error);
  }
}

/** @throws AgentqError `unreadable-file` if the source is not readable */
export function checkSource({ file, own = false }: FileSource): void {
  try {
    const info = own ? lstatSync(file) : statSync(file);
    if (info.isDirectory()) throw new AgentqError('unreadable-file', `${file} is a directory`, 'name a file');
    if (!info.isFile()) throw notAFile(file);
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw error instanceof AgentqError ? error : unreadable(file, error as NodeJS.ErrnoException);
  }
}

function notAFile(file: string): AgentqError {
  return new AgentqError(
    'unreadable-file',
    `${file} is not a regular file`,
    'name a file; submit reads a pipe as --file -',
  );
}

function unreadable(file: string, error: NodeJS.ErrnoException): AgentqError {
  const { code, message } = error;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new AgentqError('unreadable-file', `${file} does not exist`, 'check the path', error);
  if (code === 'EACCES' || code === 'EPERM')
    return new AgentqError('unreadable-file', `${file} is not readable for this user`, 'check its mode', error);
  return new AgentqError('unreadable-file', `${file} cannot be read: ${message}`, 'check the path', error);
}
