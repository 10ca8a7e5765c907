import { spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { hasProc, CONCURRENT, type Sandbox, test, type Worker } from '../worker/harness.ts';

const have = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

const CHILD = ['/bin/sh', '-c', 'until [ -e "$OUT/go" ]; do sleep 0.05; done; echo done'];

/** Starts a worker and waits until it has started a task. */
async function begun(q: Sandbox, starter: readonly string[]): Promise<{ id: string; worker: Worker }> {
  const id = await q.submit();
  const worker = q.workBehind(starter, CHILD, '--until-empty');
  await worker.reported('started', { task_id: id });
  return { id, worker };
}

/** Programs that ignore SIGHUP and then replace themselves by a worker. */
const ignoring = [
  { who: 'nohup, called by bash', starter: ['bash', '-c', 'nohup "$@"', 'bash'] },
  {
    who: 'a shell that ignores SIGHUP, with the input that nohup provides instead of a terminal',
    starter: ['/bin/sh', '-c', `trap '' HUP; exec "$@" 0> /dev/null`, 'sh'],
  },
] as const;

describe.skipIf(!have('bash', '-c', 'nohup true'))('a worker that was started by', CONCURRENT, () => {
  test.for(ignoring)('$who continues after a SIGHUP', async ({ starter }, { q, skip }) => {
    skip(!hasProc, 'the system does not show the environment of a process');
    const { id, worker } = await begun(q, starter);
    worker.signal('SIGHUP');
    worker.signal('SIGHUP');
    q.write('go');
    await worker.finished();
    expect(await q.task(id)).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] });
    expect(worker.stderr).not.toContain('returning');
  });

  test('a program that ignores SIGHUP itself continues after a SIGHUP', async ({ q, skip }) => {
    skip(!hasProc, 'the system does not show the environment of a process');
    // The shell stays the parent of the worker.
    const { id, worker } = await begun(q, [
      '/bin/sh',
      '-c',
      `trap '' HUP; "$@" & echo $! > "$OUT/worker"; wait $!`,
      'sh',
    ]);
    const [pid] = (await q.lines('worker')).map(Number);
    process.kill(pid!, 'SIGHUP');
    q.write('go');
    await worker.finished();
    expect(await q.task(id)).toMatchObject({ status: 'completed', attempts: [{ outcome: 'completed' }] });
  });

  test('any other program returns its task at a SIGHUP', async ({ q }) => {
    const { id, worker } = await begun(q, []);
    worker.signal('SIGHUP');
    await worker.finished();
    expect(await q.task(id)).toMatchObject({ status: 'queued', attempts: [{ outcome: 'released' }] });
  });
});
