import type { ArtifactStore } from '../../artifacts/store.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Drift, Evidence } from '../../core/evidence/evidence.ts';
import type { Task } from '../../core/task/task.ts';

/** Every file that is recorded in the task's history. */
export function evidenceOf(task: Task): readonly Evidence[] {
  const ofAttempts = task.attempts.flatMap((attempt) =>
    attempt.outcome === undefined ? [] : (attempt.artifacts ?? []),
  );
  const completion = task.status === 'completed' ? task.completion : undefined;
  return [
    ...(task.context ? [task.context] : []),
    ...ofAttempts,
    ...(completion?.result ? [completion.result] : []),
    ...(completion?.artifacts ?? []),
  ];
}

/** The error of a store that is missing or is not the store of the workspace; undefined if it is there. */
export function awayStore(store: ArtifactStore): AgentqError | undefined {
  try {
    store.attend();
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
