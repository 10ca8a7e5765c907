import type { Command } from '../../core/task/decision/command.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Task } from '../../core/task/task.ts';
import { applyCommand } from './apply-command.ts';
import type { Services } from '../workspace/services.ts';

/** What a command has done to one of several tasks, or why it was refused for this task. */
export type EachOutcome =
  { readonly task: Task; readonly changed: boolean; readonly refused?: never } | { readonly refused: AgentqError };

/**
 * Carries out the same command on several tasks, in order. A refusal for one task does not stop the others.
 * @throws any error that is not about one task, such as an outage, when it occurs. It names the tasks that were not tried
 */
export async function* applyToEach(
  services: Services,
  ids: readonly string[],
  command: Command,
): AsyncGenerator<EachOutcome> {
  for (const [i, id] of ids.entries()) {
    let outcome: EachOutcome;
    try {
      outcome = await applyCommand(services, id, command);
    } catch (error) {
      const isOfTask = error instanceof AgentqError && (error.code === 'not-found' || error.code === 'conflict');
      const rest = ids.slice(i + 1);
      if (!isOfTask && error instanceof AgentqError && rest.length > 0) {
        error.message += `; not tried: ${rest.join(', ')}`;
      }
      if (!isOfTask) throw error;
      outcome = { refused: error };
    }
    yield outcome;
  }
}
