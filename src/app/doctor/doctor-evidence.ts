import { type ArtifactStore, describeDrift, type Listing } from '../../artifacts/store.ts';
import type { Drift } from '../../core/evidence/evidence.ts';
import { isFinished, type Task } from '../../core/task/task.ts';
import type { Diagnosis } from './diagnosis.ts';
import { everyTask } from '../every-task.ts';
import { diagnoseLogs } from './doctor-logs.ts';
import { EvidenceAge } from './evidence-age.ts';
import { placeOf } from '../evidence/evidence-paths.ts';
import type { Services } from '../workspace/services.ts';
import { awayStore, evidenceOf, formerEvidence } from '../evidence/verify.ts';

/** The age from which a temporary file counts as left over, in ms. */
const ABANDONED = 3_600_000;

/**
 * Cross-checks every piece of evidence with its record, and the folders of the store with both. With `repair`, it
 * removes incomplete files of killed processes. It never changes evidence.
 */
export async function diagnoseEvidence(services: Services, repair: boolean): Promise<readonly Diagnosis[]> {
  const { workspace, store } = services;
  const away = await awayStore(store);
  if (away) return [problem(workspace.storeDir, `${away.message} (${away.hint})`)];
  const recorded = new Set<string>();
  const open = new Set<string>();
  const age = new EvidenceAge();
  const found: Diagnosis[] = [];
  let missing = 0;
  let needed = false;
  for await (const task of everyTask(services.backend)) {
    if (!isFinished(task)) open.add(task.id);
    age.add(task);
    const former = new Set(formerEvidence(task));
    for (const evidence of evidenceOf(task)) {
      if (recorded.has(evidence.path)) continue;
      recorded.add(evidence.path);
      const drift = await store.check(evidence);
      if (!drift) continue;
      const finding = findingOf(task, drift, former.has(evidence));
      if (drift.kind === 'missing') missing++;
      needed ||= finding.severity === 'problem';
      found.push(finding);
    }
  }
  if (needed && missing > 1 && missing === recorded.size)
    found.push(problem(workspace.storeDir, 'it contains none of the evidence in the log: is it the right store?'));
  if (recorded.size > 0 && workspace.storeId === undefined)
    found.push(
      advice(workspace.storeDir, 'the store has no marker, so a missing disk would not be noticed: agentq init'),
    );
  // Listed only now, because evidence may have been recorded while the tasks were read.
  const listing = await listAll(store);
  found.push(...(await age.diagnose(services, listing)));
  found.push(...(await unrecordedResults(services, listing, recorded, open)));
  found.push(...(await diagnoseLogs(services, repair)));
  // Folders of the store that are not readable for this user, or are not folders.
  found.push(...listing.closed.map((folder) => problem(folder.path, folder.problem)));
  found.push(...(await halfWritten(services, repair)));
  return found;
}

/**
 * What a drift means for its task, and what to do about it. A task that ended without a result needs its evidence only for a retry: a missing
 * file is then advice and not a problem.
 */
function findingOf(task: Task, drift: Drift, isFormer: boolean): Diagnosis {
  const what = describeDrift(drift);
  if (isFormer) return advice(task.id, `${what}; it belongs to an outcome that no longer counts`);
  if (task.status === 'completed') {
    const isContext = drift.evidence === task.context;
    const again = isContext ? 'submit the task again' : `agentq redo ${task.id} --reason TEXT`;
    return problem(task.id, `${what}: put the recorded file back, or have the work done again: ${again}`);
  }
  if (!isFinished(task))
    return problem(task.id, `${what}: put the recorded file back, or cancel the task and submit it again`);
  if (drift.kind !== 'missing') return problem(task.id, `${what}: put the recorded file back, or remove this one`);
  return advice(task.id, `${what}; the task is ${task.status} and needs it only for a retry`);
}

function problem(subject: string, what: string): Diagnosis {
  return { subject, problem: what, severity: 'problem', repaired: false };
}

function advice(subject: string, what: string): Diagnosis {
  return { subject, problem: what, severity: 'advice', repaired: false };
}

/** The files of all folders of the store. */
async function listAll(store: ArtifactStore): Promise<Listing> {
  const listings = await Promise.all(['tasks', 'results', 'artifacts'].map((folder) => store.list(folder)));
  return { paths: listings.flatMap(({ paths }) => paths), closed: listings.flatMap(({ closed }) => closed) };
}

/** A result file without a completion. The task may still be open and complete later, or its file be left of a prune. */
async function unrecordedResults(
  { backend }: Services,
  { paths }: Listing,
  recorded: Set<string>,
  open: Set<string>,
): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const path of paths) {
    const id = placeOf(path)?.id ?? '';
    if (!path.startsWith('results/') || recorded.has(path) || open.has(id)) continue;
    if (!(await backend.pruned(id))) found.push(advice(path, 'no completion names this result'));
  }
  return found;
}

/** Incomplete files of processes that were killed while they stored a file. */
async function halfWritten({ store, clock }: Services, repair: boolean): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const path of await store.leftovers(clock() - ABANDONED)) {
    const removed = repair && (await store.removeLeftover(path));
    found.push({ ...problem(path, 'incomplete file of a killed process'), repairable: true, repaired: removed });
  }
  return found;
}
