import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  childrenOf,
  gone,
  hasProc,
  isAlive,
  LEASE,
  CONCURRENT,
  type Sandbox,
  test,
  until,
  type Worker,
} from '../worker/harness.ts';

/** Starts a process that leaves the process group and the session of the child, and writes its id to a file. */
const daemon = (how: string, body: string) => `
  ${how} /bin/sh -c '${body}; echo $$ >> "$OUT/pids"; while :; do sleep 0.1; done' < /dev/null > /dev/null 2>&1 &`;

const PLAIN = daemon('setsid', ':');
const STUBBORN = daemon('setsid', 'trap "" TERM');
/** Its parent ends at once, so it is not a child of the attempt. */
const ORPHAN = daemon('setsid --fork', 'trap "" TERM');

/** Prints the ids of the processes that are still alive. */
const SURVIVORS =
  'for pid in $(cat "$OUT/pids"); do grep -q ") [^ZX] " /proc/$pid/stat 2> /dev/null && echo $pid; done';

const supported = hasProc && spawnSync('setsid', ['--fork', 'true']).status === 0;

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The shell that guards the children of a worker. */
const guardOf = (worker: Worker) =>
  until('the guard', () => childrenOf(worker.pid).find((pid) => commandOf(pid).includes('read -r sign')));

describe.skipIf(!supported)('a daemon that a child starts', CONCURRENT, () => {
  test.for([
    ['ends at a SIGTERM', PLAIN],
    ['ignores SIGTERM', STUBBORN],
    ['has lost its parent', ORPHAN],
  ] as const)(
    'and that %s has ended when its worker reports that a cancelled child has stopped',
    async ([, start], { q }) => {
      const id = await q.submit();
      const worker = q.work(`${start} echo $$ >> "$OUT/pids"; until_there never`, '--kill-grace', '200ms');
      const pids = await q.processIds(2);
      await q.ok('cancel', id);
      await until('the worker to report that it has stopped', async () => (await q.task(id)).stopped_at);
      expect(pids.filter(isAlive)).toEqual([]);
      await worker.reported('cancelled', { task_id: id });
    },
  );

  test('ends also if the child ends before its worker learns of the cancellation', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work(
      `${STUBBORN} until_there pids; agentq cancel $AGENTQ_TASK_ID; exit 0`,
      '--kill-grace',
      '200ms',
    );
    await worker.reported('cancelled', { task_id: id });
    expect((await q.processIds(1)).filter(isAlive)).toEqual([]);
    expect(await q.task(id)).toMatchObject({ status: 'cancelled', stopped_at: expect.any(String) });
  });

  test('ends with an attempt that takes too long', async ({ q }) => {
    await q.submit('--max-attempts', '1');
    await q.workOff(`${STUBBORN} until_there never`, '--timeout', '2s', '--kill-grace', '200ms');
    expect((await q.processIds(1)).filter(isAlive)).toEqual([]);
  });

  test('ends when its task is returned', async ({ q }) => {
    await q.submit();
    const worker = q.work(`${STUBBORN} until_there never`, '--kill-grace', '200ms');
    const pids = await q.processIds(1);
    for (const message of ['draining', 'returning running tasks']) {
      worker.signal('SIGTERM');
      await worker.printed(message);
    }
    await worker.finished();
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('ends when its worker is killed', async ({ q }) => {
    await q.submit('--id', 'dotted.id');
    const worker = q.work(`${STUBBORN} echo $$ >> "$OUT/pids"; until_there never`);
    const pids = await q.processIds(2);
    worker.signal('SIGKILL');
    await gone(pids);
  });

  test('ends before the next attempt begins if guard and worker were both killed', async ({ q }) => {
    const id = await q.submit();
    const first = q.work(`${STUBBORN} echo $$ >> "$OUT/pids"; until_there never`, '--lease', LEASE);
    const pids = await q.processIds(2);
    process.kill(await guardOf(first), 'SIGKILL');
    first.signal('SIGKILL');
    await first.ended;
    expect(pids.filter(isAlive)).toEqual(pids);
    const second = q.work(`${SURVIVORS}; echo survived`, '--kill-grace', '200ms');
    await second.reported('completed', { task_id: id, attempt: 2 });
    expect((await q.result(id)).content).toBe('survived\n');
  });

  test('continues if its child ends by itself', async ({ q }) => {
    const id = await q.submit();
    await q.workOff(`${PLAIN} until_there pids; echo done`);
    expect((await q.result(id)).content).toBe('done\n');
    expect((await q.processIds(1)).every(isAlive)).toBe(true);
  });
});

describe.skipIf(!supported)('the search for daemons does not stop', CONCURRENT, () => {
  /** Starts a process in the sandbox with this environment. */
  function startWith(q: Sandbox, env: NodeJS.ProcessEnv): number {
    const { PATH } = process.env;
    const child = spawn('sleep', ['600'], { env: { PATH, OUT: q.folder, ...env }, detached: true, stdio: 'ignore' });
    child.unref();
    return child.pid!;
  }

  test('processes of other attempts and workspaces, or with only some of the variables', async ({ q }) => {
    const id = await q.submit();
    const worker = q.work('echo $$ >> "$OUT/pids"; until_there never', '--kill-grace', '100ms');
    const [child] = await q.processIds(1);
    const own = {
      AGENTQ_DIR: q.path('.agentq'),
      AGENTQ_TASK_ID: id,
      AGENTQ_ATTEMPT: '1',
      AGENTQ_RESULT_FILE: q.path(`.agentq/run/${id}~1/result.md`),
    };
    const { AGENTQ_RESULT_FILE: _, ...named } = own;
    const others = [
      named,
      { ...own, AGENTQ_ATTEMPT: '2' },
      { ...own, AGENTQ_TASK_ID: 'another' },
      { ...own, AGENTQ_DIR: '/elsewhere' },
      { ...own, AGENTQ_RESULT_FILE: q.path(`.agentq/run/${id}~2/result.md`) },
    ].map((env) => startWith(q, env));
    const link = q.path('link');
    symlinkSync('.agentq', link);
    const targets = [own, { ...own, AGENTQ_DIR: link, AGENTQ_RESULT_FILE: join(link, `run/${id}~1/result.md`) }].map(
      (env) => startWith(q, env),
    );
    await q.ok('cancel', id);
    await worker.reported('cancelled');
    expect([child!, ...targets].filter(isAlive)).toEqual([]);
    expect(others.filter(isAlive)).toEqual(others);
  });

  test('a worker that runs inside the attempt, and the programs that started it', async ({ q }) => {
    const id = await q.submit();
    await q.workOff(
      `agentq release --reason "done by another worker"
      agentq work --as r --until-empty --kill-grace 100ms -- /bin/sh -c 'echo inner $AGENTQ_ATTEMPT'
      echo "ended with $?" > "$OUT/outer"`,
      '--kill-grace',
      '30s',
    );
    expect((await q.result(id)).content).toBe('inner 2\n');
    expect(q.read('outer')).toBe('ended with 0\n');
  });
});
