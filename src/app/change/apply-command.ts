import type { Command } from '../../core/task/decision/command.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Task } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';

/**
 * Carries out one command on one task.
 * @returns the task afterwards, and whether anything changed
 * @throws AgentqError with the refusal, if it is refused
 */
export async function applyCommand(
  services: Services,
  id: string,
  command: Command,
): Promise<{ readonly task: Task; readonly changed: boolean }> {
  const [outcome] = await services.backend.commit([{ task_id: id, command }]);
  const { task, changed, refusal } = outcome!;
  if (refusal && refusal.code !== 'not-found') throw AgentqError.of(refusal);
  if (!task) throw await notFound(services, id);
  return { task, changed };
}

/** @throws AgentqError `not-found` */
export async function findTask(services: Services, id: string): Promise<Task> {
  return (await services.backend.task(id)) ?? Promise.reject(await notFound(services, id));
}

async function notFound(services: Services, id: string): Promise<AgentqError> {
  const { unknownTask } = await import('../names/near-ids.ts');
  return unknownTask(services, id);
}
