import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { AgentqError } from '../../../core/errors.ts';
import type { Evidence } from '../../../core/evidence/evidence.ts';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache } from '../cache/cache.ts';
import { lastPruned } from '../cache/tables/known-snapshots.ts';
import { cacheSchema } from '../cache/tables/schema.ts';
import { isDenied } from '../connection/broker-error.ts';
import type { Log } from '../log/log.ts';
import type { Names } from '../wire/names.ts';
import type { Note, Snapshot } from '../wire/message/log-body.ts';
import { SNAPSHOT } from '../wire/routing-key.ts';
import { CopyOfCache } from './copy-of-cache.ts';
import { chunkName, folderOf, offsetsIn, snapshotName } from './snapshot-name.ts';
import { removeUnneeded } from './snapshot-removal.ts';
import { withTemporaryFile } from './temporary-file.ts';

export interface SnapshotWriterParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly names: Names;
  readonly files: () => Promise<SnapshotFiles>;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** How often a snapshot is made if another process removes its files. */
const TRIES = 3;

/** Writes snapshots of the log into the artifact store. Only coordinators may announce one. */
export class SnapshotWriter {
  readonly #parts: SnapshotWriterParts;

  constructor(parts: SnapshotWriterParts) {
    this.#parts = parts;
  }

  /**
   * Writes one, and removes those that are not needed any more.
   * @returns false if the user is not a coordinator
   * @throws AgentqError `storage`, and errors of the log; AbsentStates if the cache lacks content that the store has not
   */
  async write(): Promise<boolean> {
    const begun = this.#parts.log.newId();
    // Other processes see that one is being written. It also tells whether the user may announce one.
    if (!(await this.#say({}, begun))) return false;
    if (!(await this.#say({ snapshot: { ...(await this.#make()), begun } }))) return false;
    await removeUnneeded({ ...this.#parts, files: await this.#parts.files() }, begun);
    return true;
  }

  /**
   * If older snapshots may contain the text of a pruned task, writes a new one and removes those. Also removes the
   * files that killed processes have left. The cache must be up to date.
   * @param isDry whether only to count. It counts all snapshots, because a prune of any task would replace them all
   * @returns how many it replaced, or would replace
   */
  async renew(isDry: boolean): Promise<number> {
    const { cache, names } = this.#parts;
    const files = await this.#parts.files();
    const end = isDry ? cache.position().last + 1 : lastPruned(cache.db);
    const old = offsetsIn(names, await files.list(folderOf(names))).filter((offset) => offset < end);
    if (isDry) return old.length;
    if (old.length === 0) await removeUnneeded({ ...this.#parts, files });
    else if (!(await this.write())) return 0;
    return old.length;
  }

  async #say(note: Pick<Note, 'snapshot'>, id?: string): Promise<boolean> {
    try {
      await this.#parts.log.note(note, { keyWord: SNAPSHOT, role: null, ...(id !== undefined && { id }) });
      return true;
    } catch (error) {
      if (isDenied(error)) return false;
      throw error;
    }
  }

  /** If another process has removed a chunk meanwhile, the copy is made again. */
  async #make(): Promise<Snapshot> {
    const files = await this.#parts.files();
    for (let tries = 0; tries < TRIES; tries++) {
      const { snapshot, chunks } = await this.#copy(files);
      const stored = await this.#stored(files);
      if ([...chunks].every((name) => stored.has(name))) return snapshot;
    }
    throw new AgentqError('storage', 'files of the snapshot were removed while it was written', 'try again');
  }

  async #stored(files: SnapshotFiles): Promise<ReadonlySet<string>> {
    return new Set(await files.list(folderOf(this.#parts.names)));
  }

  /** @returns what it has stored, with the names of all its chunks */
  #copy(files: SnapshotFiles): Promise<{ readonly snapshot: Snapshot; readonly chunks: ReadonlySet<string> }> {
    const { cache, names } = this.#parts;
    return withTemporaryFile(cache.beginning, async (path) => {
      const stored = await this.#stored(files);
      const chunks = new Set<string>();
      const named = (chunk: Evidence) => {
        chunks.add(files.nameOf(chunk));
        return chunk;
      };
      const copy = CopyOfCache.begin(cache.path, path, cache.mode);
      const { last, id } = copy.position;
      try {
        copy.copyTables();
        await copy.copyTasks(
          async (first, bytes) => named(await files.put(chunkName(names, first), { bytes })),
          (chunk) => stored.has(files.nameOf(named(chunk))),
        );
        copy.end();
      } finally {
        copy.close();
      }
      const packed = `${path}.gz`;
      await pipeline(createReadStream(path), createGzip({ level: 1 }), createWriteStream(packed, { mode: cache.mode }));
      const file = await files.put(snapshotName(names, last), { file: packed });
      return { snapshot: { last, id, format: cacheSchema.version, file }, chunks };
    });
  }
}
