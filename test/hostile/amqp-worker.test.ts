import { spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { test } from '../amqp/fixture.ts';
import { SLOW } from '../amqp/site.ts';
import { hasProc, isAlive, until } from '../worker/harness.ts';
import { runUnread } from './support/program.ts';

describe('with a broker', { timeout: SLOW }, () => {
  test('a claim whose output cannot be written returns its task', async ({ cast: { site, lead, one } }) => {
    await lead.submit('t');
    const env = { AGENTQ_URL: site.url };
    const { code, stderr } = await runUnread({ cwd: one.folder, env }, 'claim', '--as', 'r', '--wait', '20s', '--json');
    expect({ code, stderr }).toEqual({ code: 22, stderr: expect.stringContaining('t was returned to the queue') });
    expect(await lead.task('t')).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
    expect((await one.claim()).attempt).toBe(2);
  });

  test('a child that removes its scratch folder fails its attempt, and its worker continues', async ({
    cast: { lead, one },
  }) => {
    await lead.submit('v1.5', '--max-attempts', '1');
    await lead.submit('next');
    const worker = one.work('[ $AGENTQ_TASK_ID = next ] || rm -r "$(dirname "$AGENTQ_RESULT_FILE")"; echo done');
    expect(await lead.wait('v1.5')).toBe(6);
    expect(await lead.wait('next')).toBe(0);
    expect((await lead.task('v1.5')).reason).toMatch(/removed or replaced/);
    expect(worker.stderr).not.toContain('internal error');
  });

  test('a task that was released more than three times waits, and other tasks come first', async ({
    cast: { lead, one },
  }) => {
    await lead.submit('first');
    // After the fourth release the task waits 10 s: enough for the commands in between, also on a loaded machine.
    for (const attempt of [1, 2, 3, 4]) {
      expect(await one.claim()).toMatchObject({ task_id: 'first', attempt });
      if (attempt === 4) await lead.submit('next');
      await one.ok('release', 'first', '--from', 'r', '--attempt', String(attempt), '--reason', 'cannot work');
    }
    expect(await lead.task('first')).toMatchObject({ status: 'scheduled', why: 'backoff' });
    expect(await one.claim()).toMatchObject({ task_id: 'next' });
    expect(await one.claim()).toMatchObject({ task_id: 'first', attempt: 5 });
  });

  const daemons = hasProc && spawnSync('setsid', ['--fork', 'true']).status === 0;

  test.skipIf(!daemons)('all daemons of a cancelled child are stopped', async ({ cast: { site, lead, one } }) => {
    await lead.submit('t');
    const worker = one.work(
      `setsid --fork /bin/sh -c 'trap "" TERM; echo $$ >> "$OUT/pids"; while :; do sleep 0.1; done'; until_there never`,
      '--kill-grace',
      '200ms',
    );
    const [pid] = (await site.lines('pids')).map(Number);
    await lead.ok('cancel', 't');
    await until('the worker to report that it has stopped', async () => (await lead.task('t')).stopped_at);
    expect(isAlive(pid!)).toBe(false);
    await worker.reported('cancelled');
  });
});
