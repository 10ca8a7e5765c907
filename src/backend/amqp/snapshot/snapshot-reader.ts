import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Evidence } from '../../../core/evidence/evidence.ts';
import { Connection } from '../../projection/connection.ts';
import { ABSENT, type AbsentStates } from '../../projection/rows.ts';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache, Position } from '../cache/cache.ts';
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
import { withTemporaryFile } from './temporary-file.ts';

export interface SnapshotReaderParts {
  readonly cache: Cache;
  readonly names: Names;
  readonly files: () => Promise<SnapshotFiles>;
  /** How long to wait for the broker, in ms. */
  readonly patience: number;
  readonly newId: () => string;
  /** ms since 1970. */
  readonly clock: () => number;
}

/** How many snapshots to look for: every user of the store can put files there that no entry announces. */
const TRIES = 5;

export class SnapshotReader implements SnapshotSource {
  readonly #parts: SnapshotReaderParts;

  constructor(parts: SnapshotReaderParts) {
    this.#parts = parts;
  }

  async fill(connection: BrokerConnection): Promise<void> {
    try {
      if (this.#parts.cache.isFillable && connection.outageStart === undefined) await this.#fill(connection);
    } catch {
      // A snapshot only saves time. If the broker is the cause, the next request reports it.
    }
  }

  /** The store names the offsets where snapshots may begin, and the log shows which of them a coordinator announced. */
  async #fill(connection: BrokerConnection): Promise<void> {
    const { cache, names, patience, newId, clock } = this.#parts;
    const files = await this.#parts.files();
    const offsets = offsetsIn(names, await files.list(folderOf(names)));
    if (offsets.length === 0) return;
    const end = await appendAtEnd(connection, names, noteMessage(names, newId(), clock(), {}), { patience });
    for (const offset of offsets.filter((one) => one < end).slice(0, TRIES)) {
      const snapshot = await announcedSnapshot(connection, names, offset, end);
      if (snapshot?.format === cacheSchema.version && (await this.#fillFrom(files, snapshot))) return;
      if (!cache.isFillable) return;
    }
  }

  /** @returns whether the cache is filled */
  async #fillFrom(files: SnapshotFiles, { file, last, id }: Snapshot): Promise<boolean> {
    const { cache } = this.#parts;
    const content = await files.fetch(file);
    if (!content) return false;
    return withTemporaryFile(cache.beginning, async (path) => {
      await pipeline(Readable.from([content]), createGunzip(), createWriteStream(path, { mode: cache.mode }));
      const copy = Connection.open(path, cacheSchema);
      const found = copy.get<Position & object>('SELECT last, id FROM log')!;
      copy.close();
      if (found.last !== last || found.id !== id) return false;
      cache.fillFrom(path);
      return true;
    });
  }

  async load({ rows }: AbsentStates): Promise<boolean> {
    try {
      if (await this.#load(rows)) return true;
    } catch {
      // The store is away, or a file in it is damaged.
    }
    this.#parts.cache.startAlone();
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
      if (!content) return false;
      loadChunk(db, chunk.first, content);
      if (isAbsent(n)) return false;
    }
    return true;
  }
}
