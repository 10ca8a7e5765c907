import { lstatSync } from 'node:fs';
import { isBrokers } from '../../core/errors.ts';
import { takesLog } from '../../core/task/fold/stopping.ts';
import type { Task } from '../../core/task/task.ts';
import { applyCommand } from '../change/apply-command.ts';
import type { Services } from '../workspace/services.ts';
import { liveLog, logPath } from './attempt-log.ts';

/**
 * The path of a log that can be recorded as evidence of an attempt that has ended without it: only one that a worker of
 * this machine has written. A `log.txt` among the artifacts may belong to a process that still writes it: of a claim by
 * hand, or of another machine.
 */
export function missingLog(services: Services, task: Task, attempt: number): string | undefined {
  const ended = task.attempts.find(({ number }) => number === attempt);
  const evidence = { name: 'log', path: logPath(task.id, attempt), sha256: '', size: 1 };
  if (!ended || !takesLog(task, ended, { attempt, artifacts: [evidence] })) return undefined;
  const file = liveLog(services, task.id, attempt);
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() && found.size > 0 ? file : undefined;
}

/**
 * Records the log of an attempt that has ended without it: its worker was killed, or had lost the lease. No process of
 * the attempt may be left.
 * @returns the task, with the log if there is one
 * @throws AgentqError `storage`, `unreadable-file`, and errors of the queue
 */
export async function keepLog(services: Services, task: Task, attempt: number): Promise<Task> {
  const file = missingLog(services, task, attempt);
  if (file === undefined) return task;
  const path = logPath(task.id, attempt);
  const stored = await services.store.put([{ path, name: 'log', source: { file, own: true } }]);
  const artifacts = stored.map(({ evidence }) => evidence);
  const by = task.envelope.to;
  return (await applyCommand(services, task.id, { type: 'acknowledge-cancel', by, attempt, artifacts })).task;
}

/**
 * Does the same for all attempts of a task that have ended. It is not an error if a log cannot be recorded.
 * @param warn receives the reason
 */
export async function keepLogs(services: Services, task: Task, warn: (line: string) => void): Promise<Task> {
  let known = task;
  for (const { number } of task.attempts) {
    try {
      known = await keepLog(services, known, number);
    } catch (error) {
      const { message } = error as Error;
      warn(`${task.id}: the log of attempt ${number} could not be recorded: ${message}`);
      if (isBrokers(error)) return known;
    }
  }
  return known;
}
