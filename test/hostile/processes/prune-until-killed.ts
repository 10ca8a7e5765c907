import { prune } from '../../../src/app/prune/prune.ts';
import { openServices } from '../support/services.ts';

/** Prunes everything in a workspace and kills itself after the given number of changes. Prints `done` at the end. */
const [dir, count, url] = process.argv.slice(2) as [string, string, string | undefined];
let left = Number(count);

const CHANGES: ReadonlySet<unknown> = new Set(['commit', 'evidenceRemoved', 'remove', 'clear', 'put']);

/** Files of the store are listed after a snapshot was announced, and before old ones are removed. */
const isCounted = (key: unknown, [first]: readonly unknown[]) =>
  CHANGES.has(key) || (key === 'list' && typeof first === 'string');

/** The same object. It counts calls that change something. */
function counted<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_, key) {
      const value = Reflect.get(target, key, target) as unknown;
      if (key === 'staging') return counted(value as object);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const result = value.apply(target, args) as unknown;
        if (!isCounted(key, args)) return result;
        return result instanceof Promise ? result.then(countdown) : countdown(result);
      };
    },
  });
}

function countdown<T>(result: T): T {
  if (--left === 0) process.kill(process.pid, 'SIGKILL');
  return result;
}

const services = await openServices(dir, url, counted);
const request = { before: Date.now() + 1, keep_dead: false, remember: 1e9, dryRun: false };
await prune({ ...services, backend: counted(services.backend) }, request);
console.log('done');
process.exit(0);
