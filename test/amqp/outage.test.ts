import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test as base } from 'vitest';
import type { Output } from '../../src/cli/output/schemas/outputs.ts';
import { JointOutage } from '../broker/joint-outage.ts';
import { type RabbitMq, startRabbitMq } from '../broker/private-rabbitmq.ts';
import { until, wait } from '../worker/harness.ts';
import { castOf } from './fixture.ts';
import { WITH_RESTARTS } from './private.ts';
import { type Machine, Site } from './site.ts';
import { withDefaults } from '../option-defaults.ts';

/** In each test the broker is killed and started again. */
const OUTAGE = { timeout: WITH_RESTARTS + 120_000 };

/** Options of polls that wait for the broker. A start takes seconds, and its streams need some seconds more. */
const UNTIL_BACK = { timeout: 120_000, interval: 50 };

let broker: RabbitMq;

beforeAll(async () => {
  broker = await startRabbitMq();
  const first = new Site(broker.url);
  await first.machine('lead');
  await until('RabbitMQ to store that it coordinates streams', remembersStreams);
  await first.close();
}, WITH_RESTARTS);
afterAll(() => broker.stop());

/** Machines whose commands wait as long as an outage of these tests may take. */
async function castWithLongTimeout() {
  const cast = await castOf(new Site(broker.url));
  for (const machine of [cast.lead, cast.one, cast.two]) machine.configure({ broker: { timeout: '280s' } });
  return cast;
}

// The topology is not removed, because the broker ends with this file.
const test = base.extend('cast', async ({ task: _task }, { onCleanup }) => {
  const cast = await castWithLongTimeout();
  onCleanup(() => cast.site.clear());
  return cast;
});

/**
 * A test that shares the outage with the others of its group. A group has at most five tests, because vitest runs five
 * at a time. The tests are concurrent, and not the group: concurrent groups would run at the same time.
 */
const during = (outage: JointOutage) =>
  base
    .extend('outage', ({ task: _task }, { onCleanup }) => {
      const participant = outage.join();
      onCleanup(participant.leave);
      return participant;
    })
    .extend('cast', async ({ outage: _outage }, { onCleanup }) => {
      const cast = await castWithLongTimeout();
      onCleanup(() => cast.site.clear());
      return cast;
    });

/**
 * RabbitMQ 3.10 stores only after half a second that it coordinates streams. A node that is killed before that, in the
 * first second of its first stream, does not restore that stream.
 */
function remembersStreams(): boolean {
  const data = join(broker.folder, 'data');
  return readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.includes('coordination') && path.endsWith('names.dets'))
    .some((path) => readFileSync(join(data, path)).includes('rabbit_stream_coordinator'));
}

/** Starts a worker. Resolves when its child runs. */
async function running(machine: Machine, script: string, ...options: readonly string[]) {
  const work = `touch "$OUT/runs"; until_there go; ${script}`;
  const worker = machine.work(work, ...withDefaults({ '--broker-timeout': '300ms' }, options));
  await until('the child to run', () => machine.site.has('runs'));
  return worker;
}

/** The pause of a lane that submits in a loop, in ms: without it the lanes would take all the CPU time. */
const PACE = 250;

const kept = (machine: Machine) => machine.files('outbox').filter((name) => name.endsWith('.json'));

const linesWith = (text: string, part: RegExp) => text.split('\n').filter((line) => part.test(line));

