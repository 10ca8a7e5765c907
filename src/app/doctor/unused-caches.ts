import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Services } from '../workspace/services.ts';
import type { Diagnosis } from './diagnosis.ts';

/** After how long without a change a cache counts as unused, in ms. */
const UNUSED = 30 * 86_400_000;

/**
 * Caches of a broker's log that have not changed for 30 days. Each set of hosts, virtual host and prefix that a
 * URL has named leaves one. A cache can be built again from the log.
 */
export function unusedCaches({ workspace: { dir }, clock }: Services): Diagnosis[] {
  const before = clock() - UNUSED;
  return readdirSync(dir)
    .filter((name) => /^cache-.*\.db$/.test(name) && changedAt(join(dir, name)) < before)
    .map((name) => ({
      subject: name,
      problem: 'this cache of a broker has not changed for 30 days: if it is not in use, delete it',
      severity: 'advice',
      repaired: false,
    }));
}

/** The latest change of a database or its write-ahead log, ms since 1970. */
function changedAt(path: string): number {
  return Math.max(...[path, `${path}-wal`].map((one) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}
