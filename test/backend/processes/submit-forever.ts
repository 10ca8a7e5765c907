import { writeSync } from 'node:fs';
import { openBackend } from '../../../src/backend/open.ts';
import { submit } from '../contract/requests.ts';
import { storeOptions } from '../support/store-options.ts';

/** Submits batches of tasks called PREFIX-BATCH-ROW without end. Prints the number of each batch after its commit. */
const [dir, prefix, rows] = process.argv.slice(2) as [string, string, string];
const backend = await openBackend(storeOptions(dir));
for (let batch = 0; ; batch++) {
  await backend.commit(
    Array.from({ length: Number(rows) }, (_, row) =>
      submit(`${prefix}-${batch}-${row}`, { instructions: 'x'.repeat(2_000) }),
    ),
  );
  writeSync(1, `${batch}\n`);
}
