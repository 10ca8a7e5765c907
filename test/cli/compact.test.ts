import { describe, expect, test as base } from 'vitest';
import * as z from 'zod/mini';
import { outputs } from '../../src/cli/output/schemas/outputs.ts';
import { fixtures, type Shell, type Shells } from './harness.ts';
import { strict } from './strict.ts';

const test = base.extend<Shells>(fixtures);

/** Follows the rules of docs/output.md. */
function restored({ store = '', ...compact }: any): any {
  const defaults = { type: 'task', priority: 'normal', max_attempts: 3, refused: 0, attempts: [] };
  const task = { ...defaults, ...compact };
  const ended = task.finished_at !== undefined;
  const file = (name: string, { ref, ...rest }: any) => ({ name, ref: ref && store + ref, ...rest });
  const last = task.attempts.length - 1;
  task.attempts = task.attempts.map((attempt: any, i: number) => ({
    number: i + 1,
    ...(i === last && ended && { ended_at: task.finished_at, outcome: task.status }),
    ...(i === last && task.status === 'failed' && { reason: task.reason }),
    ...attempt,
    ...(attempt.artifacts && { artifacts: attempt.artifacts.map((one: any) => file(one.name, one)) }),
  }));
  const holder = task.attempts.at(-1);
  return {
    updated_at: task.finished_at ?? task.submitted_at,
    ...(task.status === 'queued' && { ready_at: task.submitted_at }),
    ...(task.status === 'completed' && { completed_by: holder?.worker ?? task.to, artifacts: [] }),
    ...(task.status === 'cancelled' && { cancelled_by: task.from }),
    drift: [],
    ...task,
    ...(task.lease && { lease: { attempt: holder.number, worker: holder.worker, ...task.lease } }),
    ...(task.context && { context: file('context', task.context) }),
    ...(task.result && { result: file('result', task.result) }),
    ...(task.artifacts && { artifacts: task.artifacts.map((one: any) => file(one.name, one)) }),
  };
}

async function prepare(q: Shell): Promise<void> {
  q.write('context.md', 'background');
  q.write('out.md', 'result');
  await q.submit('queued', '--ttl', '1h', '--priority', 'low');
  await q.submit('scheduled', '--delay', '1h');
  await q.submit('cancelled', '--priority', 'high', '--max-attempts', '5');
  await q.claim();
  await q.ok('cancel', 'cancelled', '--reason', 'not needed');
  await q.ok('submit', '--to', 'r', '--id', 'completed', '--file', 'context.md', '--priority', 'high');
  await q.claim('--worker', 'one');
  await q.ok('release', 'completed', '--from', 'r');
  q.advance(5);
  await q.claim('--worker', 'two');
  await q.ok(
    'complete',
    'completed',
    '--attempt',
    '2',
    '--summary',
    's',
    '--result-file',
    'out.md',
    '--artifact',
    'p=out.md',
  );
  await q.submit('foreign');
  await q.ok('complete', 'foreign', '--from', 'r', '--summary', 'by hand');
  await q.submit('failed', '--priority', 'high');
  await q.claim();
  q.advance(1);
  await q.ok('fail', 'failed', '--from', 'r', '--reason', 'broken');
  await q.submit('working', '--priority', 'high');
  await q.claim('--worker', 'four');
  await q.ok('progress', 'working', '--percent', '10', '--note', 'begun');
}

