import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';
import { put, read } from '../requests.ts';

/** Checks or reads a piece of evidence, or stores a file under its path. Prints the result. */
const [how, root, path, sha256] = process.argv.slice(2) as ['check' | 'read' | 'put', string, string, string];
const store = new FsStore(root, 0o600, 0o700);
const evidence = { name: 'result', path, sha256, size: 7 };
try {
  if (how === 'check') console.log((await store.check(evidence))?.kind ?? 'unchanged');
  else if (how === 'read') console.log((await read(store, evidence)).toString());
  else console.log((await put(store, path, 'result', { bytes: Buffer.from('content') })).evidence.path);
} catch (error) {
  console.log((error as { code?: string }).code);
}
