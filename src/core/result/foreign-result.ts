import * as z from 'zod/mini';
import { MAX_RECORDED_REFUSALS } from '../task/decision/decide.ts';
import type { Event } from '../task/event.ts';
import { Evidence, isInStore } from '../evidence/evidence.ts';
import { missingArtifacts, promisedArtifacts } from '../evidence/promise.ts';
import type { ResultMessage } from './result-message.ts';
import { isUnstarted, nextAttempt, type Task } from '../task/task.ts';

/**
 * The event for a plain result message that a third-party worker has published. Without an attempt number it counts
 * only for the first attempt since the submit, or since the last retry from the dead letters or the last redo. Optional
 * fields: `attempt`, taken from the header of the envelope, and `artifacts`, each with its path in the store, SHA-256
 * and size.
 * @param at when it was published, ms since 1970
 * @returns undefined if a message with that status cannot change a task
 */
export function foreignEvent(task: Task, message: ResultMessage, at: number): Event | undefined {
  const event = eventOf(task, message, at);
  return event?.type === 'refused' && task.refused >= MAX_RECORDED_REFUSALS ? undefined : event;
}

function eventOf(task: Task, message: ResultMessage, at: number): Event | undefined {
  const stated = message['attempt'];
  const attempt = typeof stated === 'number' ? stated : attemptOf(task);
  const common = { v: 1, task_id: task.id, at, attempt, by: message.from } as const;
  const { summary, result_ref, from } = message;
  if (from !== task.envelope.to && !(task.status === 'working' && from === task.lease.worker)) {
    const command = message.status === 'completed' ? 'complete' : 'fail';
    return { ...common, type: 'refused', command, reason: `it was sent to ${task.envelope.to}, not to ${from}` };
  }
  switch (message.status) {
    case 'completed': {
      const artifacts = artifactsOf(message);
      const missing = missingArtifacts(promisedArtifacts(task.envelope), { artifacts, summary });
      if (missing.length > 0) {
        return { ...common, type: 'refused', command: 'complete', reason: `it lacks ${missing.join(', ')}` };
      }
      return {
        ...common,
        type: 'completed',
        artifacts,
        ...(summary !== undefined && { summary }),
        ...(result_ref !== undefined && { result_ref }),
      };
    }
    case 'failed':
      return {
        ...common,
        type: 'attempt-failed',
        artifacts: [],
        reason: message.reason ?? message.summary ?? 'no reason given',
        retry_at: null,
      };
    default:
      return undefined;
  }
}

/** An attempt number that no attempt has. It is used if the attempt is unknown; the message is then refused. */
function attemptOf(task: Task): number {
  if (task.status === 'working') return task.attempts.length === 1 ? task.lease.attempt : 0;
  return isUnstarted(task) ? nextAttempt(task) : 0;
}

function artifactsOf(message: ResultMessage): Evidence[] {
  const parsed = z.array(Evidence).safeParse(message['artifacts'] ?? []);
  return parsed.success ? parsed.data.filter(isInStore) : [];
}
