import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { AgentqError } from '../core/errors.ts';
import { NotAFile } from './regular-file.ts';

/** What a file is written from: a file of the local disk, or bytes. */
export type LocalSource = FileSource | { readonly bytes: Uint8Array };

export interface FileSource {
  readonly file: string;
  /** Whether agentq found the file, and the user did not name it. Then it must not be a link. */
  readonly own?: boolean;
}

/** Checks that a source is a readable regular file. @returns its size in bytes @throws AgentqError `unreadable-file` */
export function checkSource({ file, own = false }: FileSource): number {
  try {
    const info = own ? lstatSync(file) : statSync(file);
    if (info.isDirectory()) throw new AgentqError('unreadable-file', `${file} is a directory`, 'name a file');
    if (!info.isFile()) throw notAFile(file);
    accessSync(file, constants.R_OK);
    return info.size;
  } catch (error) {
    throw error instanceof AgentqError ? error : unreadable(file, error as NodeJS.ErrnoException);
  }
}

/**
 * The error of a failed copy of a source.
 * @returns AgentqError `unreadable-file` if the source is the cause; undefined for other errors
 */
export function sourceError(error: unknown, source: LocalSource): AgentqError | undefined {
  const { code, syscall, path, message } = error as NodeJS.ErrnoException;
  const file = 'file' in source ? source.file : undefined;
  if (error instanceof NotAFile || code === 'ELOOP') return notAFile(file ?? message);
  const isSource = file !== undefined && code !== undefined && (syscall === 'read' || path === file);
  return isSource ? unreadable(file, error as NodeJS.ErrnoException) : undefined;
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
