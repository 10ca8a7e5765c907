import { setTimeout as pause } from 'node:timers/promises';
import type { Event } from '../../core/task/event.ts';
import type { Status } from '../../core/task/task.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';
import { claimer, deserter, LEASE, startWorker, submitter, worker } from './actors.ts';
import type { TorturedBroker } from './broker.ts';
import { Ledger } from './ledger.ts';
import { isOdd } from './odd-children.ts';
import type { Stage } from './processes.ts';
import { seededRandom } from './seeded-random.ts';
import { judge, type Verdict } from './verdict.ts';

export interface TortureOptions {
  readonly program: readonly string[];
  /** Workspaces of one queue, as of several machines; the actors take them in turn. */
  readonly dirs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The broker, if it is killed as well. */
  readonly broker?: TorturedBroker | undefined;
  readonly seconds: number;
  readonly workers: number;
  readonly seed: number;
  readonly onPhase: (phase: string) => void;
}

export interface TortureReport extends Verdict {
  readonly kills: number;
  /** How many tasks an odd child was started for. */
  readonly odd: number;
  /** Problems from the audit, and forbidden behaviour of processes. */
  readonly findings: readonly string[];
}

const ROLE = 'tortured';

/** The maximum time for the remaining tasks after the last kill, in ms. */
const DRAINING = 120_000;

/**
 * Submits and does tasks, and kills submitters, claimers, completers and workers with `kill -9` at random moments. Then
 * it lets workers finish the remaining tasks and checks the log. The seed determines the actions, not their timing.
 */
export async function torture(services: Services, options: TortureOptions): Promise<TortureReport> {
  const { program, dirs, env, broker, seconds, workers, seed, onPhase } = options;
  const ledger = new Ledger();
  const actor = (n: number): Stage => ({
    program,
    dir: dirs[n % dirs.length]!,
    env,
    role: ROLE,
    brokerDies: broker !== undefined,
    random: seededRandom(seed * 1_000 + n),
    ledger,
    deadline: performance.now() + seconds * 1_000,
  });
  onPhase(`killing for ${seconds} s, seed ${seed}`);
  await Promise.all([
    submitter(actor(1), 'one'),
    submitter(actor(2), 'two'),
    deserter(actor(5), 'deserter'),
    ...Array.from({ length: workers }, (_, i) => [
      worker(actor(10 + i), `worker-${i}`),
      claimer(actor(100 + i), `claimer-${i}`),
    ]).flat(),
    ...(broker ? [broker.torture(seededRandom(seed * 1_000 + 4), performance.now() + seconds * 1_000, ledger)] : []),
  ]);
  onPhase('working off what is left');
  await drain(services, actor(3));
  onPhase('reading the log');
  const all = await histories(services);
  const findings = await services.backend.audit(false);
  return {
    ...judge(all, ledger, await prunedOf(services, ledger, all)),
    kills: ledger.kills,
    odd: [...all.keys()].filter(isOdd).length,
    findings: [...findings.map(({ subject, problem }) => `${subject}: ${problem}`), ...ledger.faults],
  };
}

async function drain(services: Services, stage: Stage): Promise<void> {
  const deadline = performance.now() + DRAINING;
  const { child, ended } = startWorker(stage, 'drainer', '--concurrency', '4');
  const runs = () => child.exitCode === null && child.signalCode === null;
  while (runs() && (await open(services)) > 0 && performance.now() < deadline) await pause(LEASE / 4);
  const byItself = !runs();
  child.kill('SIGTERM');
  const { code, complaint } = await ended;
  if (byItself) stage.ledger.noteFault(`the last worker ended by itself, with exit code ${code}: ${complaint.trim()}`);
}

async function open({ backend }: Services): Promise<number> {
  const { roles } = await backend.counts();
  return roles.reduce((sum, { tasks }) => sum + tasks.queued + tasks.scheduled + tasks.working, 0);
}

/** The last status of the tasks whose submit was confirmed and that were pruned. */
async function prunedOf({ backend }: Services, ledger: Ledger, present: ReadonlyMap<string, unknown>) {
  const pruned = new Map<string, Status>();
  for (const id of ledger.submitted) {
    const known = present.has(id) ? undefined : await backend.pruned(id);
    if (known) pruned.set(id, known.status);
  }
  return pruned;
}

async function histories({ backend }: Services): Promise<Map<string, readonly Event[]>> {
  const all = new Map<string, readonly Event[]>();
  for await (const { id } of everyTask(backend)) all.set(id, await backend.history(id));
  return all;
}
