import { join } from 'node:path';
import { Connection } from '../../../src/backend/projection/connection.ts';
import { storeSchema } from '../../../src/backend/sqlite/schema.ts';

/** Migrates a store by the steps of the program and one more step, which takes longer than any test. */
const [dir] = process.argv.slice(2) as [string];
const ENDLESS = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
const { version, migrations } = storeSchema;
console.log('begun');
Connection.open(join(dir, 'agentq.db'), {
  ...storeSchema,
  version: version + 1,
  migrations: [...migrations!, `CREATE TABLE half_done (n); ${ENDLESS}`],
});
console.log('done');
