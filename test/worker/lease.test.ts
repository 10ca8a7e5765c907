import { describe, expect } from 'vitest';
import { gone, isAlive, LEASE, CONCURRENT, ROLE, test, until } from './harness.ts';

const UNTIL_GO = 'echo $$ >> "$OUT/pids"; until_there go; echo done';

describe('a lease', CONCURRENT, () => {
  test('is renewed until its task has ended', async ({ q }) => {
    const id = await q.submit('--max-attempts', '1');
    const worker = q.work(UNTIL_GO, '--lease', LEASE);
    await worker.reported('started');
    const first = (await q.task(id)).lease!;
    await until('the first lease to be over', () => Date.now() > Date.parse(first.expires_at));
    const { status, lease } = await q.task(id);
    expect({ status, attempt: lease?.attempt }).toEqual({ status: 'working', attempt: 1 });
    expect(lease!.expires_at > first.expires_at).toBe(true);
    q.write('go');
    await worker.reported('completed');
    expect((await q.task(id)).attempts).toMatchObject([{ number: 1, outcome: 'completed' }]);
  });

  test('is renewed while a cancelled child of the same worker ends slowly', async ({ q }) => {
    const [stubborn, other] = [await q.submit(), await q.submit()];
    const script = 'trap "" TERM; echo $$ >> "$OUT/pids"; until_there go; echo done';
    const worker = q.work(script, '--lease', LEASE, '--concurrency', '2');
    await q.processIds(2);
    const { lease } = await q.task(other);
    await q.ok('cancel', stubborn);
    await until('the lease of the other to be over', () => Date.now() > Date.parse(lease!.expires_at));
    q.write('go');
    await worker.reported('completed', { task_id: other, attempt: 1 });
  });

  test('that a person released ends the child, and its result is not recorded', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(UNTIL_GO, '--lease', LEASE);
    const [child] = await q.processIds(1);
    await q.ok('release', id, '--from', ROLE, '--attempt', '1', '--reason', 'released by a person');
    await q.ok('claim', '--as', ROLE, '--worker', 'another');
    await worker.reported('handed-back', { task_id: id, attempt: 1 });
    expect(isAlive(child!)).toBe(false);
    const task = await q.task(id);
    expect(task.lease).toMatchObject({ worker: 'another', attempt: 2 });
    expect(task.attempts).toMatchObject([{ outcome: 'released' }, { worker: 'another' }]);
  });

  test('that has ended makes a completion of its child fail, and changes nothing', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(
      `
      trap 'agentq complete --summary late > "$OUT/refused" 2>&1; echo $? >> "$OUT/code"; exit 0' TERM
      echo $$ >> "$OUT/pids"; while :; do sleep 0.1; done`,
      '--lease',
      LEASE,
    );
    const pids = await q.processIds(1);
    await q.ok('release', id, '--from', ROLE, '--attempt', '1', '--reason', 'released by a person');
    await q.ok('claim', '--as', ROLE, '--worker', 'another');
    await worker.reported('handed-back', { task_id: id, attempt: 1 });
    await gone(pids);
    expect(await q.lines('code')).toEqual(['4']);
    expect((await q.task(id)).lease).toMatchObject({ worker: 'another', attempt: 2 });
  });
});
