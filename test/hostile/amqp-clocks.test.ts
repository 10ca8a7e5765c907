import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { test as amqpTest } from '../amqp/fixture.ts';
import { type Machine, SLOW } from '../amqp/site.ts';
import { until, type Worker } from '../worker/harness.ts';

const HOUR = 3_600_000;
const PRELOAD = fileURLToPath(new URL('processes/skewed-clock.cjs', import.meta.url));

/** The same machine with another clock, boot id and name. */
const skewed = (machine: Machine, name: string, skew: number) =>
  machine.with({ NODE_OPTIONS: `--require ${PRELOAD}`, CLOCK_SKEW: String(skew), HOST_NAME: name });

/** Machines whose clocks are right, ahead and behind. */
const test = amqpTest.extend('clocks', async ({ cast: { lead, one, two } }) => ({
  right: skewed(lead, 'right', 0),
  fast: skewed(one, 'fast', 2 * HOUR),
  slow: skewed(two, 'slow', -2 * HOUR),
}));

const typesOf = async (machine: Machine, id: string) => (await machine.events(id)).map(({ type }) => type);

describe('a lease', () => {
  test('is not ended by a command of a machine whose clock is ahead', { timeout: SLOW }, async ({ clocks }) => {
    const { right, fast } = clocks;
    await right.submit('t');
    await right.claim('--lease', '1h');
    expect(await fast.run('claim', '--as', 'r')).toMatchObject({ code: 9 });
    expect(await fast.task('t')).toMatchObject({ status: 'working' });
    expect(await fast.code('complete', 't', '--from', 'r', '--attempt', '1', '--summary', 'done')).toBe(0);
    expect(await typesOf(right, 't')).toEqual(['submitted', 'claimed', 'completed']);
  });

  test('of a machine whose clock is behind is not ended by other machines', { timeout: SLOW }, async ({ clocks }) => {
    const { right, fast, slow } = clocks;
    await right.submit('t');
    await slow.claim('--lease', '1h');
    for (const other of [right, fast]) {
      expect(await other.run('claim', '--as', 'r')).toMatchObject({ code: 9 });
      expect(await other.task('t')).toMatchObject({ status: 'working' });
    }
    await slow.ok('progress', 't', '--from', 'r', '--note', 'half');
    await slow.ok('complete', 't', '--from', 'r', '--summary', 'done');
    expect(await typesOf(right, 't')).toEqual(['submitted', 'claimed', 'renewed', 'completed']);
  });

  test(
    'of a worker that was killed ends for a machine with another clock',
    { timeout: SLOW },
    async ({ clocks, cast: { site } }) => {
      const { right, fast, slow } = clocks;
      for (const [dead, next] of [
        [right, fast],
        [slow, right],
      ] as const) {
        const id = `t-${[right, fast, slow].indexOf(dead)}`;
        await right.submit(id);
        const worker = dead.work(`touch $OUT/${id}; until_there never`, '--lease', '2s');
        await until(`${id} to begin`, () => site.has(id) || undefined);
        worker.signal('SIGKILL');
        await worker.ended;
        expect(await next.claim()).toMatchObject({ task_id: id, attempt: 2 });
        await next.ok('complete', id, '--from', 'r', '--attempt', '2', '--summary', 'done');
      }
    },
  );
});

test(
  'workers with different clocks do each task once, and each warns once',
  { timeout: SLOW },
  async ({ clocks: { right, fast, slow }, cast: { site } }) => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) await right.submit(id);
    const script = 'echo $AGENTQ_TASK_ID >> $OUT/begun; until_there go; echo done';
    const workers: Worker[] = [];
    // Each worker takes as many tasks as it has slots. The last one has a free slot, so it claims again and again.
    for (const [n, machine] of [slow, right, fast].entries()) {
      workers.push(machine.work(script, '--lease', '3s', '--concurrency', '2', '--until-empty'));
      await site.lines('begun', Math.min(2 * (n + 1), ids.length));
    }
    // By the clock of another machine each lease would have ended several times.
    for (const id of ids) {
      await until(`${id} to be renewed`, async () => {
        const renewed = (await typesOf(right, id)).filter((type) => type === 'renewed');
        return renewed.length >= 4 || undefined;
      });
    }
    const warnings = () =>
      workers.map(({ stderr }) => stderr.match(/warning: the clock of .* the clock of the broker/g));
    await until('two warnings', () => warnings().filter((lines) => lines !== null).length === 2);
    site.write('go');
    await Promise.all(workers.map((worker) => worker.finished()));
    expect([...(await site.lines('begun'))].toSorted()).toEqual(ids);
    for (const id of ids) {
      const types = await typesOf(right, id);
      expect(types.filter((type) => type !== 'renewed')).toEqual(['submitted', 'claimed', 'completed']);
    }
    expect(warnings()).toEqual([
      [expect.stringMatching(/of slow is (2h|2h 1s|1h 59m) behind the/)],
      null,
      [expect.stringMatching(/of fast is (2h|2h 1s|1h 59m) ahead of the/)],
    ]);
  },
);

test('doctor names the machine whose clock is wrong', { timeout: SLOW }, async ({ clocks: { right, fast, slow } }) => {
  const [none, ahead, behind] = await Promise.all([right, fast, slow].map((machine) => machine.json('doctor')));
  expect(none.findings).toEqual([]);
  expect(ahead.findings).toMatchObject([
    { subject: 'fast', severity: 'advice', problem: expect.stringMatching(/is (2h|2h 1s|1h 59m) ahead of/) },
  ]);
  expect(behind.findings).toMatchObject([
    { subject: 'slow', severity: 'advice', problem: expect.stringMatching(/is (2h|2h 1s|1h 59m) behind/) },
  ]);
});
