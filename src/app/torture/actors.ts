import { setTimeout as pause } from 'node:timers/promises';
import { childScript, idOf, type OddChild, oddKinds } from './odd-children.ts';
import { going, risk, type Stage, start, unheard } from './processes.ts';

/** The length of a lease, in ms. It is short, so that leases end within the run. */
export const LEASE = 1_000;

/** The proportion of tasks with an odd child. */
const ODDITY = 0.3;

/**
 * How often a task may fail. A task with a normal child is killed often; a task with an odd child may never succeed.
 */
const MAX_ATTEMPTS = { plain: 1_000, odd: 5 };

/**
 * Submits tasks, one at a time or by the batch; if the submit was killed, the task is submitted again with the same id.
 */
export async function submitter(stage: Stage, name: string): Promise<void> {
  // Each kind occurs, also in a short run.
  let turn = Math.floor(stage.random() * oddKinds.length);
  const kind = (): OddChild | 'plain' => (stage.random() < ODDITY ? oddKinds[turn++ % oddKinds.length]! : 'plain');
  for (let n = 0; going(stage); n++) {
    const tasks = Array.from({ length: stage.random() < 0.2 ? 10 : 1 }, (_, i) => taskOf(name, n, kind(), i));
    const [first] = tasks;
    const args =
      tasks.length > 1
        ? ['submit', '--to', stage.role, '--batch', '-']
        : ['submit', '--to', stage.role, '--id', first!.task_id, '--instructions', first!.instructions];
    const single = tasks.length > 1 ? [] : ['--max-attempts', `${first!.max_attempts}`];
    const rows = tasks.map((task) => JSON.stringify(task)).join('\n');
    for (let tries = 0; tries < 3; tries++) {
      const { code } = await risk(stage, [...args, ...single], rows);
      if (code !== 0) continue;
      for (const { task_id } of tasks) stage.ledger.confirmSubmit(task_id);
      break;
    }
  }
}

function taskOf(name: string, n: number, kind: OddChild | 'plain', i: number) {
  const task_id = idOf(name, n, kind, i);
  return { task_id, instructions: `do ${task_id}`, max_attempts: MAX_ATTEMPTS[kind === 'plain' ? kind : 'odd'] };
}

/**
 * Claims with one-shot commands, and then acts like a careless agent: completes, completes late or twice, fails, or
 * forgets the task.
 */
export async function claimer(stage: Stage, name: string): Promise<void> {
  while (going(stage)) {
    const claimed = await risk(stage, [
      'claim',
      '--as',
      stage.role,
      '--worker',
      name,
      '--lease',
      `${LEASE}ms`,
      '--json',
    ]);
    if (claimed.code !== 0) continue;
    const { task_id: id, attempt } = JSON.parse(claimed.stdout) as { task_id: string; attempt: number };
    const mood = stage.random();
    if (mood < 0.15) continue;
    if (mood < 0.35) await pause(LEASE + stage.random() * LEASE);
    if (mood > 0.9) await risk(stage, ['fail', id, '--attempt', String(attempt), '--reason', 'out of luck', '--retry']);
    for (let tries = stage.random() < 0.3 ? 2 : 1; tries > 0; tries--) {
      const summary = `${name} did it, ${stage.random()}`;
      const { code } = await risk(stage, ['complete', id, '--attempt', String(attempt), '--summary', summary]);
      if (code === 0) stage.ledger.confirmCompletion({ id, attempt, summary });
    }
  }
}

/** A runner that is killed repeatedly while its children work. */
export async function worker(stage: Stage, name: string): Promise<void> {
  while (going(stage)) {
    const { child, ended } = startWorker(stage, name);
    await Promise.race([pause(200 + stage.random() * 2_000), ended]);
    if (child.exitCode === null && child.kill('SIGKILL')) stage.ledger.countKill();
    const { code, complaint } = await ended;
    // No worker may end before it is stopped, whatever its children do.
    if (code !== null && !stage.brokerDies)
      stage.ledger.noteFault(
        `a worker ended by itself, with exit code ${code}: ${complaint.trim().split('\n').at(-1)}`,
      );
  }
}

export function startWorker(stage: Stage, name: string, ...more: string[]): ReturnType<typeof start> {
  const options = ['--as', stage.role, '--worker', name, '--lease', `${LEASE}ms`, ...more];
  return start(stage, ['work', ...options, '--', '/bin/sh', '-c', childScript]);
}

/** The delay of tasks that will be cancelled, so that no worker takes them first. */
const DELAY = '3s';

/**
 * Cancels with a reader that goes away before any output, as in `agentq cancel a b c | true`. The cancel must still
 * take effect.
 */
export async function deserter(stage: Stage, name: string): Promise<void> {
  for (let n = 0; going(stage); n++) {
    const ids = Array.from({ length: 4 }, (_, i) => idOf(name, n, 'plain', i));
    const rows = ids.map((task_id) => JSON.stringify({ task_id, instructions: `do ${task_id}` })).join('\n');
    const submitted = await risk(stage, ['submit', '--to', stage.role, '--delay', DELAY, '--batch', '-'], rows);
    if (submitted.code === 0) {
      for (const id of ids) stage.ledger.confirmSubmit(id);
      const cancelled = await unheard(stage, ['cancel', ...ids]);
      if (cancelled.code === 0) for (const id of ids) stage.ledger.confirmCancel(id);
    }
    await unheard(stage, ['claim', '--as', stage.role, '--worker', name, '--lease', `${LEASE}ms`]);
    const { code } = await unheard(stage, ['list']);
    if (code !== null && code !== 0 && !stage.brokerDies)
      stage.ledger.noteFault(`list, whose reader went away, ended with exit code ${code}`);
  }
}
