import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendOptions } from '../options.ts';
import { Connection } from '../projection/connection.ts';
import { bellsIn, Doorbell } from '../projection/doorbell.ts';
import { storeSchema } from './schema.ts';
import { refuseNetworkFileSystem } from './file-system.ts';

export const databaseIn = (dir: string) => join(dir, 'agentq.db');

/** Creates the parts that are missing. Harmless if all exist. */
export function createSqlite(options: BackendOptions): { readonly created: boolean } {
  refuseNetworkFileSystem(options.dir);
  const created = !existsSync(databaseIn(options.dir));
  Doorbell.create(bellsIn(options.dir), options.folderMode);
  Connection.create(databaseIn(options.dir), options.fileMode, storeSchema).close();
  return { created };
}
