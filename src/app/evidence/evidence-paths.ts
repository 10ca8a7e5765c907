import { parse } from 'node:path';
import type { ArtifactStore } from '../../artifacts/store.ts';
import type { Attempt, TaskIn } from '../../core/task/task.ts';

/**
 * The places of an attempt's evidence in the store. Every attempt has its own places, so that a worker that lost its
 * lease and still writes cannot change the files of the next attempt.
 */
export function resultPath(id: string, attempt: number): string {
  return attempt === 1 ? `results/${id}.md` : `results/${id}@${attempt}.md`;
}

/** The attempt of a path in `results/`: no id contains `@` or `~`. */
export function taskOf(path: string): string {
  return parse(path).name.split(/[@~]/)[0]!;
}

export function artifactsFolder(id: string): string {
  return `artifacts/${id}`;
}

export function attemptFolder(id: string, attempt: number): string {
  return `${artifactsFolder(id)}/${attempt}`;
}

/** Identifies the claim of an attempt. An attempt with the same number in an older database has another claim. */
export function claimOf({ number, worker, started_at }: Attempt): string {
  return `${number} ${worker} ${started_at}`;
}

/**
 * Creates the places of an attempt that was just claimed.
 * @returns the folder of its artifacts on the local disk
 * @throws AgentqError `storage`; `unreadable-file` if a file or link of an earlier attempt blocks the path
 */
export function prepareAttempt(store: ArtifactStore, { id, attempts, lease }: TaskIn<'working'>): Promise<string> {
  const attempt = attempts.find(({ number }) => number === lease.attempt)!;
  return store.prepare(attemptFolder(id, attempt.number), claimOf(attempt), [resultPath(id, attempt.number)]);
}