describe('while the broker is away', OUTAGE, () => {
  const together = during(new JointOutage(() => broker));

  together.concurrent(
    'a child continues, and its worker keeps the result until the broker is back',
    async ({ cast: { site, lead, one }, outage, expect }) => {
      await lead.submit('a', '--expect', 'patch');
      const worker = await running(one, 'echo patch > "$AGENTQ_ARTIFACTS_DIR/patch.diff"; echo done');
      await outage.begin();
      await worker.printed('no broker at');
      site.write('go');
      await expect.poll(() => kept(one), UNTIL_BACK).toEqual([expect.stringContaining('-a-complete')]);
      await outage.end();
      expect(await lead.wait('a')).toBe(0);
      expect(await lead.ok('result', 'a')).toBe('done');
      expect(await lead.task('a')).toMatchObject({ attempts: [{ number: 1, outcome: 'completed' }], refused: 0 });
      await expect.poll(() => kept(one), UNTIL_BACK).toEqual([]);
      expect((await lead.json<Output<'inbox'>>('inbox')).messages).toMatchObject([
        { task_id: 'a', status: 'completed' },
      ]);
      worker.signal('SIGTERM');
      await worker.finished();
      expect(linesWith(worker.stderr, /no broker at/)).toHaveLength(1);
      expect(linesWith(worker.stderr, /is back/)).toHaveLength(1);
      expect(worker.events.map(({ event }) => event)).toEqual(['started', 'kept']);
    },
  );

  together.concurrent(
    'the next command of the workspace sends the result that a killed worker has kept',
    async ({ cast: { site, lead, one }, outage, expect }) => {
      await lead.submit('a');
      // A worker keeps the result at once, also with a long timeout.
      const worker = await running(one, 'echo done', '--broker-timeout', '10m');
      await outage.begin();
      await worker.printed('no broker at');
      site.write('go');
      await expect.poll(() => kept(one), UNTIL_BACK).toHaveLength(1);
      worker.signal('SIGKILL');
      await worker.ended;
      await outage.end();
      expect(await lead.task('a')).toMatchObject({ status: 'working' });
      const next = await one.run('status');
      expect(next).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('a was completed during the outage'),
      });
      expect(kept(one)).toEqual([]);
      expect(await lead.wait('a')).toBe(0);
      expect(await lead.ok('result', 'a')).toBe('done');
      expect(await lead.task('a')).toMatchObject({ attempts: [{ number: 1, outcome: 'completed' }] });
    },
  );

  together.concurrent(
    'a failure is kept too, and the task is retried',
    async ({ cast: { site, lead, one }, outage, expect }) => {
      await lead.submit('a');
      const worker = await running(one, '[ "$AGENTQ_ATTEMPT" = 2 ] || { echo "out of paper" >&2; exit 3; }; echo done');
      await outage.begin();
      site.write('go');
      await expect.poll(() => kept(one), UNTIL_BACK).toEqual([expect.stringContaining('-a-fail')]);
      await outage.end();
      expect(await lead.wait('a')).toBe(0);
      expect((await lead.task('a')).attempts).toMatchObject([
        { outcome: 'failed', reason: 'exit 3: out of paper' },
        { outcome: 'completed' },
      ]);
      worker.signal('SIGTERM');
      await worker.finished();
    },
  );

  together.concurrent(
    'an entry of the outbox that the queue refuses is kept as a file and reported',
    async ({ cast: { site, lead, one }, outage, expect }) => {
      await lead.submit('a');
      const worker = await running(one, 'echo done');
      await outage.begin();
      site.write('go');
      await expect.poll(() => kept(one), UNTIL_BACK).toHaveLength(1);
      worker.signal('SIGKILL');
      await worker.ended;
      await outage.end();
      await lead.ok('cancel', 'a');
      const next = await one.run('status');
      expect(next).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/a was completed .* the queue has refused it: .*cancelled/),
      });
      expect(one.files('outbox')).toEqual([expect.stringMatching(/\.refused$/)]);
      expect(await one.run('status')).toMatchObject({ stderr: '' });
      expect(await lead.task('a')).toMatchObject({ status: 'cancelled' });
    },
  );
});

describe('while the broker is away for longer than a lease', OUTAGE, () => {
  const together = during(new JointOutage(() => broker));

  together.concurrent('no lease ends', async ({ cast: { site, lead, one, two }, outage, expect }) => {
    // Long enough to be renewed after the outage by a machine that stops for a second or two.
    const lease = 8_000;
    await lead.submit('a');
    const worker = await running(one, 'echo done', '--lease', `${lease}ms`);
    const other = two.work('echo other', '--broker-timeout', '300ms');
    await outage.begin();
    const since = performance.now();
    await until('the end of a lease', () => performance.now() - since > lease + 500);
    await outage.end();
    await expect.poll(() => linesWith(worker.stderr + other.stderr, /is back/).length, UNTIL_BACK).toBe(2);
    await until('the task to be working', async () => (await lead.task('a')).status === 'working');
    site.write('go');
    expect(await lead.wait('a')).toBe(0);
    expect(await lead.ok('result', 'a')).toBe('done');
    const events = await lead.events('a');
    expect(events.filter(({ type }) => type === 'claimed')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'lease-expired')).toEqual([]);
    for (const each of [worker, other]) each.signal('SIGTERM');
    await Promise.all([worker.finished(), other.finished()]);
  });

  together.concurrent(
    'submit --offline-ok keeps the task, and the next command submits it',
    async ({ cast: { site, lead, one, two }, outage, expect }) => {
      await outage.begin();
      const submit = ['submit', '--to', 'r', '--instructions', 'x', '--broker-timeout', '300ms'];
      site.write('context.md', 'the context\n');
      const first = await lead.run(...submit, '--offline-ok', '--id', 'a', '--file', site.path('context.md'));
      expect(first).toMatchObject({ code: 0, stdout: 'a\n' });
      expect(first.stderr).toContain('a is in the outbox, and a later command submits it');
      expect(await lead.json(...submit, '--offline-ok')).toMatchObject({ kept: true, status: 'queued' });
      expect(await lead.refused(...submit, '--id', 'c')).toMatchObject({ exit: 25 });
      expect(kept(lead)).toHaveLength(2);
      await outage.end();
      expect(await lead.run('status')).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('a was submitted during the outage; the queue has recorded it'),
      });
      expect(kept(lead)).toEqual([]);
      const { tasks } = await two.json<Output<'list'>>('list');
      expect(tasks).toHaveLength(2);
      expect(tasks.map(({ task_id }) => task_id)).toContain('a');
      await one.workOff('cat');
      expect(await lead.ok('result', 'a')).toContain('the context');
    },
  );

  together.concurrent('`wait` and `status --watch` continue', async ({ cast: { site, lead, one }, outage, expect }) => {
    await lead.submit('a');
    const waiting = lead.start('wait', 'a');
    const watching = lead.start('status', '--watch', '--interval', '500ms', '--json');
    await expect.poll(() => watching.stdout, UNTIL_BACK).toContain('"roles":');
    const worker = await running(one, 'echo done');
    await outage.begin();
    await expect.poll(() => waiting.stderr, UNTIL_BACK).toContain('no broker at');
    await outage.end();
    site.write('go');
    const { code, stderr } = await waiting.ended;
    expect(code).toBe(0);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringContaining('no broker at'),
      expect.stringContaining('is back'),
      expect.stringMatching(/^a completed /),
    ]);
    await expect.poll(() => watching.stdout, UNTIL_BACK).toContain('"completed":1');
    watching.signal('SIGINT');
    expect((await watching.ended).code).toBe(0);
    worker.signal('SIGTERM');
    await worker.finished();
  });
});

