import { basename } from 'node:path';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { SnapshotFiles } from '../backend/snapshot-files.ts';

const FOLDER = 'snapshots';

/** The snapshots in an artifact store, in a folder of their own. */
export function snapshotFilesIn(store: ArtifactStore): SnapshotFiles {
  return {
    async put(name, content) {
      const [stored] = await store.put([{ path: `${FOLDER}/${name}`, name: basename(name), source: content }]);
      return stored!.evidence;
    },
    async fetch(file) {
      const pieces: Uint8Array[] = [];
      const { drift } = await store.fetch(file, (bytes) => pieces.push(bytes));
      return drift ? undefined : Buffer.concat(pieces);
    },
    async list(folder) {
      const { paths } = await store.list(`${FOLDER}/${folder}`);
      return paths.map((path) => path.slice(FOLDER.length + 1));
    },
  };
}
