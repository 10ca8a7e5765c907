import { parse } from 'node:path';
import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Attempt, TaskIn } from '../../core/task/task.ts';

/**
 * Where an attempt leaves its evidence in the store. Every attempt has places of its own, so that a worker that
 * lost its lease and writes on can't touch what its successor writes.
 */
export function resultPath(id: string, attempt: number): string {
  return attempt === 1 ? `results/${id}.md` : `results/${id}@${attempt}.md`;
}

/** Whose result a path of `results/` is: neither `@` nor `~` is in any id. */
export function taskOf(path: string): string {
  return parse(path).name.split(/[@~]/)[0]!;
}

export function artifactsFolder(id: string): string {
  return `artifacts/${id}`;
}

export function attemptFolder(id: string, attempt: number): string {
  return `${artifactsFolder(id)}/${attempt}`;
}

/** Says which claim an attempt began with; an attempt of an older database with the same number began with another. */
export function claimOf({ number, worker, started_at }: Attempt): string {
  return `${number} ${worker} ${started_at}`;
}

/**
 * Gives the attempt that was just claimed its places.
 * @returns the folder of its artifacts on the local disk
 * @throws AgentqError `storage`; `unreadable-file` where an earlier attempt has put something into its way
 */
export function prepareAttempt(store: ArtifactStore, { id, attempts, lease }: TaskIn<'working'>): Promise<string> {
  const attempt = attempts.find(({ number }) => number === lease.attempt)!;
  return store.prepare(attemptFolder(id, attempt.number), claimOf(attempt), [resultPath(id, attempt.number)]);
}
