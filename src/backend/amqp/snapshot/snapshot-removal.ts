import { isDeepStrictEqual } from 'node:util';
import type { Evidence } from '../../../core/evidence/evidence.ts';
import type { SnapshotFiles } from '../../snapshot-files.ts';
import type { Cache } from '../cache/cache.ts';
import { isCorrupt } from '../cache/cache-file.ts';
import { isBeingWritten, type KnownSnapshot, neededSnapshots } from '../cache/tables/known-snapshots.ts';
import type { Log } from '../log/log.ts';
import type { Names } from '../wire/names.ts';
import { folderOf, isChunkName, offsetIn } from './snapshot-name.ts';
import { withStoredSnapshot } from './stored-snapshot.ts';

export interface RemovalParts {
  readonly log: Log;
  readonly cache: Cache;
  readonly names: Names;
  readonly files: SnapshotFiles;
  /** ms since 1970. */
  readonly clock: () => number;
}

/**
 * Removes the snapshots that are not needed any more, and then the chunks that no remaining snapshot names. This also
 * removes the files that a killed process has left. While another process writes a snapshot, or if it has announced one
 * during the removal, the chunks stay, because the new snapshot may name them.
 * @param own the id of the entry by which this process has begun to write one
 */
export async function removeUnneeded({ log, cache, names, files, clock }: RemovalParts, own?: string): Promise<void> {
  const needed = neededSnapshots(cache.db);
  const [newest] = needed;
  if (!newest) return;
  const stored = await files.list(folderOf(names));
  const kept = new Set(needed.map(({ file }) => files.nameOf(file)));
  // A later one may not be announced yet.
  const isOld = (name: string) => (offsetIn(names, name) ?? Infinity) <= newest.last;
  await files.remove(stored.filter((name) => isOld(name) && !kept.has(name)));
  if (isBeingWritten(cache.db, own, clock())) return;
  const chunks = await chunksOf(cache, files, needed);
  if (!chunks) return;
  await log.catchUp();
  if (isBeingWritten(cache.db, own, clock()) || !isDeepStrictEqual(neededSnapshots(cache.db), needed)) return;
  await files.remove(stored.filter((name) => isChunkName(names, name) && !chunks.has(name)));
}

/** The names of the chunks of some snapshots; undefined if one of these has another format. */
async function chunksOf(
  cache: Cache,
  files: SnapshotFiles,
  snapshots: readonly KnownSnapshot[],
): Promise<ReadonlySet<string> | undefined> {
  const chunks = new Set<string>();
  try {
    for (const { file } of snapshots) {
      await withStoredSnapshot(cache, files, file, (db) => {
        for (const chunk of db.all<{ file: string }>('SELECT file FROM chunk'))
          chunks.add(files.nameOf(JSON.parse(chunk.file) as Evidence));
      });
    }
  } catch (error) {
    if (isCorrupt(error)) return undefined;
    throw error;
  }
  return chunks;
}
