import { openBackend } from '../../../src/backend/open.ts';
import { submit } from '../contract/requests.ts';
import { storeOptions } from '../support/store-options.ts';

/** Submits some tasks, each by itself, and ends without closing, as a command does. */
const [dir, prefix, count] = process.argv.slice(2) as [string, string, string];
const backend = await openBackend(storeOptions(dir));
for (let n = 0; n < Number(count); n++) await backend.commit([submit(`${prefix}-${n}`)]);
process.exit(0);
