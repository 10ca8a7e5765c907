import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test as base } from 'vitest';
import { BEGINNING, fixtures, type Shell, type Shells } from '../cli/harness.ts';
import { CONCURRENT, test as worker } from '../worker/harness.ts';

const test = base.extend<Shells>(fixtures);

const MINUTE = 60_000;
/** The default length of a lease. */
const LEASE = 5 * MINUTE;

/** Creates scratch of this age, in ms, at the time of the test. */
function scratch(q: Shell, name: string, age: number): void {
  const folder = q.path('.agentq/run', name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'log.txt'), 'said');
  const then = new Date(BEGINNING - age);
  for (const path of [join(folder, 'log.txt'), folder]) utimesSync(path, then, then);
}

/** Brings the task with this id into a state. */
const states: Readonly<Record<string, (q: Shell, id: string) => Promise<unknown>>> = {
  unknown: async () => {},
  queued: (q, id) => q.submit(id),
  held: async (q, id) => {
    await q.submit(id);
    await q.ok('claim', '--as', 'r', '--lease', '1d');
  },
  'held in its second attempt': async (q, id) => {
    await q.submit(id);
    await q.claim();
    await q.ok('release', id, '--from', 'r', '--reason', 'again');
    await q.ok('claim', '--as', 'r', '--lease', '1d');
  },
  completed: async (q, id) => {
    await q.submit(id);
    await q.claim();
    await q.ok('complete', id, '--from', 'r', '--summary', 'done');
  },
  'cancelled while it was held': async (q, id) => {
    await q.submit(id);
    await q.claim();
    await q.ok('cancel', id);
  },
};

describe.for(['v1', 'v1.5', 'a.b.c', 'x.md'])('scratch of %s', (id) => {
  test.for([
    { state: 'unknown', age: LEASE - MINUTE, left: true },
    { state: 'unknown', age: LEASE + MINUTE, left: false },
    { state: 'queued', age: LEASE - MINUTE, left: true },
    { state: 'queued', age: LEASE + MINUTE, left: false },
    { state: 'held', age: 1_000 * LEASE, left: true },
    { state: 'held in its second attempt', age: LEASE - MINUTE, left: true },
    { state: 'held in its second attempt', age: LEASE + MINUTE, left: false },
    { state: 'completed', age: LEASE - MINUTE, left: true },
    { state: 'completed', age: LEASE + MINUTE, left: false },
    { state: 'cancelled while it was held', age: 59 * MINUTE, left: true },
    { state: 'cancelled while it was held', age: 61 * MINUTE, left: false },
  ])('of a task that is $state, unchanged for $age ms: is kept: $left', async ({ state, age, left }, { q }) => {
    await states[state]!(q, id);
    scratch(q, `${id}~1`, age);
    await q.run('doctor', '--repair');
    expect(existsSync(q.path('.agentq/run', `${id}~1`))).toBe(left);
  });
});

test('other files and folders in run/ are kept', async ({ q }) => {
  const names = ['notes', 'internal-error.txt', 'v1~', '~1', 'v1~0', 'v1~x'];
  for (const name of names) scratch(q, name, 1_000 * LEASE);
  await q.run('doctor', '--repair');
  expect(readdirSync(q.path('.agentq/run')).toSorted()).toEqual(names.toSorted());
});

describe('a repair while a child runs', CONCURRENT, () => {
  worker.for(['v1.5', 'plain', 'a.b.c'])('does not remove the scratch of %s', async (id, { q }) => {
    await q.submit('--id', id, '--max-attempts', '1');
    const running = q.work('until_there go; echo said; echo done > "$AGENTQ_RESULT_FILE"');
    await running.reported('started');
    await q.ok('doctor', '--repair');
    q.write('go');
    await running.reported('completed');
    expect((await q.result(id)).content).toBe('done\n');
  });
});
