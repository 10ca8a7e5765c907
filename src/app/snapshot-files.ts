import { basename } from 'node:path';
import { type ArtifactStore, describeDrift } from '../artifacts/store.ts';
import type { SnapshotFiles } from '../backend/snapshot-files.ts';
import { AgentqError } from '../core/errors.ts';

const FOLDER = 'snapshots';

/** The snapshots in an artifact store, in a separate folder. */
export function snapshotFilesIn(store: ArtifactStore): SnapshotFiles {
  return {
    async put(name, content) {
      const [stored] = await store.put([{ path: `${FOLDER}/${name}`, name: basename(name), source: content }]);
      return stored!.evidence;
    },
    async fetch(file) {
      const pieces: Uint8Array[] = [];
      const { drift } = await store.fetch(file, (bytes) => pieces.push(bytes));
      if (!drift) return Buffer.concat(pieces);
      // In the place of a store that is away, every file is missing.
      await store.attend();
      if (drift.kind === 'unreadable') throw new AgentqError('storage', describeDrift(drift), 'check its mode');
      return undefined;
    },
    async list(folder) {
      const { paths } = await store.list(`${FOLDER}/${folder}`);
      return paths.map(nameOf);
    },
    nameOf: ({ path }) => nameOf(path),
    async remove(names) {
      await store.remove(names.map((name) => `${FOLDER}/${name}`));
    },
  };
}

function nameOf(path: string): string {
  return path.slice(FOLDER.length + 1);
}
