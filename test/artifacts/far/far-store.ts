import { closeSync, createReadStream, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { LocalStaging } from '../../../src/artifacts/local/local-staging.ts';
import { storeError } from '../../../src/artifacts/local/store-error.ts';
import { storeFolder } from '../../../src/artifacts/local/store-folder.ts';
import { numbered } from '../../../src/artifacts/local/store-path.ts';
import { halfWritten } from '../../../src/artifacts/local/store-scan.ts';
import type { ArtifactStore, Content, Fetched, Listing, Piece, Stored } from '../../../src/artifacts/store.ts';
import { AgentqError } from '../../../src/core/errors.ts';
import type { Drift, Evidence } from '../../../src/core/evidence/evidence.ts';
import { temporaryName, writeTemporary } from '../../../src/files/durable-file.ts';
import { measureFile, openRegular, readAll } from '../../../src/files/regular-file.ts';
import { checkSource } from '../../../src/files/source-file.ts';

const MODES = { file: 0o600, folder: 0o700 };

/**
 * A store on another machine, for tests: the files are on an `ObjectServer`. Attempts work in `staging/` of a local
 * folder; `cache/` contains the files that were put or fetched, under their hash.
 */
export class FarStore implements ArtifactStore {
  readonly staging: LocalStaging;
  readonly #url: string;
  readonly #cache: string;
  readonly #local: string;
  readonly #id: string | undefined;

  constructor(url: string, local: string, id?: string) {
    this.#url = url;
    this.#local = local;
    this.#id = id;
    this.#cache = join(local, 'cache');
    const staging = join(local, 'staging');
    for (const folder of [this.#cache, staging]) mkdirSync(folder, { recursive: true, mode: MODES.folder });
    this.staging = new LocalStaging(staging, MODES);
  }

  refOf(path: string): string {
    return `${this.#url}/files/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  placeOf(path: string): string {
    return this.refOf(path);
  }

  async put(pieces: readonly Piece[], stored: Stored[] = []): Promise<readonly Stored[]> {
    if (pieces.length > 0) await this.attend();
    for (const piece of pieces) stored.push(await this.#putOne(piece));
    return stored;
  }

  /** Copies the source into the cache first, so that the file that is sent is the one that was hashed. */
  async #putOne({ path, name, source }: Piece): Promise<Stored> {
    const { file, ...measured } = await this.#copy(source);
    for (let n = 1; ; n++) {
      const evidence = {
        name,
        path: numbered(path, n),
        ...measured,
        ...(this.#id !== undefined && { store: this.#id }),
      };
      const { status } = await this.#send(evidence, file);
      if (status !== 412) return { evidence, created: status === 201, file };
    }
  }

  async #copy(source: Piece['source']) {
    const local = 'staged' in source ? { file: this.staging.locate(source.staged), own: true } : source;
    try {
      if ('staged' in source) storeFolder(this.staging.root, dirname(source.staged));
      if ('file' in local) checkSource(local);
      const { temporary, ...measured } = await writeTemporary(join(this.#cache, 'file'), local, MODES.file);
      renameSync(temporary, this.#cached(measured));
      return { ...measured, file: this.#cached(measured) };
    } catch (error) {
      throw storeError(error, local);
    }
  }

  #send({ path, sha256 }: Evidence, file: string): Promise<Response> {
    const body = Readable.toWeb(createReadStream(file)) as ReadableStream;
    return this.#ask(this.refOf(path), { method: 'PUT', headers: { 'x-sha256': sha256 }, body, duplex: 'half' });
  }

  async fetch(evidence: Evidence, take?: (bytes: Uint8Array) => void): Promise<Fetched> {
    const file = this.#cached(evidence);
    if (!(await matches(file, evidence))) {
      const drift = await this.#download(evidence, file);
      if (drift) return { drift };
    }
    if (!take) return { file };
    const fd = openRegular(file, false);
    const { sha256 } = await readAll(fd, take).finally(() => closeSync(fd));
    return sha256 === evidence.sha256 ? { file } : { drift: { evidence, kind: 'changed' } };
  }

  async #download(evidence: Evidence, file: string): Promise<Drift | undefined> {
    const response = await this.#ask(this.refOf(evidence.path), {});
    if (response.status === 404) return { evidence, kind: 'missing' };
    const temporary = temporaryName(file);
    writeFileSync(temporary, await response.bytes(), { mode: MODES.file });
    try {
      if (!(await matches(temporary, evidence))) return { evidence, kind: 'changed' };
      renameSync(temporary, file);
      return undefined;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  async check(evidence: Evidence): Promise<Drift | undefined> {
    const { status, headers } = await this.#ask(this.refOf(evidence.path), { method: 'HEAD' });
    if (status === 404) return { evidence, kind: 'missing' };
    return headers.get('x-sha256') === evidence.sha256 ? undefined : { evidence, kind: 'changed' };
  }

  async unrecorded(ref: string): Promise<Content | undefined> {
    if (!ref.startsWith(`${this.#url}/files/`)) return undefined;
    const { ok, headers } = await this.#ask(ref, { method: 'HEAD' });
    if (!ok) return undefined;
    const readInto = async (take: (bytes: Uint8Array) => void) => take(await (await this.#ask(ref, {})).bytes());
    return { size: Number(headers.get('content-length')), readInto };
  }

  async discard({ evidence, created, file }: Stored, isRecorded = async () => false): Promise<void> {
    if (!created) return;
    await this.#ask(this.refOf(evidence.path), { method: 'DELETE' });
    let kept = true;
    try {
      kept = await isRecorded();
    } finally {
      if (kept) await this.#send(evidence, file);
    }
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      await this.#ask(this.refOf(path), { method: 'DELETE' });
      rmSync(this.staging.locate(path), { force: true });
    }
  }

  async list(folder: string): Promise<Listing> {
    const response = await this.#ask(`${this.#url}/list/${folder}`, {});
    return { paths: (await response.json()) as string[], closed: [] };
  }

  async leftovers(before: number): Promise<readonly string[]> {
    return halfWritten(this.#local, ['cache'], before);
  }

  async removeLeftover(path: string): Promise<boolean> {
    rmSync(join(this.#local, path), { force: true });
    return true;
  }

  async identity(): Promise<string | undefined> {
    const response = await this.#ask(`${this.#url}/id`, {});
    return response.ok ? await response.text() : undefined;
  }

  async isMade(): Promise<boolean> {
    return (await this.identity()) !== undefined;
  }

  async make(id: string): Promise<string> {
    return await (await this.#ask(`${this.#url}/id`, { method: 'PUT', body: id })).text();
  }

  async attend(): Promise<void> {
    const found = await this.identity();
    if (found !== undefined && (this.#id ?? found) === found) return;
    throw new AgentqError('storage', `${found === undefined ? 'no' : 'another'} store is at ${this.#url}`);
  }

  async probe(): Promise<void> {
    await this.attend();
    this.staging.probe();
  }

  #cached({ sha256 }: Pick<Evidence, 'sha256'>): string {
    return join(this.#cache, sha256);
  }

  async #ask(url: string, init: RequestInit & { duplex?: 'half' }): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(url, init);
    } catch (error) {
      throw new AgentqError('storage', `${this.#url} cannot be reached`, undefined, error as Error);
    }
    if (response.status === 503) throw new AgentqError('storage', `${this.#url} answers with an error`);
    return response;
  }
}

async function matches(file: string, { sha256, size }: Evidence): Promise<boolean> {
  if (statSync(file, { throwIfNoEntry: false })?.size !== size) return false;
  return (await measureFile(file)).sha256 === sha256;
}
