import { closeSync, fstatSync, fsyncSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { AgentqError } from '../../core/errors.ts';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import {
  type ArtifactStore,
  type Content,
  describeDrift,
  type Piece,
  type Scan,
  type Source,
  type Stored,
} from '../store.ts';
import { giveFolder, writtenSince } from './attempt-place.ts';
import { place, syncFile, syncFolder, temporaryName, writeTemporary } from '../../files/durable-file.ts';
import { measureFile, openRegular, readAll } from '../../files/regular-file.ts';
import { checkSource, readable } from './source-error.ts';
import { checkWritable, storeFolder } from './store-folder.ts';
import { checkStore, FOLDERS, makeStore, storeId } from './store-marker.ts';
import { type StoreModes, openToReaders } from './store-modes.ts';
import { numbered, pathInside } from './store-path.ts';
import { halfWritten, scanFolder } from './store-scan.ts';

/** The maximum size of content that is read as a whole, in bytes. Node.js cannot read more than 2 GiB at once. */
const WHOLE = 1024 ** 3;

/** A store on a local or shared disk. A shared one may be a network folder: it holds files, not the database. */
export class FsStore implements ArtifactStore {
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
  }

  refOf(path: string): string {
    return pathToFileURL(this.locate(path)).href;
  }

  locate(path: string): string {
    const place = join(this.#root, path);
    // Names are checked at their input; this is a second check.
    if (relative(this.#root, place).startsWith('..')) {
      throw new AgentqError('corrupt', `${path} lies outside of the store`, 'check who wrote it: agentq show');
    }
    return place;
  }

  pathOf(file: string): string | undefined {
    return pathInside(this.#root, file);
  }

  async examine(source: Source): Promise<void> {
    if ('file' in source) checkSource(source);
  }

  async put(path: string, name: string, source: Source): Promise<Stored> {
    const stored: Stored[] = [];
    await this.keep([{ path, name, source }], stored);
    return stored[0]!;
  }

  async adopt(path: string, name: string): Promise<Evidence> {
    const stored: Stored[] = [];
    await this.keep([{ path, name }], stored);
    return stored[0]!.evidence;
  }

  async keep(pieces: readonly Piece[], stored: Stored[]): Promise<void> {
    const folders = new Set<string>();
    for (const [n, piece] of pieces.entries()) {
      if (n > 0) await othersRun();
      this.attend();
      const { source = { file: this.locate(piece.path), own: true } } = piece;
      const one = await readable(source, () => (piece.source ? this.#copy(piece, piece.source) : this.#adopt(piece)));
      stored.push(one);
      for (let path = one.evidence.path; path !== '.';) folders.add((path = dirname(path)));
    }
    // Syncs each folder once for all files, also the folders that a worker created.
    for (const folder of folders) {
      await readable({ bytes: new Uint8Array() }, async () => syncFolder(this.locate(folder)));
      if (pieces.length > 1) await othersRun();
    }
  }

  async #copy({ path, name }: Piece, source: Source): Promise<Stored> {
    storeFolder(this.#root, dirname(path), this.#modes.folder);
    const { temporary, ...measured } = await writeTemporary(this.locate(path), source, this.#modes.file);
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
      const file = this.locate(evidence.path);
      const created = place(temporary, file);
      if (!created && (await this.check(evidence)) !== undefined) continue;
      if (!created) syncFile(file);
      return { evidence, created };
    }
  }

  async #adopt({ path, name }: Piece): Promise<Stored> {
    storeFolder(this.#root, dirname(path));
    const file = this.locate(path);
    const fd = openRegular(file, false);
    try {
      if (fstatSync(fd).nlink > 1) return await this.#replaceByCopy({ path, name });
      openToReaders(this.#root, path, fd, this.#modes);
      const measured = await readAll(fd);
      fsyncSync(fd);
      return { evidence: { name, path, ...measured, ...this.#origin }, created: false };
    } finally {
      closeSync(fd);
    }
  }

  async #replaceByCopy({ path, name }: Piece): Promise<Stored> {
    const file = this.locate(path);
    const { temporary, ...measured } = await writeTemporary(file, { file, own: true }, this.#modes.file);
    renameSync(temporary, file);
    return { evidence: { name, path, ...measured, ...this.#origin }, created: false };
  }

  async discard({ evidence, created }: Stored, isRecorded = async () => false): Promise<void> {
    if (!created) return;
    const file = join(storeFolder(this.#root, dirname(evidence.path)), basename(evidence.path));
    const aside = temporaryName(file);
    renameSync(file, aside);
    if (await isRecorded()) place(aside, file);
    rmSync(aside, { force: true });
  }

  async scan(folder: string): Promise<Scan> {
    return scanFolder(this.#root, folder);
  }

  async leftovers(before: number): Promise<readonly string[]> {
    return halfWritten(this.#root, FOLDERS, before);
  }

  async removeLeftover(path: string): Promise<boolean> {
    try {
      rmSync(this.locate(path), { force: true });
      return true;
    } catch {
      return false;
    }
  }

  async prepare(folder: string, claim: string, others: readonly string[]): Promise<string> {
    this.attend();
    return await readable({ bytes: new Uint8Array() }, async () =>
      giveFolder(this.#root, folder, claim, others, this.#modes),
    );
  }

  async probe(): Promise<void> {
    this.attend();
    await readable({ bytes: new Uint8Array() }, async () =>
      checkWritable(storeFolder(this.#root, 'artifacts', this.#modes.folder)),
    );
  }

  async writtenSince(folder: string, claim: string, paths: readonly string[]): Promise<readonly string[]> {
    return writtenSince(this.#root, folder, claim, paths);
  }

  identity(): string | undefined {
    return storeId(this.#root);
  }

  make(id: string): string {
    return makeStore(this.#root, id, this.#modes);
  }

  attend(): void {
    checkStore(this.#root, this.#id);
  }

  async check(evidence: Evidence): Promise<Drift | undefined> {
    try {
      storeFolder(this.#root, dirname(evidence.path));
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
    if (evidence.size > WHOLE) {
      throw new AgentqError(
        'too-large',
        `${evidence.name} has ${evidence.size} bytes`,
        `read the file: ${this.locate(evidence.path)}`,
      );
    }
    const pieces: Uint8Array[] = [];
    await this.readInto(evidence, (bytes) => pieces.push(bytes));
    return Buffer.concat(pieces);
  }

  async readInto(evidence: Evidence, take: (bytes: Uint8Array) => void): Promise<void> {
    const file = this.locate(evidence.path);
    const drift = await this.#readInto(evidence, take);
    const origin = evidence.store ?? this.#id;
    if (drift && this.#id !== undefined && origin !== this.#id) {
      throw new AgentqError(
        'storage',
        `${evidence.name} (${evidence.path}) was recorded in another store than ${this.#root}`,
        'is the right disk mounted?',
      );
    }
    if (drift) throw new AgentqError('drift', describeDrift(drift), `restore ${file}, or do not trust it`);
  }

  unrecorded(path: string): Content | undefined {
    const file = this.locate(path);
    try {
      storeFolder(this.#root, dirname(path));
      const info = lstatSync(file);
      return info.isFile() ? { size: info.size, readInto: (take) => readFile(file, take) } : undefined;
    } catch {
      return undefined;
    }
  }

  async #readInto(evidence: Evidence, take: (bytes: Uint8Array) => void): Promise<Drift | undefined> {
    let fd: number;
    try {
      storeFolder(this.#root, dirname(evidence.path));
      fd = openRegular(this.locate(evidence.path), false);
    } catch {
      return (await this.check(evidence)) ?? { evidence, kind: 'changed' };
    }
    try {
      const { sha256, size } = await readAll(fd, take);
      return sha256 === evidence.sha256 && size === evidence.size ? undefined : { evidence, kind: 'changed' };
    } finally {
      closeSync(fd);
    }
  }
}

async function readFile(file: string, take: (bytes: Uint8Array) => void): Promise<void> {
  const source = { file, own: true };
  await readable(source, async () => {
    const fd = openRegular(file, false);
    await readAll(fd, take).finally(() => closeSync(fd));
  });
}

/** Lets timers and other work of this process run, so that a lease is renewed while many files are stored. */
function othersRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
