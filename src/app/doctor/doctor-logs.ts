import type { AgentqError } from '../../core/errors.ts';
import type { Task } from '../../core/task/task.ts';
import { placeOf } from '../evidence/evidence-paths.ts';
import { logPath } from '../logs/attempt-log.ts';
import { keepLog, missingLog } from '../logs/keep-log.ts';
import { attemptOfScratch } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';
import type { Diagnosis } from './diagnosis.ts';
import { leftOverScratch } from './left-over-scratch.ts';

/**
 * Logs of attempts that have ended without them, because their worker was killed. With `repair`, it records them before
 * their scratch folders are removed.
 * @param unrecorded the files of the store that no event has recorded
 */
export async function diagnoseLogs(
  services: Services,
  unrecorded: readonly string[],
  repair: boolean,
): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const { id, attempt } of await candidates(services, unrecorded)) {
    const task = await services.backend.task(id);
    const file = task && missingLog(services, task, attempt);
    if (!task || file === undefined) continue;
    const trouble = repair ? await record(services, task, attempt) : undefined;
    const problem = `the log of attempt ${attempt} is not recorded: ${file}`;
    found.push({
      subject: id,
      problem: trouble === undefined ? problem : `${problem}: ${trouble}`,
      severity: 'advice',
      repairable: true,
      repaired: repair && trouble === undefined,
    });
  }
  return found;
}

/** The attempts of this machine that may have left a log. Their processes have ended. */
async function candidates(
  services: Services,
  unrecorded: readonly string[],
): Promise<readonly { readonly id: string; readonly attempt: number }[]> {
  const scratch = (await leftOverScratch(services)).map((name) => attemptOfScratch(name)!);
  const staged = unrecorded.flatMap((path) => {
    const place = placeOf(path);
    if (place?.kind !== 'artifact' || place.attempt === undefined) return [];
    return path === logPath(place.id, place.attempt) ? [{ id: place.id, attempt: place.attempt }] : [];
  });
  const known = new Set(scratch.map(({ id, attempt }) => logPath(id, attempt)));
  return [...scratch, ...staged.filter(({ id, attempt }) => !known.has(logPath(id, attempt)))];
}

/** @returns why it could not be recorded */
async function record(services: Services, task: Task, attempt: number): Promise<string | undefined> {
  try {
    await keepLog(services, task, attempt);
    return undefined;
  } catch (error) {
    return (error as AgentqError).message;
  }
}
