import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBackend } from '../../src/backend/open.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';
import { isPrint, isSync, isWrite, pathOf, trace, untraceable } from './support/trace.ts';

// No power can be cut here. But what the system was told to write before a command said that it was done can be seen.
test.skipIf(untraceable !== undefined)(
  `what was said to be kept has reached the disk (${untraceable ?? 'traced'})`,
  async () => {
    const dir = scratchFolder();
    await createBackend(storeOptions(dir));
    const calls = trace(new URL('processes/submit-some.ts', import.meta.url), dir, 'a', '3');
    const files = new Set(['agentq.db', 'agentq.db-wal'].map((name) => join(dir, name)));
    const onlyInMemory = new Set<string>();
    /** How often the store was written to and synced when each line was printed, and what was not yet synced. */
    const said: { writes: number; syncs: number; onlyInMemory: string[] }[] = [];
    let [writes, syncs] = [0, 0];
    for (const call of calls) {
      const path = pathOf(call) ?? '';
      if (isPrint(call)) said.push({ writes, syncs, onlyInMemory: [...onlyInMemory] });
      else if (files.has(path) && isSync(call) && onlyInMemory.delete(path)) syncs++;
      else if (files.has(path) && isWrite(call) && onlyInMemory.add(path)) writes++;
    }
    expect(said).toHaveLength(3);
    for (const [n, moment] of said.entries()) {
      expect(moment.onlyInMemory).toEqual([]);
      expect(moment.writes).toBeGreaterThan(said[n - 1]?.writes ?? 0);
      expect(moment.syncs).toBeGreaterThan(said[n - 1]?.syncs ?? 0);
    }
    // The log's own name is new as well.
    expect(calls.some((call) => isSync(call) && pathOf(call) === dir)).toBe(true);
  },
);
