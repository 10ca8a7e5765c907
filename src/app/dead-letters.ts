import type { Task } from '../core/task/task.ts';
import { everyTask } from './every-task.ts';
import { applyCommand } from './apply-command.ts';
import type { Services } from './workspace/services.ts';

/**
 * Returns dead letters to the queue, or removes them from the list.
 * @param ids undefined for all dead letters
 * @throws AgentqError at the first task that is not a dead letter; the ones before it have been changed
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
  // Collects all ids first, because changed tasks leave the list.
  const dead: string[] = [];
  for await (const { id } of everyTask(services.backend, { dead: true })) dead.push(id);
  for (const id of dead) {
    const [outcome] = await services.backend.commit([{ task_id: id, command: { type, by } }]);
    // Another process may have changed it meanwhile. For a request for all dead letters, this is not an error.
    if (outcome?.task && !outcome.refusal) yield { task: outcome.task, changed: outcome.changed };
  }
}
