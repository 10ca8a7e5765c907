import { writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';
import { adopt, put } from '../requests.ts';

/** Stores one piece of evidence in the given way, and prints its path when it is stored. */
const [how, root, path, umask = '077', fileMode = '600', folderMode = '700'] = process.argv.slice(2) as [
  'put' | 'adopt' | 'prepare and put',
  string,
  string,
  ...string[],
];
process.umask(Number.parseInt(umask, 8));
const store = new FsStore(root, Number.parseInt(fileMode, 8), Number.parseInt(folderMode, 8));
if (how === 'put') {
  await put(store, path, 'result', { bytes: Buffer.from('content') });
} else if (how === 'prepare and put') {
  store.staging.prepare(dirname(path), 'claim', []);
  await put(store, path, 'result', { bytes: Buffer.from('content') });
} else {
  const folder = store.staging.prepare(path, 'claim', []);
  writeFileSync(join(folder, 'found.md'), 'content');
  await adopt(store, `${path}/found.md`, 'found');
}
writeSync(1, `${path}\n`);
