import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBackend } from '../../src/backend/open.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';
import { isPrint, isSync, isWrite, pathOf, trace, untraceable } from './support/trace.ts';

// A test cannot cut the power. It checks the system calls that the process made before it printed each line.
test.skipIf(untraceable !== undefined)(
  `a submit is synced to the disk before it is reported (${untraceable ?? 'traced'})`,
  async () => {
    const dir = scratchFolder();
    await createBackend(storeOptions(dir));
    const calls = trace(new URL('processes/submit-some.ts', import.meta.url), dir, 'a', '3');
    const files = new Set(['agentq.db', 'agentq.db-wal'].map((name) => join(dir, name)));
    const onlyInMemory = new Set<string>();
    /** For each printed line: the number of writes and syncs of the store before it, and the files not yet synced. */
    const prints: { writes: number; syncs: number; onlyInMemory: string[] }[] = [];
    let [writes, syncs] = [0, 0];
    for (const call of calls) {
      const path = pathOf(call) ?? '';
      if (isPrint(call)) prints.push({ writes, syncs, onlyInMemory: [...onlyInMemory] });
      else if (files.has(path) && isSync(call) && onlyInMemory.delete(path)) syncs++;
      else if (files.has(path) && isWrite(call) && onlyInMemory.add(path)) writes++;
    }
    expect(prints).toHaveLength(3);
    for (const [n, print] of prints.entries()) {
      expect(print.onlyInMemory).toEqual([]);
      expect(print.writes).toBeGreaterThan(prints[n - 1]?.writes ?? 0);
      expect(print.syncs).toBeGreaterThan(prints[n - 1]?.syncs ?? 0);
    }
    // The folder is synced too, because the name of the write-ahead log is new.
    expect(calls.some((call) => isSync(call) && pathOf(call) === dir)).toBe(true);
  },
);
