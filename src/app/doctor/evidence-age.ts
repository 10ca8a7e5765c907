import { counted } from '../../core/counted.ts';
import type { Listing } from '../../artifacts/store.ts';
import { nextAttempt, type Task } from '../../core/task/task.ts';
import type { Diagnosis } from './diagnosis.ts';
import { placeOf } from '../evidence/evidence-paths.ts';
import type { Services } from '../workspace/services.ts';
import { evidenceOf } from '../evidence/verify.ts';

/**
 * Detects a difference in age between the log and the evidence: an older database with a newer store, or a newer
 * database with an older store. Each check receives every task and then returns its findings.
 */
export class EvidenceAge {
  /** When each piece was recorded, by its path: ms since 1970. */
  readonly #recorded = new Map<string, number>();

  add(task: Task): void {
    for (const { path } of evidenceOf(task)) this.#recorded.set(path, task.submitted_at);
    if (task.context) this.#recorded.set(task.context.path, task.submitted_at);
    for (const attempt of task.attempts) {
      if (attempt.outcome === undefined) continue;
      for (const { path } of attempt.artifacts ?? []) this.#recorded.set(path, attempt.ended_at);
    }
    if (task.status !== 'completed') return;
    const { at, result, artifacts } = task.completion;
    for (const { path } of [...(result ? [result] : []), ...artifacts]) this.#recorded.set(path, at);
  }

  /** @param listing of all folders of the store */
  async diagnose(services: Services, { paths, closed }: Listing): Promise<readonly Diagnosis[]> {
    const { workspace, backend } = services;
    if (backend.forgets) return [];
    const unknown = await this.#unknown(services, paths);
    const missing = closed.length === 0 ? this.#lastMissing(new Set(paths)) : 0;
    const advise = (problem: string): Diagnosis => ({
      subject: workspace.storeDir,
      problem,
      severity: 'advice',
      repaired: false,
    });
    return [
      ...(unknown.length > 0
        ? [
            advise(
              `the evidence is newer than the log: the store has ${counted(unknown.length, 'file')} of tasks or attempts that the log does not know, such as ${unknown[0]}; another workspace shares this store, or an older database was put in place by hand and must begin a new epoch: docs/backup.md`,
            ),
          ]
        : []),
      ...(missing > 0
        ? [
            advise(
              `the log is newer than the evidence: the store lacks the last ${counted(missing, 'file')} that it names, and has earlier ones; is the store an older copy?`,
            ),
          ]
        : []),
    ];
  }

  /** Files of attempts that the log does not know. */
  async #unknown({ backend }: Services, paths: readonly string[]): Promise<string[]> {
    const last = new Map<string, number>();
    const unknown: string[] = [];
    for (const path of paths) {
      const place = this.#recorded.has(path) ? undefined : placeOf(path);
      if (!place || place.kind === 'context' || place.attempt === undefined) continue;
      const { id, attempt } = place;
      // Asked only now, because the attempt may have started after the tasks were read.
      if (!last.has(id)) last.set(id, (await backend.pruned(id)) ? Infinity : lastAttempt(await backend.task(id)));
      if (attempt > last.get(id)!) unknown.push(path);
    }
    return unknown;
  }

  /** The number of missing files if they are the most recently recorded ones; otherwise 0. */
  #lastMissing(present: ReadonlySet<string>): number {
    const missing = [...this.#recorded].filter(([path]) => !present.has(path)).map(([, at]) => at);
    const there = [...this.#recorded].filter(([path]) => present.has(path)).map(([, at]) => at);
    const newest = there.reduce((latest, at) => Math.max(latest, at), -Infinity);
    return there.length > 0 && missing.every((at) => at > newest) ? missing.length : 0;
  }
}

/**
 * The highest attempt number that may have files. It is at least 1 for a known task, because a worker may write files
 * without a claim.
 */
function lastAttempt(task: Task | undefined): number {
  return task ? Math.max(1, nextAttempt(task) - 1) : 0;
}
