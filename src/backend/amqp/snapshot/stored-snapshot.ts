import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { Evidence } from '../../../core/evidence/evidence.ts';
import { Connection } from '../../projection/connection.ts';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache } from '../cache/cache.ts';
import { cacheSchema } from '../cache/tables/schema.ts';
import { withTemporaryFile } from './temporary-file.ts';

/**
 * Fetches a snapshot, and opens it. The file at `path` is removed afterwards, unless it was moved.
 * @returns what `use` returns; undefined if the snapshot is missing, or is not what was recorded
 * @throws AgentqError `storage`; `corrupt` if it has another format
 */
export async function withStoredSnapshot<T>(
  cache: Cache,
  files: SnapshotFiles,
  file: Evidence,
  use: (db: Connection, path: string) => T,
): Promise<T | undefined> {
  const content = await files.fetch(file);
  if (!content) return undefined;
  return await withTemporaryFile(cache.beginning, async (path) => {
    await pipeline(Readable.from([content]), createGunzip(), createWriteStream(path, { mode: cache.mode }));
    const db = Connection.open(path, cacheSchema);
    try {
      return use(db, path);
    } finally {
      db.close();
    }
  });
}
