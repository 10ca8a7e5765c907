import { describe, expect, onTestFinished, test as base } from 'vitest';
import { MINUTE, nothingToClaim } from '../backend/contract/checked-requests.ts';
import { makeSqliteHarness } from '../backend/support/sqlite-harness.ts';
import { fixtures, type Shells } from '../cli/harness.ts';

const test = base.extend<Shells>(fixtures);

const HOUR = 3_600_000;

/** Commands that wait one second, and their exit codes after the timeout. */
const waits: readonly { readonly args: readonly string[]; readonly code: number }[] = [
  { args: ['wait', 't', '--timeout', '1s'], code: 8 },
  { args: ['wait', 't', 'u', '--any', '--timeout', '1s'], code: 8 },
  { args: ['claim', '--as', 'idle', '--wait', '1s'], code: 9 },
  { args: ['inbox', '--wait', '1s'], code: 9 },
  { args: ['work', '--as', 'idle', '--idle-exit', '1s', '--', 'true'], code: 0 },
];

describe('a clock that is set back again and again', () => {
  for (const { args, code } of waits) {
    test(`does not lengthen ${args.join(' ')}`, { timeout: 8_000 }, async ({ q }) => {
      await q.submit('t');
      await q.submit('u');
      q.clock.drift = 100;
      q.clock.skew = -HOUR;
      const shell = q.with({ env: { PATH: process.env['PATH']! } });
      expect(await shell.run(...args)).toMatchObject({ code });
    });
  }
});

describe('a clock that is set forward', () => {
  test('does not shorten wait', async ({ q }) => {
    await q.submit('t');
    q.clock.skew = HOUR;
    const waiting = q.start('wait', 't', '--timeout', '1h');
    await waiting.listening;
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect(await waiting.done).toMatchObject({ code: 0 });
  });

  test('does not shorten claim', async ({ q }) => {
    q.clock.skew = HOUR;
    const waiting = q.start('claim', '--as', 'r', '--wait', '1h', '--json');
    await waiting.listening;
    await q.submit('t');
    expect((await waiting.done).json()).toMatchObject({ task_id: 't' });
  });

  test('does not shorten inbox', async ({ q }) => {
    await q.submit('t');
    q.clock.skew = HOUR;
    const waiting = q.start('inbox', '--wait', '1h', '--json');
    await waiting.listening;
    await q.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect((await waiting.done).json()).toMatchObject({ messages: [{ task_id: 't' }] });
  });
});

test('workers are listed also after the clock was set back', async () => {
  const { open, close, clock } = await makeSqliteHarness();
  onTestFinished(close);
  const backend = await open();
  await nothingToClaim(backend, { worker: 'worker-1', stays: true });
  clock.advance(-10 * MINUTE);
  await nothingToClaim(backend, { worker: 'worker-1', stays: true });
  expect((await backend.counts()).workers).toMatchObject([{ worker: 'worker-1', seen_at: clock.now() }]);
});
