import { join } from 'node:path';
import type { CommandOf } from '../../core/task/decision/command.ts';
import { decide } from '../../core/task/decision/decide.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Task } from '../../core/task/task.ts';
import { otherQueue } from '../outbox/flush-outbox.ts';
import { keepInOutbox, type OutboxEntry, waitingInOutbox } from '../outbox/outbox.ts';
import { readEntry } from '../outbox/read-entry.ts';
import type { Services } from '../workspace/services.ts';

/**
 * Saves a submit in the outbox. A repeat of a submit that waits there is not saved again.
 * @returns the task as it will be after its submit from the outbox, if its id is not used by another task
 * @throws AgentqError `conflict` if a submit with other content waits under its id
 */
export function submitLater(services: Services, task_id: string, command: CommandOf<'submit'>): Task {
  const { fresh: _fresh, ...kept } = command;
  const now = services.clock();
  const earlier = waitingSubmit(services, task_id);
  const known = earlier && decide(undefined, earlier.command, { now: earlier.at, random: () => 0 }).task;
  const { task, changed, refusal } = decide(known, kept, { now, random: () => 0 });
  if (refusal) throw AgentqError.of({ ...refusal, message: `in the outbox, ${refusal.message}` });
  if (changed) keepInOutbox(services, task_id, kept, now);
  return task!;
}

/** The submit of a task that waits in the outbox for this queue. */
function waitingSubmit({ workspace, backend }: Services, task_id: string): OutboxEntry | undefined {
  return waitingInOutbox(workspace)
    .filter((name) => name.endsWith(`-${task_id}-submit.json`))
    .map((name) => readEntry(join(workspace.dir, 'outbox', name)))
    .find((entry) => entry?.task_id === task_id && otherQueue(entry, backend) === undefined);
}
