import type { CommandOf } from '../../core/task/decision/command.ts';
import type { EachOutcome } from './apply-to-each.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';

/** Returns all dead letters to the queue, or removes all of them from the list. */
export async function* applyToDead(
  { backend }: Services,
  command: CommandOf<'retry' | 'dismiss'>,
): AsyncGenerator<EachOutcome> {
  // Collects all ids first, because changed tasks leave the list.
  const dead: string[] = [];
  for await (const { id } of everyTask(backend, { dead: true })) dead.push(id);
  for (const id of dead) {
    const [outcome] = await backend.commit([{ task_id: id, command }]);
    // Another process may have changed it meanwhile. For a request for all dead letters, this is not an error.
    if (outcome?.task && !outcome.refusal) yield { task: outcome.task, changed: outcome.changed };
  }
}
