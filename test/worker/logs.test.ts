import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CONCURRENT, LEASE, test, until } from './harness.ts';

describe('the log of a child', CONCURRENT, () => {
  test('can be followed through all attempts, and read while it runs and afterwards', async ({ q }) => {
    const id = await q.submit('--max-attempts', '2');
    const follower = q.start('logs', id, '--follow');
    const worker = q.work(
      'echo "one of $AGENTQ_ATTEMPT"; until_there "go-$AGENTQ_ATTEMPT"; echo "two of $AGENTQ_ATTEMPT" >&2; exit $((2 - AGENTQ_ATTEMPT))',
      '--until-empty',
    );
    await until('the first line', () => follower.stdout === 'one of 1\n');
    expect(await q.ok('logs', id)).toBe('one of 1');
    q.write('go-1');
    await until('the second attempt', () => follower.stdout === 'one of 1\ntwo of 1\none of 2\n');
    const second = q.start('logs', id, '--follow', '--tail', '1');
    await until('the last line', () => second.stdout === 'one of 2\n');
    q.write('go-2');
    await worker.finished();
    expect(await follower.ended).toMatchObject({ code: 0, stdout: 'one of 1\ntwo of 1\none of 2\ntwo of 2\n' });
    expect(follower.stderr).toBe(`agentq: attempt 2 of ${id}\n`);
    expect(await second.ended).toMatchObject({ code: 0, stdout: 'one of 2\ntwo of 2\n' });
    expect(await q.ok('logs', id, '--attempt', '1')).toBe('one of 1\ntwo of 1');
    appendFileSync(q.path('.agentq/artifacts', id, '2', 'log.txt'), 'three');
    expect((await q.agentq('logs', id)).code).toBe(16);
  });

  test('of a cancelled child is followed to its last words; a closed output ends the command', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(`trap 'echo bye; exit 1' TERM; echo up; while :; do sleep 0.1; done`);
    const follower = q.start('logs', id, '--follow');
    await until('the first line', () => follower.stdout === 'up\n');
    const closed = q.startBehind(['/bin/sh', '-c', '"$@" | head -n 1', 'sh'], 'logs', id, '--follow');
    await until('the first line of the other', () => closed.stdout === 'up\n');
    await q.ok('cancel', id);
    expect(await follower.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^up\n[^]*bye\n$/) });
    expect((await closed.ended).code).toBe(0);
    await worker.reported('cancelled');
    const [attempt] = (await q.task(id)).attempts;
    expect(attempt).toMatchObject({ outcome: 'cancelled', artifacts: [{ name: 'log' }] });
    expect(await q.ok('logs', id)).toMatch(/^up\n[^]*bye$/);
  });

  test('of a killed worker is recorded by the next worker of this machine, which tells its child', async ({ q }) => {
    const id = await q.submit();
    const first = q.work('echo "one of $AGENTQ_ATTEMPT"; touch "$OUT/up"; sleep 600', '--lease', LEASE);
    await until('the child', () => q.has('up'));
    await until('its output', async () => (await q.agentq('logs', id)).stdout === 'one of 1\n');
    first.signal('SIGKILL');
    await first.ended;
    const second = q.work('cat > "$OUT/brief"; echo "two of $AGENTQ_ATTEMPT"; [ "$AGENTQ_ATTEMPT" != 2 ] || exit 75');
    const { attempts } = await q.ended(id);
    second.signal('SIGTERM');
    await second.finished();
    const logs = attempts.map(({ number, outcome, artifacts = [] }) => [
      number,
      outcome,
      artifacts.map(({ name }) => name),
    ]);
    expect(logs).toEqual([
      [1, 'lease-expired', ['log']],
      [2, 'deferred', ['log']],
      [3, 'completed', []],
    ]);
    const log = (attempt: number) => q.path('.agentq/artifacts', id, String(attempt), 'log.txt');
    expect(q.read('brief')).toMatch(`(log: ${log(1)})\n- attempt 2 deferred: exit 75: two of 2 (log: ${log(2)})\n`);
    expect(await q.ok('logs', id, '--attempt', '1')).toBe('one of 1');
    expect((await q.agentq('doctor')).stdout).not.toContain(id);
  });

  test('of a claim by hand may grow while the next attempt runs', async ({ q }) => {
    const id = await q.submit();
    const { artifacts_dir } = JSON.parse(await q.ok('claim', '--as', 'r', '--json'));
    writeFileSync(join(artifacts_dir, 'log.txt'), 'begun\n');
    await q.ok('release', id, '--from', 'r', '--attempt', '1');
    await q.workOff(`echo more >> '${artifacts_dir}/log.txt'; echo done`);
    expect(await q.result(id)).toMatchObject({ content: 'done\n' });
    expect((await q.agentq('doctor')).stdout).not.toContain(id);
  });

  test('and the cost of a child that completes its task itself are added when it has ended', async ({ q }) => {
    const id = await q.submit();
    await q.workOff('echo working; agentq complete --summary s; echo bye; echo \'{"usd":0.5}\' > "$AGENTQ_COST_FILE"');
    const task = await q.task(id);
    expect(task).toMatchObject({ status: 'completed', summary: 's', artifacts: [] });
    expect(task.attempts).toMatchObject([{ outcome: 'completed', cost: { usd: 0.5 }, artifacts: [{ name: 'log' }] }]);
    expect(await q.ok('logs', id)).toMatch(/^working\n[^]*bye$/);
    expect(await q.result(id)).toMatchObject({ summary: 's', artifacts: [] });
    expect(await q.ok('show', id)).toMatch(/log 1 +artifacts.*log\.txt, \d+ bytes\n/);
  });
});
