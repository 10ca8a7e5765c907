import { LONGEST } from '../../../../core/duration.ts';
import type { Envelope } from '../../../../core/envelope/envelope.ts';
import type { Edits, Event } from '../../../../core/task/event.ts';
import { type Evidence, isInStore } from '../../../../core/evidence/evidence.ts';
import { isName } from '../../../../core/identifiers.ts';
import { isMaxAttempts } from '../../../../core/task/retry.ts';
import { carries } from '../../../../core/task/carries.ts';
import type { Completion, Task } from '../../../../core/task/task.ts';
import type { Author } from '../author.ts';
import { isReserved } from '../routing-key.ts';

/** Whether an event contains only what agentq can write for this author, beyond the check of its schema. */
export function isSound(event: Event, author: Author): boolean {
  // Names and paths become parts of folders, queue names and routing keys, from any author.
  if (!isName('task id', event.task_id)) return false;
  switch (event.type) {
    case 'restored': // a queue on a broker is not restored from a backup
      return false;
    case 'submitted': {
      const { task_id, envelope, context, max_attempts, attempts_above } = event;
      if (attempts_above !== undefined) return false;
      const attempts = max_attempts === undefined || isMaxAttempts(max_attempts);
      return isSoundEnvelope(task_id, envelope) && (!context || isInStore(context)) && attempts;
    }
    case 'carried':
      // Only coordinators repeat a task that has ended, while its result message waits.
      return (author === 'coordinator' || carries(event.task)) && isSoundTask(event.task_id, event.task);
    case 'completed':
      return evidenceOf(event).every(isInStore);
    case 'edited': {
      const { set, was, max_attempts } = event;
      const attempts = max_attempts === undefined || isMaxAttempts(max_attempts);
      return [set, was].every(isSoundEdit) && attempts;
    }
    case 'redone':
      return event.attempts_above === undefined;
    case 'attempt-failed':
    case 'released':
    case 'stopped':
      return (event.artifacts ?? []).every(isInStore);
    default:
      return true;
  }
}

function evidenceOf({ artifacts, result }: Pick<Completion, 'artifacts' | 'result'>): readonly Evidence[] {
  return [...artifacts, ...(result ? [result] : [])];
}

function isSoundEdit({ to, ttl_seconds }: Edits): boolean {
  return (to === undefined || isName('role', to)) && (ttl_seconds === undefined || isSoundTtl(ttl_seconds));
}

const isSoundTtl = (seconds: number): boolean => seconds >= 0 && seconds <= LONGEST / 1_000;

function isSoundEnvelope(id: string, envelope: Envelope): boolean {
  const { task_id, to, from, reply_to, ttl_seconds, max_attempts } = envelope;
  const named = isName('role', to) && isName('agent name', from) && isName('queue name', reply_to);
  const lives = ttl_seconds === undefined || isSoundTtl(ttl_seconds);
  const tries = max_attempts === undefined || (Number.isSafeInteger(max_attempts) && max_attempts >= 1);
  return task_id === id && named && !isReserved(reply_to) && lives && tries;
}

function isSoundTask(id: string, task: Task): boolean {
  const { context, attempts } = task;
  const evidence: readonly Evidence[] = [
    ...(context ? [context] : []),
    ...(task.status === 'completed' ? evidenceOf(task.completion) : []),
    ...(task.redone ?? []).flatMap(({ completion }) => evidenceOf(completion)),
    ...attempts.flatMap((attempt) => (attempt.outcome ? (attempt.artifacts ?? []) : [])),
  ];
  return (
    task.id === id &&
    task.attempts_above === undefined &&
    isSoundEnvelope(id, task.envelope) &&
    (!task.original || isSoundEnvelope(id, task.original)) &&
    evidence.every(isInStore)
  );
}
