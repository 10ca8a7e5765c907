import type { EachOutcome } from '../app/change/apply-to-each.ts';
import type { AgentqError } from '../core/errors.ts';
import type { Task } from '../core/task/task.ts';
import { SeveralErrors } from './errors/several-errors.ts';
import type { Io } from './output/io.ts';
import type { Output } from './output/schemas/outputs.ts';

/**
 * Prints what a command has done to each of several tasks: each change when it is made, or all of them at the end with
 * --json.
 * @param word what has become of a task, in one word
 * @throws SeveralErrors with the refusals, after all tasks were tried. If the outcomes end with an error, it is the first
 */
export async function printEach(
  io: Io,
  outcomes: AsyncIterable<EachOutcome>,
  word: (task: Task) => string,
): Promise<void> {
  const tasks: Output<'cancel'>['tasks'] = [];
  const refusals: AgentqError[] = [];
  const errors: unknown[] = [];
  try {
    for await (const outcome of outcomes) {
      if (outcome.refused) {
        refusals.push(outcome.refused);
        continue;
      }
      const { task, changed } = outcome;
      tasks.push({ task_id: task.id, status: task.status, changed });
      if (!io.json) io.line(`${task.id} ${word(task)}`);
    }
  } catch (error) {
    errors.push(error);
  }
  if (io.json) io.data({ tasks } satisfies Output<'cancel'>);
  errors.push(...refusals);
  if (errors.length > 0) throw new SeveralErrors(errors);
}
