import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchFolder } from '../backend/support/scratch.ts';
import { gone, hasProc } from './harness.ts';

test.skipIf(!hasProc)(
  'the guard stops a child whose worker was killed before it reported the process group of the child',
  async () => {
    const program = join(import.meta.dirname, 'processes', 'killed-before-watch.ts');
    const worker = spawnSync(process.execPath, [program, join(scratchFolder(), 'result.md')], { encoding: 'utf8' });
    expect(worker.signal).toBe('SIGKILL');
    await gone([Number(worker.stdout)]);
  },
);
