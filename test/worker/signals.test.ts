import { rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { TaskView } from '../../src/cli/output/schemas/outputs.ts';
import { gone, hasProc, isAlive, LEASE, CONCURRENT, type Sandbox, test, until } from './harness.ts';

const outcomes = ({ attempts }: TaskView) => attempts.map(({ outcome }) => outcome);

/** Starts a grandchild that ignores SIGTERM, and waits for it. Both write their process ids to a file. */
const IGNORES_TERM = `
  /bin/sh -c 'trap "" TERM; echo $$ >> "$OUT/pids"; while :; do sleep 0.1; done' &
  echo $$ >> "$OUT/pids"
  wait`;

/** Waits for the file `go`. */
const UNTIL_GO = 'echo $$ >> "$OUT/pids"; until_there go; echo done';

describe('a worker that gets a signal', CONCURRENT, () => {
  test.for(['SIGTERM', 'SIGINT'] as const)(
    'finishes its running tasks and claims no other task, at %s',
    async (signal, { q }) => {
      const [running, waiting] = [await q.submit(), await q.submit()];
      const worker = q.work(UNTIL_GO);
      await worker.reported('started', { task_id: running });
      worker.signal(signal);
      await worker.printed('draining');
      const late = await q.submit('--priority', 'high');
      q.write('go');
      await worker.finished();
      expect((await q.result(running)).content).toBe('done\n');
      for (const id of [waiting, late]) expect(await q.task(id)).toMatchObject({ status: 'queued', attempts: [] });
    },
  );

  test('ends at once without a running task', async ({ q }) => {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    worker.signal('SIGTERM');
    await worker.finished();
  });

  test('returns its tasks at a second signal, and the attempts do not count', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    const worker = q.work(IGNORES_TERM, '--kill-grace', '100ms');
    const pids = await q.processIds(2);
    worker.signal('SIGTERM');
    await worker.printed('draining');
    expect(pids.filter(isAlive)).toEqual(pids);
    worker.signal('SIGTERM');
    await worker.finished();
    expect(pids.filter(isAlive)).toEqual([]);
    const task = await q.task(id);
    expect(task.status).toBe('queued');
    expect(outcomes(task)).toEqual(['released']);
    await q.workOff('echo "attempt $AGENTQ_ATTEMPT"');
    expect((await q.result(id)).content).toBe('attempt 2\n');
  });

  test('finishes a task that it holds in a second attempt', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(
      `case $AGENTQ_ATTEMPT in
        1) agentq release --reason "try again"; until_there never ;;
        2) until_there go; echo done ;;
      esac`,
      '--concurrency',
      '2',
      '--kill-grace',
      '100ms',
      '--lease',
      LEASE,
    );
    await worker.reported('started', { task_id: id, attempt: 2 });
    await worker.reported('handed-back', { attempt: 1 });
    worker.signal('SIGTERM');
    await worker.printed('draining');
    q.write('go');
    await worker.finished();
    expect(outcomes(await q.task(id))).toEqual(['released', 'completed']);
  });
});

describe('a cancel', CONCURRENT, () => {
  test('kills all processes of the child, also those that ignore SIGTERM, and is then acknowledged', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(IGNORES_TERM, '--kill-grace', '100ms');
    const pids = await q.processIds(2);
    await q.ok('cancel', id, '--reason', 'not needed');
    await worker.reported('cancelled', { task_id: id });
    expect(pids.filter(isAlive)).toEqual([]);
    const task = await q.task(id);
    expect(task).toMatchObject({ status: 'cancelled', reason: 'not needed', stopped_at: expect.any(String) });
    expect(outcomes(task)).toEqual(['cancelled']);
  });

  test('sends SIGTERM first, and gives a child time to clean up', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(
      'trap "sleep 0.3; echo cleaned > \\"$OUT/cleaned\\"; exit 0" TERM; echo $$ >> "$OUT/pids"; while :; do sleep 0.1; done',
    );
    const [pid] = await q.processIds(1);
    await q.ok('cancel', id);
    await worker.reported('cancelled', { task_id: id });
    expect(isAlive(pid!)).toBe(false);
    expect(q.has('cleaned')).toBe(true);
    expect(await q.task(id)).toMatchObject({ status: 'cancelled', stopped_at: expect.any(String) });
  });

  test('sends SIGTERM once, so that a command by which the child cleans up is not ended', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(
      'trap "echo term >> \\"$OUT/terms\\"" TERM; echo $$ >> "$OUT/pids"; while :; do sleep 0.05; done',
      '--kill-grace',
      '1s',
    );
    await q.processIds(1);
    await q.ok('cancel', id);
    await worker.reported('cancelled', { task_id: id });
    expect(await q.lines('terms')).toEqual(['term']);
  });

  test('stops only this task', async ({ q }) => {
    const [one, other] = [await q.submit(), await q.submit()];
    const worker = q.work(UNTIL_GO, '--concurrency', '2');
    await q.processIds(2);
    await q.ok('cancel', one);
    await worker.reported('cancelled', { task_id: one });
    q.write('go');
    expect((await q.ended(other)).status).toBe('completed');
  });

  test('takes effect in a worker that drains', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(IGNORES_TERM, '--kill-grace', '100ms');
    const pids = await q.processIds(2);
    worker.signal('SIGTERM');
    await worker.printed('draining');
    await q.ok('cancel', id);
    await worker.finished();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await q.task(id)).toMatchObject({ status: 'cancelled', stopped_at: expect.any(String) });
  });

  test('is acknowledged also if the child ends before its worker learns of the cancellation', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(UNTIL_GO);
    await q.processIds(1);
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await q.ok('cancel', id);
    q.write('go');
    await worker.reported('cancelled', { task_id: id });
    expect(await q.task(id)).toMatchObject({ status: 'cancelled', stopped_at: expect.any(String) });
  });
});

