import type { Evidence } from '../../../core/evidence/evidence.ts';
import { ABSENT, type AbsentStates } from '../../projection/rows.ts';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache, Position } from '../cache/cache.ts';
import { leastBase } from '../cache/known-snapshots.ts';
import { cacheSchema } from '../cache/schema.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import { appendAtEnd } from '../log/append-at-end.ts';
import type { SnapshotSource } from '../log/reader/snapshot-source.ts';
import { noteMessage } from '../wire/message/encode.ts';
import type { Snapshot } from '../wire/message/log-body.ts';
import type { Names } from '../wire/names.ts';
import { announcedSnapshot } from './announced-snapshot.ts';
import { loadChunk } from './chunk.ts';
import { folderOf, offsetsIn } from './snapshot-name.ts';
import { withStoredSnapshot } from './stored-snapshot.ts';

export interface SnapshotReaderParts {
  readonly cache: Cache;
  readonly names: Names;
  readonly files: () => Promise<SnapshotFiles>;
  /** How long to wait for the broker, in ms. */
  readonly patience: number;
  readonly newId: () => string;
  /** ms since 1970. */
  readonly clock: () => number;
  /** Prints one line for the user. */
  readonly say: (line: string) => void;
}

/** How many snapshots to look for: every user of the store can put files there that no entry announces. */
const TRIES = 5;

export class SnapshotReader implements SnapshotSource {
  readonly #parts: SnapshotReaderParts;

  constructor(parts: SnapshotReaderParts) {
    this.#parts = parts;
  }

  async fill(connection: BrokerConnection): Promise<void> {
    const { cache, say } = this.#parts;
    if (!cache.isFillable || connection.outageStart !== undefined) return;
    const begunBefore = leastBase(cache.db) >= 0;
    try {
      await this.#fill(connection);
    } catch {
      // A snapshot only saves time. If the broker is the cause, the next request reports it.
    }
    if (begunBefore && cache.isFillable)
      say('warning: a file of a snapshot is missing or damaged: the log is read instead');
  }

  /** The store names the offsets where snapshots may begin, and the log shows which of them a coordinator announced. */
  async #fill(connection: BrokerConnection): Promise<void> {
    const { cache, names, patience, newId, clock } = this.#parts;
    const files = await this.#parts.files();
    const offsets = offsetsIn(names, await files.list(folderOf(names)));
    if (offsets.length === 0) return;
    const least = leastBase(cache.db);
    const end = await appendAtEnd(connection, names, noteMessage(names, newId(), clock(), {}), { patience });
    for (const offset of offsets.filter((one) => one < end && one > least).slice(0, TRIES)) {
      const snapshot = await announcedSnapshot(connection, names, offset, end, () => cache.rules.forms());
      if (snapshot?.format === cacheSchema.version && (await this.#fillFrom(files, snapshot))) return;
      if (!cache.isFillable) return;
    }
  }

  /** @returns whether the cache is filled */
  async #fillFrom(files: SnapshotFiles, { file, last, id }: Snapshot): Promise<boolean> {
    const { cache } = this.#parts;
    const isFilled = await withStoredSnapshot(cache, files, file, (db, path) => {
      const found = db.get<Position & object>('SELECT last, id FROM log')!;
      db.close();
      if (found.last !== last || found.id !== id) return false;
      cache.fillFrom(path);
      return true;
    });
    return isFilled === true;
  }

  async load({ rows }: AbsentStates): Promise<boolean> {
    if (await this.#load(rows)) return true;
    // The file may have been removed with its snapshot, after a later one was written.
    this.#parts.cache.startLater();
    return false;
  }

  async #load(rows: readonly number[]): Promise<boolean> {
    const { db } = this.#parts.cache;
    const isAbsent = (n: number) => db.get('SELECT 1 FROM tasks WHERE n = ? AND state = ?', n, ABSENT) !== undefined;
    for (const n of rows) {
      if (!isAbsent(n)) continue;
      const chunk = db.get<{ first: number; file: string }>(
        'SELECT first, file FROM chunk WHERE first <= ?1 AND last >= ?1 AND loaded = 0',
        n,
      );
      const content = chunk && (await (await this.#parts.files()).fetch(JSON.parse(chunk.file) as Evidence));
      if (!content || !loadChunk(db, chunk.first, content) || isAbsent(n)) return false;
    }
    return true;
  }
}
