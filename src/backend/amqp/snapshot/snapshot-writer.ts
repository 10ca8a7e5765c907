import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache } from '../cache/cache.ts';
import { cacheSchema } from '../cache/schema.ts';
import { isDenied } from '../connection/broker-error.ts';
import type { Log } from '../log/log.ts';
import type { Names } from '../wire/names.ts';
import type { Snapshot } from '../wire/message/log-body.ts';
import { SNAPSHOT } from '../wire/routing-key.ts';
import { CopyOfCache } from './copy-of-cache.ts';
import { chunkName, snapshotName } from './snapshot-name.ts';
import { withTemporaryFile } from './temporary-file.ts';

export interface SnapshotWriterParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly names: Names;
  readonly files: () => Promise<SnapshotFiles>;
}

/** Writes snapshots of the log into the artifact store. Only coordinators may announce one. */
export class SnapshotWriter {
  readonly #parts: SnapshotWriterParts;

  constructor(parts: SnapshotWriterParts) {
    this.#parts = parts;
  }

  /**
   * Writes one.
   * @returns false if the user is not a coordinator
   * @throws AgentqError `storage`, and errors of the log
   */
  async write(): Promise<boolean> {
    // Other processes see that one is being written. It also tells whether the user may announce one.
    if (!(await this.#say(undefined))) return false;
    return await this.#say(await this.#make());
  }

  async #say(snapshot: Snapshot | undefined): Promise<boolean> {
    try {
      await this.#parts.log.note({ ...(snapshot && { snapshot }) }, { keyWord: SNAPSHOT, role: null });
      return true;
    } catch (error) {
      if (isDenied(error)) return false;
      throw error;
    }
  }

  #make(): Promise<Snapshot> {
    const { cache, names } = this.#parts;
    return withTemporaryFile(cache.beginning, async (path) => {
      const files = await this.#parts.files();
      const copy = CopyOfCache.begin(cache.path, path, cache.mode);
      const { last, id } = copy.position;
      try {
        copy.copyTables();
        await copy.copyTasks((first, bytes) => files.put(chunkName(names, first), { bytes }));
        copy.end();
      } finally {
        copy.close();
      }
      const packed = `${path}.gz`;
      await pipeline(createReadStream(path), createGzip({ level: 1 }), createWriteStream(packed, { mode: cache.mode }));
      const file = await files.put(snapshotName(names, last), { file: packed });
      return { last, id, format: cacheSchema.version, file };
    });
  }
}
