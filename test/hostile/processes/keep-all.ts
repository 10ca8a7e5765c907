import { writeSync } from 'node:fs';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';

/** Records every file of a folder in the store without a copy, and then prints a line. */
const [root, folder] = process.argv.slice(2) as [string, string];
const store = new FsStore(root, 0o600, 0o700);
const { paths } = store.staging.scan(folder);
await store.put(
  paths.map((path) => ({ path, name: path, source: { staged: path } })),
  [],
);
writeSync(1, 'kept\n');
