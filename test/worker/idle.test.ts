import { readFileSync, rmSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { childrenOf, gone, hasProc, PATIENTLY, ROLE, type Sandbox, test } from './harness.ts';

describe('--until-empty', PATIENTLY, () => {
  test('ends at once where there is nothing', async ({ q }) => {
    const worker = await q.workOff('touch "$OUT/started"');
    expect(worker.events).toEqual([]);
    expect(q.has('started')).toBe(false);
  });

  test('waits for tasks that will be tried again, and not for delayed ones', async ({ q }) => {
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

  test('takes what its own children submit', async ({ q }) => {
    await q.submit('--id', 'first');
    await q.workOff('[ $AGENTQ_TASK_ID = second ] || agentq submit --to r --id second --instructions more');
    expect((await q.task('second')).status).toBe('completed');
  });

  test('does not wait for other roles', async ({ q }) => {
    const id = await q.submit();
    await q.ok('submit', '--to', 'other', '--id', 'theirs', '--instructions', 'x');
    await q.workOff('true');
    expect((await q.task(id)).status).toBe('completed');
    expect((await q.task('theirs')).status).toBe('queued');
  });
});

describe('--idle-exit', PATIENTLY, () => {
  test('ends a worker that has had nothing to do for so long', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('true', '--idle-exit', '300ms');
    await worker.finished();
    expect((await q.task(id)).status).toBe('completed');
  });

  test('lets a child take longer than that', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('sleep 1; echo done', '--idle-exit', '100ms');
    await worker.finished();
    expect((await q.result(id)).content).toBe('done\n');
  });

  test('a worker without it stays', async ({ q }) => {
    const stays = q.work('true', '--worker', 'stays');
    await q.present('stays');
    await q.work('true', '--idle-exit', '300ms').finished();
    expect(stays.running).toBe(true);
  });
});

describe('an idle worker', PATIENTLY, () => {
  test('starts no process', async ({ q, skip }) => {
    skip(!hasProc, 'the children of a process cannot be listed without /proc');
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    expect(childrenOf(worker.pid)).toEqual([]);
  });

  test('keeps no process but its guard once it has worked', async ({ q, skip }) => {
    skip(!hasProc, 'the children of a process cannot be listed without /proc');
    const worker = q.work('true', '--concurrency', '2');
    for (const id of [await q.submit(), await q.submit(), await q.submit()]) {
      await worker.reported('completed', { task_id: id });
    }
    expect(childrenOf(worker.pid).length).toBeLessThanOrEqual(1);
  });

  test('reads nothing while others work', async ({ q, skip }) => {
    skip(!hasProc, 'what a process reads is counted in /proc alone');
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    const before = readsOf(worker.pid);
    for (let n = 0; n < 10; n++) await q.ok('submit', '--to', 'other', '--instructions', 'x');
    expect(readsOf(worker.pid) - before).toBeLessThan(40);
  });

  /** Several times, since once could be the luck of the slow look that stands behind the doorbell. */
  async function wakeAgainAndAgain(q: Sandbox): Promise<void> {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    for (let n = 0; n < 8; n++) await worker.reported('completed', { task_id: await q.submit() });
  }

  test('is woken by the submit of another process', { timeout: 50_000 }, async ({ q }) => {
    await wakeAgainAndAgain(q);
  });

  test('looks often by itself where the system gives it no watch', { timeout: 50_000 }, async ({ q }) => {
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await wakeAgainAndAgain(q);
  });

  test('finds a new task also when the doorbell is lost', async ({ q }) => {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await worker.reported('completed', { task_id: await q.submit() });
  });

  test('is woken by time, when a delayed task falls due', async ({ q }) => {
    const worker = q.work('true', '--worker', 'idler');
    await q.present('idler');
    await worker.reported('completed', { task_id: await q.submit('--delay', '1s') });
  });

  test('takes over when the lease of somebody else is over', async ({ q }) => {
    const id = await q.submit();
    await q.ok('claim', '--as', ROLE, '--worker', 'forgetful', '--lease', '1s');
    const worker = q.work('true');
    await worker.reported('completed', { task_id: id, attempt: 2 });
  });

  test('hears of a cancel also when the doorbell is lost', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('echo $$ >> "$OUT/pids"; exec sleep 600');
    const pids = await q.processIds(1);
    rmSync(q.path('.agentq/bells'), { recursive: true });
    await q.ok('cancel', id);
    await worker.reported('cancelled', { task_id: id });
    await gone(pids);
  });
});

/** How many times the process has read anything. */
function readsOf(pid: number): number {
  return Number(/syscr: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]);
}
