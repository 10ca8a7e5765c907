import { setTimeout as pause } from 'node:timers/promises';
import type { Event } from '../../core/event.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../services.ts';
import { claimer, LEASE, type Stage, startWorker, submitter, worker } from './actors.ts';
import type { TorturedBroker } from './broker.ts';
import { Ledger } from './ledger.ts';
import { seededRandom } from './seeded-random.ts';
import { judge, type Verdict } from './verdict.ts';

export interface TortureOptions {
  readonly program: readonly string[];
  /** Workspaces of one queue, as of several machines; the actors take them in turn. */
  readonly dirs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The broker, where it is to be killed as well. */
  readonly broker?: TorturedBroker | undefined;
  readonly seconds: number;
  readonly workers: number;
  readonly seed: number;
  readonly onPhase: (phase: string) => void;
}

export interface TortureReport extends Verdict {
  readonly kills: number;
  readonly findings: readonly string[];
}

const ROLE = 'tortured';

/** How long the tasks that are left may take to end once nobody is killed any more, in ms. */
const DRAINING = 120_000;

/**
 * Submits, works, and kills -9 submitters, claimers, completers and workers at random moments; then lets the rest
 * be worked off in peace, and judges the log. The seed determines what is done, not when the system does it.
 */
export async function torture(services: Services, options: TortureOptions): Promise<TortureReport> {
  const { program, dirs, env, broker, seconds, workers, seed, onPhase } = options;
  const ledger = new Ledger();
  const actor = (n: number): Stage => ({
    program,
    dir: dirs[n % dirs.length]!,
    env,
    role: ROLE,
    random: seededRandom(seed * 1_000 + n),
    ledger,
    deadline: performance.now() + seconds * 1_000,
  });
  onPhase(`killing for ${seconds} s, seed ${seed}`);
  await Promise.all([
    submitter(actor(1), 'one'),
    submitter(actor(2), 'two'),
    ...Array.from({ length: workers }, (_, i) => [
      worker(actor(10 + i), `worker-${i}`),
      claimer(actor(100 + i), `claimer-${i}`),
    ]).flat(),
    ...(broker ? [broker.torture(seededRandom(seed * 1_000 + 4), performance.now() + seconds * 1_000, ledger)] : []),
  ]);
  onPhase('working off what is left');
  await drain(services, actor(3));
  onPhase('reading the log');
  const verdict = judge(await histories(services), ledger);
  const findings = await services.backend.audit(false);
  return {
    ...verdict,
    kills: ledger.kills,
    findings: findings.map(({ subject, problem }) => `${subject}: ${problem}`),
  };
}

async function drain(services: Services, stage: Stage): Promise<void> {
  const deadline = performance.now() + DRAINING;
  const { child, ended } = startWorker(stage, 'drainer', '--concurrency', '4');
  while ((await open(services)) > 0 && performance.now() < deadline) await pause(LEASE / 4);
  child.kill('SIGTERM');
  await ended;
}

async function open({ backend }: Services): Promise<number> {
  const { roles } = await backend.counts();
  return roles.reduce((sum, { tasks }) => sum + tasks.queued + tasks.scheduled + tasks.working, 0);
}

async function histories({ backend }: Services): Promise<Map<string, readonly Event[]>> {
  const all = new Map<string, readonly Event[]>();
  for await (const { id } of everyTask(backend)) all.set(id, await backend.history(id));
  return all;
}
