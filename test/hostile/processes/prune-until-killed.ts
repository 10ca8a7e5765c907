import { prune } from '../../../src/app/prune/prune.ts';
import type { Services } from '../../../src/app/workspace/services.ts';
import { findWorkspace } from '../../../src/app/workspace/workspace.ts';
import { FsStore } from '../../../src/artifacts/fs/fs-store.ts';
import { openBackend } from '../../../src/backend/open.ts';
import { storeOptions } from '../../backend/support/store-options.ts';

/** Prunes everything in a workspace and kills itself after the given number of changes. Prints `done` at the end. */
const [dir, count] = process.argv.slice(2) as [string, string];
let left = Number(count);

const CHANGES: ReadonlySet<unknown> = new Set(['commit', 'evidenceRemoved', 'remove', 'clear']);

/** The same object. It counts calls that change something. */
function counted<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_, key) {
      const value = Reflect.get(target, key, target) as unknown;
      if (key === 'staging') return counted(value as object);
      if (typeof value !== 'function') return value;
      if (!CHANGES.has(key)) return value.bind(target) as unknown;
      return (...args: unknown[]) => {
        const result = value.apply(target, args) as unknown;
        return result instanceof Promise ? result.then(countdown) : countdown(result);
      };
    },
  });
}

function countdown<T>(result: T): T {
  if (--left === 0) process.kill(process.pid, 'SIGKILL');
  return result;
}

const workspace = await findWorkspace(dir, { cwd: dir });
const services: Services = {
  workspace,
  backend: counted(await openBackend(storeOptions(dir))),
  store: counted(new FsStore(workspace.storeDir, 0o600, 0o700, workspace.storeId)),
  clock: Date.now,
  monotonic: () => performance.now(),
  newId: () => 'unused',
};
const request = { before: Date.now() + 1, keep_dead: false, remember: 1e9, dryRun: false };
await prune(services, request);
console.log('done');
process.exit(0);