describe('--compact', () => {
  test('leaves out only what a reader can restore', async ({ q }) => {
    await prepare(q);
    for (const id of ['queued', 'scheduled', 'cancelled', 'completed', 'foreign', 'failed', 'working']) {
      const whole = await q.json('status', id);
      const compact = await q.run('status', id, '--compact');
      expect(restored(compact.json())).toEqual(whole);
      expect(compact.stdout.length).toBeLessThan(JSON.stringify(whole).length * 0.8);
    }
  });

  test('prints the envelope in a history once', async ({ q }) => {
    await q.submit('t');
    const { stdout } = await q.run('show', 't', '--compact');
    expect(stdout.split('do t')).toHaveLength(2);
    expect(JSON.parse(stdout)).toEqual({
      task: {
        task_id: 't',
        status: 'queued',
        from: 'coordinator',
        to: 'r',
        instructions: 'do t',
        submitted_at: '2027-03-01T12:00:00.000Z',
      },
      envelope: { reply_to: 'results.coordinator' },
      events: [{ type: 'submitted', at: '2027-03-01T12:00:00.000Z' }],
    });
  });

  test('cuts instructions in lists, with a mark, and nowhere else', async ({ q }) => {
    const long = 'Read it all. '.repeat(12).trim();
    await q.ok('submit', '--to', 'r', '--id', 't', '--instructions', long);
    const cut = `${long.slice(0, 59)}…`;
    expect((await q.json('list', '--compact')).tasks[0].instructions).toBe(cut);
    expect((await q.json('list')).tasks[0].instructions).toBe(long);
    expect((await q.json('list', '--fields', 'instructions')).tasks[0].instructions).toBe(long);
    expect((await q.json('show', 't', '--compact')).task.instructions).toBe(long);
    expect((await q.json('claim', '--as', 'r', '--compact')).instructions).toBe(long);
  });

  test('counts of zero are left out of the overview', async ({ q }) => {
    await q.submit('t');
    expect((await q.json('status', '--compact')).roles).toMatchObject([{ tasks: { queued: 1 } }]);
    expect((await q.run('status', '--compact')).stdout).not.toContain(':0,');
  });

  test('prints few bytes for 50 tasks', async ({ q }) => {
    const roles = ['implementation-worker', 'review-worker', 'docs-worker'];
    const about =
      'Review the module that reads durations, list every input that it reads wrongly, and say for each one which test would have found the mistake';
    q.write('out.md', 'result\n'.repeat(40));
    for (let i = 0; i < 50; i++) {
      const to = roles[i % 3]!;
      await q.ok('submit', '--to', to, '--type', 'review', '--instructions', `${i}: ${about}`);
      const { task_id } = await q.json('claim', '--as', to, '--worker', `${to}@host-${i}`);
      if (i % 3 > 0)
        await q.ok(
          'complete',
          task_id,
          '--attempt',
          '1',
          '--result-file',
          'out.md',
          '--artifact',
          'notes=out.md',
          '--summary',
          `Found ${i} mistakes and wrote a test for each`,
        );
      else if (i % 9 === 0)
        await q.ok('fail', task_id, '--attempt', '1', '--reason', 'The module cannot be built here');
    }
    const list = (await q.run('list', '--compact')).bytes.length;
    expect(list).toBeLessThanOrEqual(9_000);
  });
});

describe('--fields', () => {
  test('picks fields of each task of a list, and keeps what says how to go on', async ({ q }) => {
    for (const id of ['a', 'b']) await q.submit(id);
    expect(await q.json('list', '--limit', '1', '--fields', 'task_id,status')).toEqual({
      tasks: [{ task_id: 'b', status: 'queued' }],
      next: 'b',
    });
    expect(await q.json('list', '--fields', 'tasks.task_id')).toEqual(await q.json('list', '--fields', 'task_id'));
    expect(await q.json('status', '--fields', 'role')).toEqual({ roles: [{ role: 'r' }], dead: 0 });
  });

  test('picks nested fields', async ({ q }) => {
    await q.submit('t');
    await q.claim();
    await q.ok('fail', 't', '--from', 'r', '--reason', 'broken');
    const { task_id, attempts } = await q.json('dlq', 'show', 't', '--fields', 'task_id,attempts.reason');
    expect({ task_id, attempts }).toEqual({ task_id: 't', attempts: [{ reason: 'broken' }] });
    const story = await q.json('show', 't', '--fields', 'status,envelope.reply_to,events.type');
    expect(story).toEqual({
      task: { status: 'failed' },
      envelope: { reply_to: 'results.coordinator' },
      events: [{ type: 'submitted' }, { type: 'claimed' }, { type: 'attempt-failed' }],
    });
  });

  test('implies --json, also for the error', async ({ q }) => {
    await q.submit('t');
    expect((await q.run('status', 't', '--fields', 'status')).json()).toEqual({ status: 'queued' });
    expect((await q.run('--compact', 'status', 'x')).stderr).toMatch(/^\{"error"/);
  });

  test('names the nearest field, and does nothing', async ({ q }) => {
    for (const [line, meant] of [
      [['list', '--fields', 'task_id,statsu'], 'status'],
      [['list', '--fields', 'attempts.reson'], 'attempts.reason'],
      [['submit', '--to', 'r', '--instructions', 'x', '--fields', 'taks_id'], 'task_id'],
      [['show', 'x', '--fields', 'events.percnt'], 'events.percent'],
      [['list', '--fields', 'task_id,'], ''],
      [['schema', '--fields', 'x'], ''],
    ] as const) {
      const { exit, message } = await q.refused(...line);
      expect({ line, exit, message }).toEqual({
        line,
        exit: 2,
        message: expect.stringContaining(meant && `did you mean ${meant}?`),
      });
    }
    expect((await q.json('list')).tasks).toEqual([]);
  });

  test('knows every field of every output', async ({ q }) => {
    await prepare(q);
    const { task } = await q.json('show', 'completed');
    const picked = await q.json('status', 'completed', '--fields', Object.keys(task).join(','));
    expect(z.safeParse(strict(z.object(outputs.show.shape.task.shape)), picked).success).toBe(true);
    expect(picked).toEqual(task);
  });
});
