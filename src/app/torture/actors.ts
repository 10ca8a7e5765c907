import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';

/** What all actors share. */
export interface Stage {
  /** The command that starts this very program: the node that runs it, and its script. */
  readonly program: readonly string[];
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly role: string;
  readonly random: () => number;
  readonly ledger: Ledger;
  /** When to stop, by performance.now(). */
  readonly deadline: number;
}

/** How long a task is held, in ms: short, so that leases end within the run. */
export const LEASE = 1_000;

/** How often a one-shot command is killed before it can end by itself. */
const MORTALITY = 0.3;

/** The longest that a command which is to be killed may live, in ms: about as long as one takes. */
const SHORT_LIFE = 60;

interface Ended {
  /** null: it was killed. */
  readonly code: number | null;
  readonly stdout: string;
}

export function start(
  stage: Stage,
  args: readonly string[],
  input?: string,
): { child: ChildProcess; ended: Promise<Ended> } {
  const [node, ...script] = stage.program;
  const child = spawn(node!, [...script, '--dir', stage.dir, ...args], {
    env: stage.env,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout }));
  });
  return { child, ended };
}

/** Runs a one-shot command that may be killed at a random moment. */
async function risk(stage: Stage, args: readonly string[], input?: string): Promise<Ended> {
  const { child, ended } = start(stage, args, input);
  if (stage.random() < MORTALITY) {
    await Promise.race([pause(stage.random() * SHORT_LIFE), ended]);
    if (child.exitCode === null && child.kill('SIGKILL')) stage.ledger.countKill();
  }
  return ended;
}

const going = ({ deadline }: Stage) => performance.now() < deadline;

/** Submits tasks, one at a time or by the batch; one whose submit was killed is submitted again under its id. */
export async function submitter(stage: Stage, name: string): Promise<void> {
  for (let n = 0; going(stage); n++) {
    const ids = Array.from({ length: stage.random() < 0.2 ? 10 : 1 }, (_, i) => `${name}-${n}-${i}`);
    const rows = ids.map((task_id) => JSON.stringify({ task_id, instructions: `do ${task_id}` })).join('\n');
    const common = ['submit', '--to', stage.role, '--max-attempts', '1000'];
    const args =
      ids.length > 1 ? [...common, '--batch', '-'] : [...common, '--id', ids[0]!, '--instructions', `do ${ids[0]!}`];
    for (let tries = 0; tries < 3; tries++) {
      const { code } = await risk(stage, args, rows);
      if (code !== 0) continue;
      for (const id of ids) stage.ledger.confirmSubmit(id);
      break;
    }
  }
}

/** Claims by hand, and then does as careless agents do: completes, completes late or twice, fails, forgets. */
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

/** A runner that is killed again and again while its children work. */
export async function worker(stage: Stage, name: string): Promise<void> {
  while (going(stage)) {
    const { child, ended } = startWorker(stage, name);
    await Promise.race([pause(200 + stage.random() * 2_000), ended]);
    if (child.exitCode === null && child.kill('SIGKILL')) stage.ledger.countKill();
    await ended;
  }
}

export function startWorker(stage: Stage, name: string, ...more: string[]): ReturnType<typeof start> {
  const child = 'sleep 0.0$((AGENTQ_ATTEMPT % 10)); echo "done $AGENTQ_TASK_ID in attempt $AGENTQ_ATTEMPT"';
  const options = ['--as', stage.role, '--worker', name, '--lease', `${LEASE}ms`, ...more];
  return start(stage, ['work', ...options, '--', '/bin/sh', '-c', child]);
}