describe('a worker that is killed', CONCURRENT, () => {
  test('leaves no child, and another worker completes its task after the lease has ended', async ({ q }) => {
    const id = await q.submit();
    const first = q.work(IGNORES_TERM, '--lease', LEASE, '--worker', 'first');
    const pids = await q.processIds(2);
    // After a renewal the worker has completed the start of the child.
    await until('the lease to be renewed', async () => (await q.history(id)).some(({ type }) => type === 'renewed'));
    first.signal('SIGKILL');
    q.work('echo "attempt $AGENTQ_ATTEMPT"', '--worker', 'second');
    await gone(pids);
    const task = await q.ended(id);
    expect(task.attempts).toMatchObject([
      { number: 1, worker: 'first', outcome: 'lease-expired' },
      { number: 2, worker: 'second', outcome: 'completed' },
    ]);
    expect((await q.result(id)).content).toBe('attempt 2\n');
  });

  test('ends an attempt that counts, and the task is a dead letter after its last attempt', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    const worker = q.work(UNTIL_GO, '--lease', LEASE);
    await q.processIds(1);
    worker.signal('SIGKILL');
    const task = await q.ended(id);
    expect(task.status).toBe('failed');
    expect(outcomes(task)).toEqual(['lease-expired']);
  });
});

describe('a worker that was stopped for longer than its lease', CONCURRENT, () => {
  /** Stops a worker until another worker has its task. The children of both wait for the file `go`. */
  async function overtake(q: Sandbox, ...options: readonly string[]) {
    const id = await q.submit();
    const first = q.work(UNTIL_GO, '--lease', LEASE, '--worker', 'first', ...options);
    const [child] = await q.processIds(1);
    first.signal('SIGSTOP');
    const second = q.work(UNTIL_GO, '--worker', 'second');
    await second.reported('started', { task_id: id });
    return { id, first, second, child: child! };
  }

  test('has no child when it continues, and changes nothing', async ({ q }) => {
    const { id, first, second, child } = await overtake(q);
    const before = await q.history(id);
    // If the system shows the environment of processes, the other worker stops this child before its attempt begins.
    if (hasProc) await gone([child]);
    first.signal('SIGCONT');
    await first.reported('lease-lost', { task_id: id, attempt: 1 });
    expect(isAlive(child)).toBe(false);
    expect(await q.history(id)).toEqual(before);
    q.write('go');
    await second.reported('completed', { task_id: id, attempt: 2 });
    expect(outcomes(await q.task(id))).toEqual(['lease-expired', 'completed']);
  });

  test('changes nothing if its child has ended in the meantime', async ({ q }) => {
    const { id, first, second } = await overtake(q);
    q.write('go');
    await second.reported('completed', { task_id: id, attempt: 2 });
    const { completed_by, result } = await q.task(id);
    first.signal('SIGCONT');
    await first.reported('lease-lost', { task_id: id, attempt: 1 });
    expect(await q.task(id)).toMatchObject({ status: 'completed', completed_by, result });
  });

  test('claims further tasks', async ({ q }) => {
    const { id, first, second } = await overtake(q);
    first.signal('SIGCONT');
    await first.reported('lease-lost', { task_id: id });
    const next = await q.submit();
    await first.reported('started', { task_id: next });
    q.write('go');
    await until(
      'both tasks to end',
      () => first.events.at(-1)?.event === 'completed' && second.events.at(-1)?.event === 'completed',
    );
  });
});
