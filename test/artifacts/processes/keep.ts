import { writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';

/** Keeps one piece of evidence in the way that is named, and prints its path once it is kept. */
const [how, root, path, umask = '077', fileMode = '600', folderMode = '700'] = process.argv.slice(2) as [
  'put' | 'adopt' | 'prepare and put',
  string,
  string,
  ...string[],
];
process.umask(Number.parseInt(umask, 8));
const store = new FsStore(root, Number.parseInt(fileMode, 8), Number.parseInt(folderMode, 8));
if (how === 'put') {
  await store.put(path, 'result', { bytes: Buffer.from('content') });
} else if (how === 'prepare and put') {
  await store.prepare(dirname(path), 'claim', []);
  await store.put(path, 'result', { bytes: Buffer.from('content') });
} else {
  const folder = await store.prepare(path, 'claim', []);
  writeFileSync(join(folder, 'found.md'), 'content');
  await store.adopt(`${path}/found.md`, 'found');
}
writeSync(1, `${path}\n`);
