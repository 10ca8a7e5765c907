import type { Task } from '../core/task/task.ts';
import { everyTask } from './every-task.ts';
import { applyCommand } from './apply-command.ts';
import type { Services } from './workspace/services.ts';

/**
 * Puts dead letters back into the queue, or takes them out of the list.
 * @param ids undefined for all that there are
 * @throws AgentqError at the first that is no dead letter; those before it are done
 */
export async function* commitEach(
  services: Services,
  ids: readonly string[] | undefined,
  type: 'retry' | 'dismiss',
  by: string,
): AsyncGenerator<{ readonly task: Task; readonly changed: boolean }> {
  if (ids) {
    for (const id of ids) yield await applyCommand(services, id, { type, by });
    return;
  }
  // All of them first: those that are done fall out of the list.
  const dead: string[] = [];
  for await (const { id } of everyTask(services.backend, { dead: true })) dead.push(id);
  for (const id of dead) {
    const [outcome] = await services.backend.commit([{ task_id: id, command: { type, by } }]);
    // Somebody else may have taken it meanwhile: of all that there are, it is one no more.
    if (outcome?.task && !outcome.refusal) yield { task: outcome.task, changed: outcome.changed };
  }
}
