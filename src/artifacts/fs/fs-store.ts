import { closeSync, fstatSync, fsyncSync, lstatSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import { place, syncFile, syncFolder, temporaryName, writeTemporary } from '../../files/durable-file.ts';
import { openRegular, readAll } from '../../files/regular-file.ts';
import { checkSource, type LocalSource } from '../../files/source-file.ts';
import { LocalStaging } from '../local/local-staging.ts';
import { storeError, writing } from '../local/store-error.ts';
import { storeFolder } from '../local/store-folder.ts';
import { type StoreModes, openToReaders } from '../local/store-modes.ts';
import { numbered } from '../local/store-path.ts';
import { halfWritten } from '../local/store-scan.ts';
import type { ArtifactStore, Content, Fetched, Listing, Piece, Stored } from '../store.ts';
import { ALL_FOLDERS, checkStore, isMade, makeStore, storeId } from './store-marker.ts';

/**
 * A store on a local or shared disk. A shared one may be a network folder: it holds files, not the database. Its staging
 * folder is the store itself, so that a staged file is recorded where it lies, and `fetch` returns the stored file.
 */
export class FsStore implements ArtifactStore {
  readonly staging: LocalStaging;
  readonly #root: string;
  readonly #modes: StoreModes;
  readonly #id: string | undefined;
  /** The store id in the records of evidence in this store. */
  readonly #origin: Pick<Evidence, 'store'>;

  /** @param id the id of the workspace's store; undefined if none was recorded */
  constructor(root: string, fileMode: number, folderMode: number, id?: string) {
    this.#root = resolve(root);
    this.#modes = { file: fileMode, folder: folderMode };
    this.#id = id;
    this.#origin = id === undefined ? {} : { store: id };
    this.staging = new LocalStaging(this.#root, this.#modes, () => checkStore(this.#root, this.#id));
  }

  refOf(path: string): string {
    return pathToFileURL(this.placeOf(path)).href;
  }

  placeOf(path: string): string {
    return this.staging.locate(path);
  }

  async put(pieces: readonly Piece[], stored: Stored[] = []): Promise<readonly Stored[]> {
    const folders = new Set<string>();
    for (const [n, piece] of pieces.entries()) {
      if (n > 0) await othersRun();
      checkStore(this.#root, this.#id);
      const one = await this.#putOne(piece);
      stored.push(one);
      for (let path = one.evidence.path; path !== '.';) folders.add((path = dirname(path)));
    }
    // Syncs each folder once for all files, also the folders that a worker created.
    for (const folder of folders) {
      writing(() => syncFolder(this.placeOf(folder)));
      if (pieces.length > 1) await othersRun();
    }
    return stored;
  }

  async #putOne(piece: Piece): Promise<Stored> {
    const staged = 'staged' in piece.source;
    const source = staged ? { file: this.placeOf(piece.source.staged), own: true } : piece.source;
    try {
      if (staged && piece.source.staged === piece.path) return await this.#adopt(piece);
      if ('file' in source) checkSource(source);
      return await this.#copy(piece, source);
    } catch (error) {
      throw storeError(error, source);
    }
  }

  async #copy({ path, name }: Piece, source: LocalSource): Promise<Stored> {
    storeFolder(this.#root, dirname(path), this.#modes.folder);
    const { temporary, ...measured } = await writeTemporary(this.placeOf(path), source, this.#modes.file);
    try {
      return await this.#place(temporary, { name, path, ...measured, ...this.#origin });
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  /** Gives the temporary file the first name that is free or already has the same content. */
  async #place(temporary: string, { path, ...measured }: Evidence): Promise<Stored> {
    for (let n = 1; ; n++) {
      const evidence = { ...measured, path: numbered(path, n) };
      const file = this.placeOf(evidence.path);
      const created = place(temporary, file);
      if (!created && (await this.check(evidence)) !== undefined) continue;
      if (!created) syncFile(file);
      return { evidence, created, file };
    }
  }

  /** Records a file where it lies. Its mode becomes that of the store. */
  async #adopt({ path, name }: Piece): Promise<Stored> {
    storeFolder(this.#root, dirname(path));
    const file = this.placeOf(path);
    const fd = openRegular(file, false);
    try {
      // It could be changed through its other name.
      if (fstatSync(fd).nlink > 1) return await this.#replaceByCopy({ path, name }, file);
      openToReaders(this.#root, path, fd, this.#modes);
      const measured = await readAll(fd);
      fsyncSync(fd);
      return { evidence: { name, path, ...measured, ...this.#origin }, created: false, file };
    } finally {
      closeSync(fd);
    }
  }

  async #replaceByCopy({ path, name }: Pick<Piece, 'path' | 'name'>, file: string): Promise<Stored> {
    const { temporary, ...measured } = await writeTemporary(file, { file, own: true }, this.#modes.file);
    renameSync(temporary, file);
    return { evidence: { name, path, ...measured, ...this.#origin }, created: false, file };
  }

  async discard({ evidence, created }: Stored, isRecorded = async () => false): Promise<void> {
    if (!created) return;
    const file = join(storeFolder(this.#root, dirname(evidence.path)), basename(evidence.path));
    const aside = temporaryName(file);
    renameSync(file, aside);
    // If the question fails, the file may be recorded.
    let kept = true;
    try {
      kept = await isRecorded();
    } finally {
      if (kept) place(aside, file);
      rmSync(aside, { force: true });
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    checkStore(this.#root, this.#id);
    for (const [n, path] of paths.entries()) {
      if (n > 0) await othersRun();
      writing(() => removeFile(this.#root, path));
    }
  }

  async fetch(evidence: Evidence, take?: (bytes: Uint8Array) => void): Promise<Fetched> {
    let file: string;
    let fd: number;
    try {
      storeFolder(this.#root, dirname(evidence.path));
      file = this.placeOf(evidence.path);
      fd = openRegular(file, false);
    } catch (error) {
      return unreadable(evidence, error);
    }
    try {
      // A file of another size is not read, however large it is.
      if (fstatSync(fd).size !== evidence.size) return { drift: { evidence, kind: 'changed' } };
      const { sha256, size } = await readAll(fd, take);
      if (sha256 === evidence.sha256 && size === evidence.size) return { file };
      return { drift: { evidence, kind: 'changed' } };
    } catch (error) {
      if (take) throw error;
      return unreadable(evidence, error);
    } finally {
      closeSync(fd);
    }
  }

  async check(evidence: Evidence): Promise<Drift | undefined> {
    return (await this.fetch(evidence)).drift;
  }

  async unrecorded(ref: string): Promise<Content | undefined> {
    try {
      const path = this.staging.pathOf(fileURLToPath(ref));
      if (path === undefined) return undefined;
      storeFolder(this.#root, dirname(path));
      const file = this.placeOf(path);
      const info = lstatSync(file);
      return info.isFile() ? { size: info.size, readInto: (take) => readFile(file, take) } : undefined;
    } catch {
      return undefined;
    }
  }

  async list(folder: string): Promise<Listing> {
    return this.staging.scan(folder);
  }

  async leftovers(before: number): Promise<readonly string[]> {
    return halfWritten(this.#root, ALL_FOLDERS, before);
  }

  async removeLeftover(path: string): Promise<boolean> {
    try {
      rmSync(this.placeOf(path), { force: true });
      return true;
    } catch {
      return false;
    }
  }

  async identity(): Promise<string | undefined> {
    return storeId(this.#root);
  }

  async isMade(): Promise<boolean> {
    return isMade(this.#root);
  }

  async make(id: string): Promise<string> {
    return makeStore(this.#root, id, this.#modes);
  }

  async attend(): Promise<void> {
    checkStore(this.#root, this.#id);
  }

  async probe(): Promise<void> {
    this.staging.probe();
  }
}

function removeFile(root: string, path: string): void {
  try {
    unlinkSync(join(storeFolder(root, dirname(path)), basename(path)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function unreadable(evidence: Evidence, error: unknown): Fetched {
  const kind = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'unreadable';
  return { drift: { evidence, kind } };
}

async function readFile(file: string, take: (bytes: Uint8Array) => void): Promise<void> {
  try {
    checkSource({ file, own: true });
    const fd = openRegular(file, false);
    await readAll(fd, take).finally(() => closeSync(fd));
  } catch (error) {
    throw storeError(error, { file, own: true });
  }
}

/** Lets timers and other work of this process run, so that a lease is renewed while many files are stored. */
function othersRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
