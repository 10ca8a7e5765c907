import { writeSync } from 'node:fs';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';
import { put } from '../requests.ts';

/** Stores a file again and again under new names, and prints each path when it is stored. */
const [root, file] = process.argv.slice(2) as [string, string];
const store = new FsStore(root, 0o600, 0o700);
for (let n = 0; ; n++) {
  const { evidence } = await put(store, `results/r${n}.bin`, 'result', { file });
  writeSync(1, `${evidence.path}\n`);
}
