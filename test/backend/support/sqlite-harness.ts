import { createBackend, openBackend } from '../../../src/backend/open.ts';
import type { BackendOptions } from '../../../src/backend/options.ts';
import type { Backend } from '../../../src/backend/backend.ts';
import type { Harness } from '../contract/harness.ts';
import { makeFolder, removeFolder } from './scratch.ts';
import { storeOptions } from './store-options.ts';

export interface SqliteHarness extends Harness {
  readonly options: BackendOptions;
}

/** A store in a real file in a new folder. */
export async function makeSqliteHarness(): Promise<SqliteHarness> {
  let now = Date.UTC(2027, 0, 31);
  const dir = makeFolder();
  const options = storeOptions(dir, { clock: () => now });
  await createBackend(options);
  const connections = new Set<Backend>();
  return {
    options,
    clock: {
      now: () => now,
      advance: (ms) => {
        now += ms;
      },
    },
    async open() {
      const backend = await openBackend(options);
      connections.add(backend);
      return backend;
    },
    async close() {
      for (const backend of connections) await backend.close();
      removeFolder(dir);
    },
  };
}
