import { parse } from 'node:path';
import type { Staging } from '../../artifacts/staging.ts';
import type { Attempt, TaskIn } from '../../core/task/task.ts';

/*
 * The paths of evidence in the store:
 *
 *   tasks/ID.EXTENSION            the context of a task
 *   results/ID.md, ID@2.md, …     the result of its first attempt, of its second attempt, …
 *   artifacts/ID/ATTEMPT/…        the artifacts of an attempt
 *
 * Every attempt has its own places, so that a worker that lost its lease and still writes cannot change the files of
 * the next attempt. No task id contains `/`, `@` or `~`.
 */

export function contextPath(id: string, extension: string): string {
  return `tasks/${id}${extension}`;
}

export function resultPath(id: string, attempt: number): string {
  return attempt === 1 ? `results/${id}.md` : `results/${id}@${attempt}.md`;
}

export function artifactsFolder(id: string): string {
  return `artifacts/${id}`;
}

export function attemptFolder(id: string, attempt: number): string {
  return `${artifactsFolder(id)}/${attempt}`;
}

/** What a path of the store is for. The file there may be from any program. */
export type EvidencePlace =
  /** @param id undefined for a file in a folder below */
  | { readonly kind: 'context'; readonly id: string | undefined }
  | { readonly kind: 'result'; readonly id: string; readonly attempt: number }
  /** @param attempt undefined for a file that is not in the folder of an attempt */
  | { readonly kind: 'artifact'; readonly id: string; readonly attempt: number | undefined };

/** @returns undefined for a path that is none of the above */
export function placeOf(path: string): EvidencePlace | undefined {
  const [folder, name = '', ...below] = path.split('/');
  switch (folder) {
    case 'tasks':
      return { kind: 'context', id: below.length === 0 ? parse(name).name : undefined };
    case 'results': {
      if (below.length > 0) return undefined;
      const [, id = '', attempt = 1] = /^([^@~]*)(?:@([0-9]+))?/.exec(parse(name).name) ?? [];
      return { kind: 'result', id, attempt: Number(attempt) };
    }
    case 'artifacts': {
      const [attempt = '', ...files] = below;
      if (below.length === 0) return undefined;
      return {
        kind: 'artifact',
        id: name,
        attempt: files.length > 0 && isNumber(attempt) ? Number(attempt) : undefined,
      };
    }
    default:
      return undefined;
  }
}

const isNumber = (text: string): boolean => /^[0-9]+$/.test(text);

/** Identifies the claim of an attempt. An attempt with the same number in an older database has another claim. */
export function claimOf({ number, worker, started_at }: Attempt): string {
  return `${number} ${worker} ${started_at}`;
}

/**
 * Creates the places of an attempt that was just claimed.
 * @returns the folder of its artifacts on the local disk
 * @throws AgentqError `storage`; `unreadable-file` if a file or link of an earlier attempt blocks the path
 */
export function prepareAttempt(staging: Staging, { id, attempts, lease }: TaskIn<'working'>): string {
  const attempt = attempts.find(({ number }) => number === lease.attempt)!;
  return staging.prepare(attemptFolder(id, attempt.number), claimOf(attempt), [resultPath(id, attempt.number)]);
}
