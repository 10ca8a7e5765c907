import { readFileSync, rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { childrenOf, gone, hasProc, CONCURRENT, ROLE, type Sandbox, test, until, wait } from './harness.ts';

describe('--until-empty', CONCURRENT, () => {
  test('ends at once without tasks', async ({ q }) => {
    const worker = await q.workOff('touch "$OUT/started"');
    expect(worker.events).toEqual([]);
    expect(q.has('started')).toBe(false);
  });

  test('waits for tasks that will be retried, but not for delayed tasks', async ({ q }) => {
    const retried = await q.submit();
    const deferred = await q.submit();
    const delayed = await q.submit('--delay', '1h');
    await q.workOff(`
      case $AGENTQ_TASK_ID in
        ${retried}) [ $AGENTQ_ATTEMPT = 3 ] ;;
        ${deferred}) [ $AGENTQ_ATTEMPT = 3 ] || exit 75 ;;
      esac`);
    expect(await q.task(retried)).toMatchObject({ status: 'completed', attempts: { length: 3 } });
    expect(await q.task(deferred)).toMatchObject({ status: 'completed', attempts: { length: 3 } });
    expect(await q.task(delayed)).toMatchObject({ status: 'scheduled', why: 'delay', attempts: [] });
  });

  test('claims the tasks that its own children submit', async ({ q }) => {
    await q.submit('--id', 'first');
    await q.workOff('[ $AGENTQ_TASK_ID = second ] || agentq submit --to r --id second --instructions more');
    expect((await q.task('second')).status).toBe('completed');
  });

  test('does not wait for a task that another worker runs, as its help says', async ({ q }) => {
    const id = await q.submit();
    await q.ok('claim', '--as', ROLE, '--worker', 'elsewhere', '--lease', '1h');
    await q.workOff('true');
    expect((await q.task(id)).status).toBe('working');
    expect(await q.ok('work', '--help')).toContain('and none runs here');
  });

  test('does not wait for other roles', async ({ q }) => {
    const id = await q.submit();
    await q.ok('submit', '--to', 'other', '--id', 'for-other', '--instructions', 'x');
    await q.workOff('true');
    expect((await q.task(id)).status).toBe('completed');
    expect((await q.task('for-other')).status).toBe('queued');
  });
});

describe('--idle-exit', CONCURRENT, () => {
  test('ends a worker that had no task for this time', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('true', '--idle-exit', '300ms');
    await worker.finished();
    expect((await q.task(id)).status).toBe('completed');
  });

  test('lets a child run longer than this time', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('sleep 1; echo done', '--idle-exit', '100ms');
    await worker.finished();
    expect((await q.result(id)).content).toBe('done\n');
  });

  test('a worker without this option continues', async ({ q }) => {
    const stays = q.work('true', '--worker', 'stays');
    await q.present('stays');
    await q.work('true', '--idle-exit', '300ms').finished();
    expect(stays.running).toBe(true);
  });
});

describe('an idle worker', CONCURRENT, () => {
  test('starts no process', async ({ q, skip }) => {
    skip(!hasProc, 'without /proc the children of a process cannot be listed');
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    expect(childrenOf(worker.pid)).toEqual([]);
  });

  test('keeps only its guard process after its tasks have ended', async ({ q, skip }) => {
    skip(!hasProc, 'without /proc the children of a process cannot be listed');
    const worker = q.work('true', '--concurrency', '2');
    for (const id of [await q.submit(), await q.submit(), await q.submit()]) {
      await worker.reported('completed', { task_id: id });
    }
    expect(childrenOf(worker.pid).length).toBeLessThanOrEqual(1);
  });

  test('reads nothing while other roles work', async ({ q, skip }) => {
    skip(!hasProc, 'only /proc counts the reads of a process');
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    let before = readsOf(worker.pid);
    await until('the worker to have loaded its code', async () => {
      const earlier = before;
      await wait(200);
      before = readsOf(worker.pid);
      return before === earlier;
    });
    for (let n = 0; n < 10; n++) await q.submit('--to', 'other');
    expect(readsOf(worker.pid) - before).toBeLessThan(40);
  });

  /** Repeated, because a single wake-up could come from the slow poll and not from the doorbell. */
  async function wakesEightTimes(q: Sandbox): Promise<void> {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    for (let n = 0; n < 8; n++) await worker.reported('completed', { task_id: await q.submit() });
  }

  test('is woken by the submit of another process', { timeout: 50_000 }, async ({ q }) => {
    await wakesEightTimes(q);
  });

  test('polls often if it cannot watch the doorbell', { timeout: 50_000 }, async ({ q }) => {
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await wakesEightTimes(q);
  });

  test('finds a new task also when the doorbell is lost', async ({ q }) => {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await worker.reported('completed', { task_id: await q.submit() });
  });

  test('wakes when a delayed task becomes due', async ({ q }) => {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    await worker.reported('completed', { task_id: await q.submit('--delay', '1s') });
  });

  test('claims a task when the lease of another worker has ended', async ({ q }) => {
    const id = await q.submit();
    await q.ok('claim', '--as', ROLE, '--worker', 'first', '--lease', '1s');
    const worker = q.work('true');
    await worker.reported('completed', { task_id: id, attempt: 2 });
  });

  test('learns of a cancellation also when the doorbell is lost', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('echo $$ >> "$OUT/pids"; exec sleep 600');
    const pids = await q.processIds(1);
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await q.ok('cancel', id);
    await worker.reported('cancelled', { task_id: id });
    await gone(pids);
  });
});

/** The number of read calls of the process. */
function readsOf(pid: number): number {
  return Number(/syscr: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
}
