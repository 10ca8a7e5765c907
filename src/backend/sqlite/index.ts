import type { Backend } from '../backend.ts';
import type { BackendOptions } from '../options.ts';
import { Connection } from '../projection/connection.ts';
import { databaseIn } from './create.ts';
import { bellsIn, Doorbell } from '../projection/doorbell.ts';
import { storeSchema } from './schema.ts';
import { refuseNetworkFileSystem } from './file-system.ts';
import { SqliteBackend } from './sqlite-backend.ts';

export { createSqlite } from './create.ts';

export function openSqlite({ dir, fileMode, clock, random }: BackendOptions): Backend {
  refuseNetworkFileSystem(dir);
  return new SqliteBackend(
    Connection.open(databaseIn(dir), storeSchema),
    new Doorbell(bellsIn(dir), fileMode),
    clock,
    random,
  );
}
