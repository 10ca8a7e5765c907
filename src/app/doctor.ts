import { chmodSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeDrift } from '../artifacts/store.ts';
import { isFinished } from '../core/task.ts';
import { everyTask } from './every-task.ts';
import { taskOf } from './evidence-paths.ts';
import { leftOverScratch } from './left-over-scratch.ts';
import { removeScratch } from './scratch.ts';
import type { Services } from './services.ts';
import { refusedInOutbox, waitingInOutbox } from './outbox.ts';
import { evidenceOf } from './verify.ts';

export interface Diagnosis {
  readonly subject: string;
  readonly problem: string;
  /** `advice` is worth knowing and not wrong. */
  readonly severity: 'problem' | 'advice';
  readonly repaired: boolean;
}

/** From what age on a temporary file is nobody's any more, in ms. */
const ABANDONED = 3_600_000;

/** For how long a worker that asked for work counts as present, in ms. */
const PRESENT = 900_000;

/**
 * Cross-checks the store's file, the projection against the log, every piece of evidence against its record, and
 * the folders against both. With `repair`, does what can lose nothing: derives rows anew from the log, removes
 * scratch that no attempt uses, takes away rights that were never given. Evidence is never touched.
 */
export async function diagnose(services: Services, repair: boolean): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = (await services.backend.audit(repair)).map((finding) => ({
    ...finding,
    severity: 'problem',
  }));
  const recorded = new Set<string>();
  const open = new Set<string>();
  for await (const task of everyTask(services.backend)) {
    if (!isFinished(task)) open.add(task.id);
    for (const evidence of evidenceOf(task)) {
      if (recorded.has(evidence.path)) continue;
      recorded.add(evidence.path);
      const drift = await services.store.check(evidence);
      if (drift) found.push({ subject: task.id, problem: describeDrift(drift), severity: 'problem', repaired: false });
    }
  }
  found.push(...(await unrecordedResults(services, recorded, open)));
  found.push(...(await deserted(services)));
  found.push(...(await halfWritten(services, repair)));
  found.push(...(await unusedScratch(services, repair)));
  found.push(...unheard(services));
  found.push(...openRights(services, repair));
  return found;
}

/** A worker that wrote its result and never said so. A task that is open may still be about to. */
async function unrecordedResults({ store }: Services, recorded: Set<string>, open: Set<string>): Promise<Diagnosis[]> {
  return (await store.scan('results')).paths
    .filter((path) => !recorded.has(path) && !open.has(taskOf(path)))
    .map((path) => ({
      subject: path,
      problem: 'no completion speaks of this result',
      severity: 'advice',
      repaired: false,
    }));
}

/** Roles whose tasks wait while nobody asks for them. */
async function deserted({ backend, clock }: Services): Promise<Diagnosis[]> {
  const { roles, workers } = await backend.counts();
  const present = new Set(workers.filter((worker) => clock() - worker.seen_at < PRESENT).map((worker) => worker.role));
  return roles
    .filter(({ role, tasks }) => tasks.queued > 0 && !present.has(role))
    .map(({ role, tasks }) => ({
      subject: role,
      problem: `${tasks.queued} queued and no worker has asked for work of late: agentq work --as ${role} -- …`,
      severity: 'advice',
      repaired: false,
    }));
}

/** What a process that was killed while it stored a file left behind. */
async function halfWritten({ store, clock }: Services, repair: boolean): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const path of await store.leftovers(clock() - ABANDONED)) {
    if (repair) await store.removeLeftover(path);
    found.push({
      subject: path,
      problem: 'half-written by a process that was killed',
      severity: 'problem',
      repaired: repair,
    });
  }
  return found;
}

/** Scratch that no attempt uses. It may belong to another user, whose doctor has to remove it. */
async function unusedScratch(services: Services, repair: boolean): Promise<Diagnosis[]> {
  return (await leftOverScratch(services)).map((name) => {
    const kept = repair ? problemOf(() => removeScratch(join(services.workspace.runDir, name))) : undefined;
    const problem = `scratch of an attempt that is over${kept === undefined ? '' : `; it cannot be removed: ${kept}`}`;
    return { subject: `run/${name}`, problem, severity: 'problem', repaired: repair && kept === undefined } as const;
  });
}

function problemOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What was said while the broker was away, and is not known to the queue. */
function unheard({ workspace }: Services): Diagnosis[] {
  const about = (names: readonly string[], problem: string, severity: Diagnosis['severity']) =>
    names.map((name) => ({ subject: `outbox/${name}`, problem, severity, repaired: false }));
  return [
    ...about(waitingInOutbox(workspace), 'waits until the broker hears of it', 'advice'),
    ...about(refusedInOutbox(workspace), 'was refused by the queue: read it, and delete it', 'advice'),
  ];
}

function openRights({ workspace }: Services, repair: boolean): Diagnosis[] {
  const paths = ['config.json', 'agentq.db', 'agentq.db-wal', 'agentq.db-shm'].map((name) => join(workspace.dir, name));
  return paths.flatMap((path) => {
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    if (mode === undefined || (mode & 0o777 & ~workspace.modes.file) === 0) return [];
    if (repair) chmodSync(path, mode & workspace.modes.file);
    const problem = `mode ${(mode & 0o777).toString(8)} lets others in; it was made ${workspace.modes.file.toString(8)}`;
    return [{ subject: path, problem, severity: 'problem', repaired: repair } as const];
  });
}
