import type { Evidence } from '../../../core/evidence/evidence.ts';
import { ABSENT, type AbsentStates } from '../../projection/rows.ts';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache, Position } from '../cache/cache.ts';
import { leastBase } from '../cache/tables/known-snapshots.ts';
import { cacheSchema } from '../cache/tables/schema.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import { appendAtEnd } from '../log/append-at-end.ts';
import type { SnapshotSource } from '../log/reader/snapshot-source.ts';
import { noteMessage } from '../wire/message/encode.ts';
import type { Snapshot } from '../wire/message/log-body.ts';
import type { Names } from '../wire/names.ts';
import { announcedSnapshots } from './announced-snapshots.ts';
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

export class SnapshotReader implements SnapshotSource {
  readonly #parts: SnapshotReaderParts;
  /** The place in the log after which no usable snapshot was found, when the user was last told. */
  #told: number | undefined;

  constructor(parts: SnapshotReaderParts) {
    this.#parts = parts;
  }

  async fill(connection: BrokerConnection): Promise<void> {
    const { cache, say } = this.#parts;
    if (!cache.isFillable || connection.outageStart !== undefined) return;
    const least = leastBase(cache.db);
    try {
      await this.#fill(connection, least);
    } catch (error) {
      // A snapshot only saves time. If the broker is the cause, the next request reports it.
      if (await connection.isLost(error)) return;
    }
    if (least < 0 || least === this.#told || !cache.isFillable) return;
    this.#told = least;
    say('warning: a file of a snapshot is missing or damaged: the log is read instead');
  }

  /**
   * The store names the offsets where snapshots may begin, and the log shows which of them a coordinator announced. Every
   * user of the store can put files there that no entry announces: so each search begins after twice as many of them
   * as the one before, and ends where that one began.
   */
  async #fill(connection: BrokerConnection, least: number): Promise<void> {
    const { cache, names, patience, newId, clock } = this.#parts;
    const files = await this.#parts.files();
    const all = offsetsIn(names, await files.list(folderOf(names)));
    if (all.length === 0) return;
    let end = await appendAtEnd(connection, names, noteMessage(names, newId(), clock(), {}), { patience });
    const offsets = all.filter((one) => one < end && one > least);
    const tried = new Set<string>();
    for (let count = 1; count < 2 * offsets.length; count *= 2) {
      const from = offsets[Math.min(count, offsets.length) - 1]!;
      const announced = await announcedSnapshots(connection, names, { from, end }, () => cache.rules.forms());
      for (const snapshot of announced) {
        const { last, format, file } = snapshot;
        if (format !== cacheSchema.version || !offsets.includes(last) || tried.has(file.path)) continue;
        if (await this.#fillFrom(files, snapshot)) return;
        if (!cache.isFillable) return;
        tried.add(file.path);
      }
      if (!announced.some(({ last }) => last === from)) end = from;
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
