import { isUtf8 } from 'node:buffer';
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import type { ClosedFolder, Scan } from '../staging.ts';
import { TEMPORARY } from '../../files/durable-file.ts';
import { findFolder, notAFolder } from './store-folder.ts';

type Enters = (folder: string) => boolean;
const everywhere: Enters = () => true;

/** Names that only agentq uses in a store. */
const RESERVED = '.agentq-';

/**
 * The regular files below a folder, in order. Links are not followed. Unreadable folders are listed in the result and
 * cause no error, so that one unreadable folder does not hide the others.
 * @param enters whether a folder below it belongs to the tree
 */
export function scanFolder(root: string, folder: string, enters = everywhere): Scan {
  return visible(safeWalk(root, folder, enters));
}

/** The same for a folder whose path was just checked. */
export function scanChecked(root: string, folder: string): Scan {
  return visible(walk(root, folder, everywhere));
}

/** Incomplete files of killed processes, not changed since `before` (ms since 1970). */
export function halfWritten(root: string, folders: readonly string[], before: number): string[] {
  return folders
    .flatMap((folder) => safeWalk(root, folder, everywhere).paths)
    .filter((path) => nameOf(path).startsWith(TEMPORARY) && touchedAt(join(root, path)) < before);
}

/** Without the names that only agentq uses. */
function visible(scan: Scan): Scan {
  return { ...scan, paths: scan.paths.filter((path) => !nameOf(path).startsWith(RESERVED)).toSorted() };
}

/** When a file was last written, in ms; Infinity if unknown. */
function touchedAt(file: string): number {
  try {
    return lstatSync(file).mtimeMs;
  } catch {
    return Infinity;
  }
}

function safeWalk(root: string, folder: string, enters: Enters): Scan {
  try {
    if (findFolder(root, folder) !== undefined) return walk(root, folder, enters);
    return nothing();
  } catch (error) {
    return { ...nothing(), closed: closedBy(folder, error) };
  }
}

/**
 * It does not use the recursion of readdir, which follows links. It uses its own stack, because folders can be nested
 * without limit. Each folder is looked at once, after those above it: part by part from the root, 2,000 nested ones
 * would take minutes.
 */
function walk(root: string, top: string, enters: Enters): Scan {
  const scan = nothing();
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of entriesOf(root, folder, folder === top, scan.closed)) {
      const path = `${folder}/${entry.name.toString('utf8')}`;
      if (!isUtf8(entry.name)) scan.unnamed.push(path);
      else if (entry.isFile()) scan.paths.push(path);
      else if (!entry.isDirectory()) scan.irregular.push({ path, kind: kindOf(entry) });
      else if (enters(path)) folders.push(path);
    }
  }
  return scan;
}

function nothing(): Mutable<Scan> {
  return { paths: [], closed: [], unnamed: [], irregular: [] };
}

function kindOf(entry: Dirent<Buffer>): string {
  if (entry.isSymbolicLink()) return 'a link';
  if (entry.isFIFO()) return 'a FIFO';
  return entry.isSocket() ? 'a socket' : 'a device';
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] };

function entriesOf(root: string, folder: string, checked: boolean, closed: ClosedFolder[]): Dirent<Buffer>[] {
  try {
    const path = join(root, folder);
    return readdirSync(checked ? path : realFolder(path), { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    closed.push(...closedBy(folder, error));
    return [];
  }
}

/** @returns the folder with the reason why it cannot be read; nothing if it is missing */
function closedBy(path: string, error: unknown): ClosedFolder[] {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return [];
  return [{ path, problem: error instanceof AgentqError ? message : `cannot be read: ${message}` }];
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
