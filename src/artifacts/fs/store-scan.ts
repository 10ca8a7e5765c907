import { isUtf8 } from 'node:buffer';
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import type { Scan } from '../store.ts';
import { TEMPORARY } from '../../files/durable-file.ts';
import { notAFolder, storeFolder } from './store-folder.ts';

/** Names that only agentq uses in a store. */
const RESERVED = '.agentq-';

/**
 * The regular files below a folder, in order. Links are not followed. Unreadable folders are listed in the result and
 * cause no error, so that one unreadable folder does not hide the others.
 */
export function scanFolder(root: string, folder: string): Scan {
  const scan = walk(root, folder);
  const paths = scan.paths.filter((path) => !nameOf(path).startsWith(RESERVED));
  return { ...scan, paths: paths.toSorted() };
}

/** Incomplete files of killed processes, not changed since `before` (ms since 1970). */
export function halfWritten(root: string, folders: readonly string[], before: number): string[] {
  return folders
    .flatMap((folder) => walk(root, folder).paths)
    .filter((path) => nameOf(path).startsWith(TEMPORARY) && touchedAt(join(root, path)) < before);
}

/** When a file was last written, in ms; Infinity if unknown. */
function touchedAt(file: string): number {
  try {
    return lstatSync(file).mtimeMs;
  } catch {
    return Infinity;
  }
}

/**
 * It does not use the recursion of readdir, which follows links. It uses its own stack, because folders can be nested
 * without limit. Each folder is looked at once, after those above it: part by part from the root, 2,000 nested ones
 * would take minutes.
 */
function walk(root: string, top: string): Mutable<Scan> {
  const scan: Mutable<Scan> = { paths: [], closed: [], unnamed: [], irregular: [] };
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(root, top, folder, scan.closed)) {
      const path = `${folder}/${entry.name.toString('utf8')}`;
      if (!isUtf8(entry.name)) scan.unnamed.push(path);
      else if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) scan.paths.push(path);
      else scan.irregular.push({ path, kind: kindOf(entry) });
    }
  }
  return scan;
}

function kindOf(entry: Dirent<Buffer>): string {
  if (entry.isSymbolicLink()) return 'a link';
  if (entry.isFIFO()) return 'a FIFO';
  return entry.isSocket() ? 'a socket' : 'a device';
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };

function entriesOf(root: string, top: string, folder: string, closed: Scan['closed'][number][]) {
  try {
    return readdirSync(folder === top ? storeFolder(root, folder) : realFolder(join(root, folder)), {
      withFileTypes: true,
      encoding: 'buffer',
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    closed.push({ path: folder, problem: error instanceof AgentqError ? message : `cannot be read: ${message}` });
    return [];
  }
}

/** The path. @throws AgentqError `unreadable-file` if a link or a file is there now */
function realFolder(path: string): string {
  const info = lstatSync(path);
  if (!info.isDirectory()) throw notAFolder(path, info);
  return path;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
