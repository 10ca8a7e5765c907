import { openBackend } from '../../../src/backend/open.ts';
import { storeOptions } from '../support/store-options.ts';

/** Audits the store in a folder and repairs it; prints each finding. */
const [dir] = process.argv.slice(2) as [string];
const backend = await openBackend(storeOptions(dir));
for (const finding of await backend.audit(true)) console.log(JSON.stringify(finding));
await backend.close();
