import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBackend } from '../../src/backend/open.ts';
import { scratchFolder } from './support/scratch.ts';
import { storeOptions } from './support/store-options.ts';
import { isPrint, isSync, pathOf, trace, untraceable } from './support/trace.ts';

// No power can be cut here. But what the system was told to write before a command said that it was done can be seen.
test.skipIf(untraceable !== undefined)(
  `what was said to be kept has reached the disk (${untraceable ?? 'traced'})`,
  async () => {
    const dir = scratchFolder();
    await createBackend(storeOptions(dir));
    const calls = trace(new URL('processes/submit-some.ts', import.meta.url), dir, 'a', '3');
    const files = ['agentq.db', 'agentq.db-wal'].map((name) => join(dir, name));
    const onlyInMemory = new Set<string>();
    let syncs = 0;
    let prints = 0;
    for (const call of calls) {
      const path = pathOf(call);
      if (isPrint(call)) {
        expect([...onlyInMemory]).toEqual([]);
        expect(syncs).toBeGreaterThan(prints++);
      } else if (path === undefined || !files.includes(path)) {
        continue;
      } else if (isSync(call)) {
        onlyInMemory.delete(path);
        syncs++;
      } else if (call.name === 'pwrite64' || call.name === 'write') {
        onlyInMemory.add(path);
      }
    }
    expect(prints).toBe(3);
    // The log's own name is new as well.
    expect(calls.some((call) => isSync(call) && pathOf(call) === dir)).toBe(true);
  },
);
