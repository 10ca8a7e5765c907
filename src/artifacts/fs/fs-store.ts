import { accessSync, constants, existsSync, readdirSync, realpathSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { basename, dirname, join, parse, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AgentqError } from '../../core/errors.ts';
import type { Drift, Evidence } from '../../core/evidence.ts';
import { type ArtifactStore, describeDrift, type Source, type Stored } from '../store.ts';
import {
  makeFolder,
  measureBytes,
  measureFile,
  NotAFile,
  place,
  readRegular,
  stage,
  syncFile,
  syncFolder,
  TEMPORARY,
} from './durable-file.ts';

/** A store on a local or shared disk. A shared one may be a network folder: it holds files, not the database. */
export class FsStore implements ArtifactStore {
  readonly #root: string;
  readonly #fileMode: number;
  readonly #folderMode: number;

  constructor(root: string, fileMode: number, folderMode: number) {
    this.#root = resolve(root);
    this.#fileMode = fileMode;
    this.#folderMode = folderMode;
  }

  refOf(path: string): string {
    return pathToFileURL(this.locate(path)).href;
  }

  locate(path: string): string {
    const place = join(this.#root, path);
    // Names are checked where they come in; this is the second wall.
    if (relative(this.#root, place).startsWith('..')) {
      throw new AgentqError('corrupt', `${path} lies outside of the store`, 'look at who wrote it: agentq show');
    }
    return place;
  }

  pathOf(file: string): string | undefined {
    const inside = relative(realRoot(this.#root), realParent(file));
    if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside)
      return undefined;
    return inside.split(sep).join('/');
  }

  async examine(source: Source): Promise<void> {
    if ('file' in source) checkSource(source.file);
  }

  async put(path: string, name: string, source: Source): Promise<Stored> {
    const target = this.locate(path);
    return await readable(source, async () => {
      makeFolder(dirname(target), this.#folderMode);
      const { staged, sha256, size } = await stage(target, source, this.#fileMode);
      try {
        return await this.#place(staged, { name, path, sha256, size });
      } finally {
        rmSync(staged, { force: true });
      }
    });
  }

  /** Gives what is staged the first name that is free, or that holds the same already. */
  async #place(staged: string, { path, ...measured }: Evidence): Promise<Stored> {
    for (let n = 1; ; n++) {
      const evidence = { ...measured, path: numbered(path, n) };
      const file = this.locate(evidence.path);
      const created = place(staged, file);
      if (!created && (await this.check(evidence)) !== undefined) continue;
      if (!created) syncFile(file);
      this.#syncNames(evidence.path);
      return { evidence, created };
    }
  }

  /** Makes the names on the way to a file durable, whoever made the folders. */
  #syncNames(path: string): void {
    let folder = path;
    do syncFolder(this.locate((folder = dirname(folder))));
    while (folder !== '.');
  }

  async adopt(path: string, name: string): Promise<Evidence> {
    const file = this.locate(path);
    return await readable({ file }, async () => {
      const measured = await measureFile(file);
      syncFile(file);
      this.#syncNames(path);
      return { name, path, ...measured };
    });
  }

  async discard({ evidence, created }: Stored): Promise<void> {
    if (created) unlinkSync(this.locate(evidence.path));
  }

  async scan(folder: string): Promise<readonly string[]> {
    return [...this.#walk(folder)].filter((path) => !basename(path).startsWith(TEMPORARY)).toSorted();
  }

  async leftovers(before: number): Promise<readonly string[]> {
    const folders = ['tasks', 'results', 'artifacts'];
    return folders
      .flatMap((folder) => [...this.#walk(folder)])
      .filter((path) => basename(path).startsWith(TEMPORARY) && statSync(this.locate(path)).mtimeMs < before);
  }

  /** Regular files only. Not readdir's own recursion, which follows links. */
  *#walk(folder: string): Generator<string> {
    if (!existsSync(this.locate(folder))) return;
    for (const entry of readdirSync(this.locate(folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) yield* this.#walk(path);
      else if (entry.isFile()) yield path;
    }
  }

  async removeLeftover(path: string): Promise<void> {
    rmSync(this.locate(path), { force: true });
  }

  async prepare(folder: string): Promise<string> {
    const path = this.locate(folder);
    makeFolder(path, this.#folderMode);
    return path;
  }

  async check(evidence: Evidence): Promise<Drift | undefined> {
    try {
      const { sha256, size } = await measureFile(this.locate(evidence.path));
      return sha256 === evidence.sha256 && size === evidence.size ? undefined : { evidence, kind: 'changed' };
    } catch (error) {
      return {
        evidence,
        kind: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable',
      };
    }
  }

  async read(evidence: Evidence): Promise<Buffer> {
    const file = this.locate(evidence.path);
    const bytes = tryRead(file);
    if (bytes && (await measureBytes(bytes)).sha256 === evidence.sha256) return bytes;
    const drift = (await this.check(evidence)) ?? { evidence, kind: 'changed' };
    throw new AgentqError('drift', describeDrift(drift), `restore ${file}, or do not trust it`);
  }
}

/** `results/a.md` for 1, `results/a~2.md` for 2: `~` is in no task id, so no other task's file is meant. */
function numbered(path: string, n: number): string {
  if (n === 1) return path;
  const { dir, name, ext } = parse(path);
  return `${dir}/${name}~${n}${ext}`;
}

/** Follows links in the folder but not in the file: a link inside the store is not a file of the store. */
function realParent(file: string): string {
  const absolute = resolve(file);
  return join(realRoot(dirname(absolute)), basename(absolute));
}

function realRoot(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

function tryRead(file: string): Buffer | undefined {
  try {
    return readRegular(file);
  } catch {
    return undefined;
  }
}

/** Says what is wrong with a source, or with the store, in one line, whatever the system calls it. */
async function readable<T>(source: Source, run: () => Promise<T>): Promise<T> {
  if ('file' in source) checkSource(source.file);
  try {
    return await run();
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (error instanceof NotAFile || code === 'ELOOP') throw notAFile('file' in source ? source.file : message);
    if (code === undefined) throw error;
    if (syscall === 'read' && 'file' in source) throw unreadable(source.file, error as NodeJS.ErrnoException);
    throw new AgentqError('storage', message, 'look at the store: is its disk full, read-only, or not yours to write?');
  }
}

function checkSource(file: string): void {
  try {
    const info = statSync(file);
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

function unreadable(file: string, { code, message }: NodeJS.ErrnoException): AgentqError {
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new AgentqError('unreadable-file', `${file} does not exist`, 'check the path');
  if (code === 'EACCES' || code === 'EPERM')
    return new AgentqError('unreadable-file', `${file} is not yours to read`, 'check its mode');
  return new AgentqError('unreadable-file', `${file} cannot be read: ${message}`, 'check the path');
}
