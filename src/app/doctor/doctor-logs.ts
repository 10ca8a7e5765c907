import type { AgentqError } from '../../core/errors.ts';
import type { Task } from '../../core/task/task.ts';
import { keepLog, missingLog } from '../logs/keep-log.ts';
import { attemptOfScratch } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';
import type { Diagnosis } from './diagnosis.ts';
import { leftOverScratch } from './left-over-scratch.ts';

/**
 * Logs of attempts that have ended without them, because their worker was killed. With `repair`, it records them before
 * their scratch folders are removed. No process of these attempts is left.
 */
export async function diagnoseLogs(services: Services, repair: boolean): Promise<readonly Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const name of await leftOverScratch(services)) {
    const { id, attempt } = attemptOfScratch(name)!;
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

/** @returns why it could not be recorded */
async function record(services: Services, task: Task, attempt: number): Promise<string | undefined> {
  try {
    await keepLog(services, task, attempt);
    return undefined;
  } catch (error) {
    return (error as AgentqError).message;
  }
}
