import { writeSync } from 'node:fs';
import { openBackend } from '../../../src/backend/open.ts';
import { submit } from '../contract/requests.ts';
import { storeOptions } from '../support/store-options.ts';

/** Submits tasks one by one and prints each id after its commit. Ends without closing the store, as a command does. */
const [dir, prefix, count] = process.argv.slice(2) as [string, string, string];
const backend = await openBackend(storeOptions(dir));
for (let n = 0; n < Number(count); n++) {
  const id = `${prefix}-${n}`;
  await backend.commit([submit(id)]);
  writeSync(1, `${id}\n`);
}
process.exit(0);