describe('while the broker is away or accepts no messages', OUTAGE, () => {
  test('a broker that is short of memory is reported, and commands wait no longer than for one that is away', async ({
    cast: { site, lead, one },
    onTestFinished,
    expect,
  }) => {
    await lead.submit('a');
    const worker = await running(one, 'echo done');
    await broker.ctl('set_vm_memory_high_watermark', '0.000001');
    onTestFinished(async () => void (await broker.ctl('set_vm_memory_high_watermark', '0.4')));
    // The limit includes the start of the program and the connection.
    const submit = ['submit', '--to', 'r', '--instructions', 'x', '--broker-timeout', '5s'];
    expect(await lead.refused(...submit)).toMatchObject({
      exit: 28,
      message: expect.stringContaining('accepts no messages'),
    });
    expect(await lead.refused('status', '--broker-timeout', '300ms')).toMatchObject({ exit: 25 });
    expect(await lead.run(...submit, '--offline-ok', '--id', 'b')).toMatchObject({ code: 0, stdout: 'b\n' });
    site.write('go');
    await expect.poll(() => kept(one), UNTIL_BACK).toHaveLength(1);
    await broker.ctl('set_vm_memory_high_watermark', '0.4');
    expect(await lead.wait('a')).toBe(0);
    await lead.ok('status');
    expect(await lead.wait('b')).toBe(0);
    worker.signal('SIGTERM');
    await worker.finished();
    expect(linesWith(worker.stderr, /accepts no messages/).length).toBeGreaterThan(0);
  });

  test('no confirmed task is lost', async ({ cast: { site, lead, one, two }, expect }) => {
    const confirmed: string[] = [];
    const over = new AbortController();
    const submitters = Array.from({ length: 3 }, async (_, submitter) => {
      for (let n = 0; !over.signal.aborted; n++) {
        const id = `t${submitter}-${n}`;
        const submit = ['submit', '--to', 'r', '--id', id, '--instructions', 'x'];
        const more = submitter === 0 ? ['--offline-ok', '--broker-timeout', '200ms'] : [];
        if ((await lead.code(...submit, ...more)) === 0) confirmed.push(id);
        await wait(PACE);
      }
    });
    for (const round of [1, 2]) {
      await until(`submits before kill ${round}`, () => confirmed.length >= 10 * round);
      await broker.kill();
      await broker.restart();
    }
    const before = confirmed.length;
    await until('submits after the last', () => confirmed.length > before + 3);
    over.abort();
    await Promise.all(submitters);
    await lead.ok('status');
    expect(kept(lead)).toEqual([]);
    const { tasks } = await two.json<Output<'list'>>('list', '--limit', '10000');
    expect(confirmed.filter((id) => !tasks.some(({ task_id }) => task_id === id))).toEqual([]);
    await Promise.all(
      [one, two].map((machine) => machine.workOff('echo "$AGENTQ_TASK_ID" >> "$OUT/ran"', '--concurrency', '3')),
    );
    const ran = site.read('ran').trim().split('\n');
    expect(confirmed.filter((id) => !ran.includes(id))).toEqual([]);
    expect(new Set(ran).size).toBe(ran.length);
  });
});
