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
  /** Whether the broker is down at times, so that a command may report this and end. */
  readonly brokerDies: boolean;
  readonly random: () => number;
  readonly ledger: Ledger;
  /** When to stop, by performance.now(). */
  readonly deadline: number;
}

/** The proportion of one-shot commands that are killed before they end. */
const MORTALITY = 0.3;

/** The maximum life of a command that will be killed, in ms: about the normal duration of a command. */
const SHORT_LIFE = 60;

/** How much of the standard error of a process is kept, in characters. */
const COMPLAINT = 2_000;

interface Ended {
  /** null: it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  /** The end of its standard error. */
  readonly complaint: string;
}

/** Starts the program. An internal error of the program is always a fault. */
export function start(
  stage: Stage,
  args: readonly string[],
  input?: string,
): { child: ChildProcess; ended: Promise<Ended> } {
  const [node, ...script] = stage.program;
  const child = spawn(node!, [...script, '--dir', stage.dir, ...args], { env: stage.env, stdio: 'pipe' });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  let stdout = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-COMPLAINT)));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const unforeseen = /.*internal error.*/.exec(complaint)?.[0] ?? /^ +at .*/m.exec(complaint)?.[0];
      if (unforeseen !== undefined) stage.ledger.noteFault(`${args[0]}: ${unforeseen.trim()}`);
      resolve({ code, stdout, complaint });
    });
  });
  return { child, ended };
}

/** Runs a one-shot command that may be killed at a random moment. */
export async function risk(stage: Stage, args: readonly string[], input?: string): Promise<Ended> {
  const { child, ended } = start(stage, args, input);
  if (stage.random() < MORTALITY) {
    await Promise.race([pause(stage.random() * SHORT_LIFE), ended]);
    if (child.exitCode === null && child.kill('SIGKILL')) stage.ledger.countKill();
  }
  return ended;
}

/** Runs a one-shot command whose reader goes away before it reads anything, as in `agentq cancel a b c | true`. */
export async function unheard(stage: Stage, args: readonly string[]): Promise<Ended> {
  const { child, ended } = start(stage, args);
  child.stdout!.destroy();
  return ended;
}

export const going = ({ deadline }: Stage): boolean => performance.now() < deadline;
