import { type ArtifactStore, describeDrift } from '../../artifacts/store.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import type { Completion, Task } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';

/** Every file that is recorded in the task's history. */
export function evidenceOf(task: Task): readonly Evidence[] {
  return [...countingEvidence(task), ...formerEvidence(task)];
}

/** The files of completions that no longer count, because the task is done again. */
export function formerEvidence(task: Task): readonly Evidence[] {
  return (task.redone ?? []).flatMap(({ completion }) => filesOf(completion));
}

/** The context, and the files of the failed attempts and of the completion that counts. */
export function countingEvidence(task: Task): readonly Evidence[] {
  const ofAttempts = task.attempts.flatMap((attempt) =>
    attempt.outcome === undefined ? [] : (attempt.artifacts ?? []),
  );
  return [
    ...(task.context ? [task.context] : []),
    ...ofAttempts,
    ...(task.status === 'completed' ? filesOf(task.completion) : []),
  ];
}

function filesOf({ result, artifacts }: Completion): readonly Evidence[] {
  return [...(result ? [result] : []), ...artifacts];
}

/** The error of a store that is missing or is not the store of the workspace; undefined if it is there. */
export async function awayStore(store: ArtifactStore): Promise<AgentqError | undefined> {
  try {
    await store.attend();
    return undefined;
  } catch (error) {
    if (error instanceof AgentqError) return error;
    throw error;
  }
}

/** Checks every piece of evidence and returns those that differ from their record. */
export async function findDrift(store: ArtifactStore, evidence: readonly Evidence[]): Promise<readonly Drift[]> {
  const drifts: Drift[] = [];
  for (const one of evidence) {
    const drift = await store.check(one);
    if (drift) drifts.push(drift);
  }
  return drifts;
}

/** The error for evidence of a task that differs from its record, and the way out. */
export function driftError(task: Task, drifts: readonly Drift[]): AgentqError {
  const { id, status, context } = task;
  // With another context, the next attempt would do another task.
  const canBeRedone = status === 'completed' && drifts.every(({ evidence }) => evidence !== context);
  const hint = canBeRedone
    ? `do not trust it; to have it done again: agentq redo ${id} --reason TEXT`
    : 'do not trust it: agentq doctor';
  return new AgentqError('drift', `${id}: ${drifts.map(describeDrift).join('; ')}`, hint);
}

/**
 * Brings evidence to the local disk and checks it.
 * @param take receives the content piece by piece; what it received counts only if this function returns
 * @returns the path of the file on the local disk
 * @throws AgentqError `drift` if it does not match its record; `storage` if it was recorded in another store and is not
 *   in this one
 */
export async function fetchEvidence(
  { store, workspace }: Pick<Services, 'store' | 'workspace'>,
  evidence: Evidence,
  take?: (bytes: Uint8Array) => void,
): Promise<string> {
  const { file, drift } = await store.fetch(evidence, take);
  if (drift === undefined) return file;
  const { storeId, storeDir } = workspace;
  if (storeId !== undefined && (evidence.store ?? storeId) !== storeId) {
    throw new AgentqError(
      'storage',
      `${evidence.name} (${evidence.path}) was recorded in another store than ${storeDir}`,
      'is the right disk mounted?',
    );
  }
  throw new AgentqError('drift', describeDrift(drift), `restore ${store.placeOf(evidence.path)}, or do not trust it`);
}
