import type { Command, CommandOf, CommandType } from './command.ts';
import { LONGEST } from '../../duration.ts';
import { costField } from '../../cost.ts';
import { elapse } from '../elapse.ts';
import type { Refusal } from '../../errors.ts';
import { ATTEMPTS_PER_EPOCH, beginEpoch } from '../epoch.ts';
import type { BareEvent, Event } from '../event.ts';
import { evolve } from '../evolve.ts';
import { holder, mayKnow, wrongCaller } from './fencing.ts';
import { isPrunable } from './prunable.ts';
import { type KnownTask, presentTask, prunedAt, refusalOfPruned } from './pruned.ts';
import { missingArtifacts, optionFor, promisedArtifacts } from '../../evidence/promise.ts';
import {
  backoffDelay,
  failedAttempts,
  handBackDelay,
  inARow,
  isLastAttempt,
  MAX_STARTS,
  startsUsedUp,
} from '../retry.ts';
import { otherContent, sameCompletion, saidBefore } from './sameness.ts';
import type { Task } from '../task.ts';
import { isFinished, nextAttempt } from '../task.ts';
import { UNREADABLE } from './unreadable.ts';

/** Clock and randomness, given by the caller. */
export interface Circumstances {
  /** ms since 1970. */
  readonly now: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** How often the store was restored from a backup. Absent means never. */
  readonly epoch?: number;
}

export interface Decision {
  /** The events to append to the log, in this order. Empty if nothing has changed. */
  readonly events: readonly Event[];
  /** The task after those events; undefined if there is none, or it was pruned. */
  readonly task: Task | undefined;
  /** Whether the command itself changed anything. Events of time do not count. */
  readonly changed: boolean;
  /** Why the command was refused. The events then contain only events of time and the record of the refusal. */
  readonly refusal?: Refusal;
}

/** The maximum number of recorded refusals of a task, so that a stale worker in a loop cannot fill the log. */
export const MAX_RECORDED_REFUSALS = 100;

/**
 * The only place with the rules for tasks. It first applies the events of time, then the command to the resulting task.
 * {@link evolve} accepts every returned event.
 */
export function decide(known: KnownTask | undefined, command: Command, given: Circumstances): Decision {
  const pruned = prunedAt(known, given.now);
  if (pruned && command.type !== 'prune') {
    return { events: [], task: undefined, changed: false, refusal: refusalOfPruned(pruned, command) };
  }
  const task = presentTask(known);
  // A restore ends every lease without counting an attempt, also a lease that is already over.
  const ends = command.type === 'restore' && task?.status === 'working';
  const elapsed = task && !ends ? elapse(task, given.now) : { task, events: [] };
  const verdict = judge(elapsed.task, command, given);
  const events = [...elapsed.events, ...verdict.events.map((event) => dated(event, elapsed.task, command, given))];
  let after = task;
  for (const event of events) after = evolve(after, event).task;
  const changed = verdict.events.length > 0 && verdict.refusal === undefined;
  return { events, task: after, changed, ...(verdict.refusal && { refusal: verdict.refusal }) };
}

interface Verdict {
  readonly events: readonly BareEvent[];
  readonly refusal?: Refusal;
}

function dated(event: BareEvent, task: Task | undefined, command: Command, given: Circumstances): Event {
  const id = command.type === 'submit' ? command.envelope.task_id : task!.id;
  const base = { task_id: id, at: given.now };
  return event.type === 'pruned' ? { v: 2, ...base, ...event } : { v: 1, ...base, ...event };
}

const nothing: Verdict = { events: [] };
const happened = (event: BareEvent): Verdict => ({ events: [event] });
const refused = (refusal: Refusal): Verdict => ({ events: [], refusal });
const refuse = (code: Refusal['code'], message: string, hint?: string): Verdict =>
  refused({ code, message, ...(hint !== undefined && { hint }) });

function judge(task: Task | undefined, command: Command, given: Circumstances): Verdict {
  if (command.type === 'submit') return submit(task, command, given);
  if (!task) return command.type === 'prune' ? nothing : refuse('not-found', 'no such task');
  const rule = rules[command.type] as (task: Task, command: Command, given: Circumstances) => Verdict;
  const verdict = rule(task, command, given);
  const late = verdict.refusal?.code === 'conflict' || verdict.refusal?.code === 'cancelled';
  const remember = late && (command.type === 'complete' || command.type === 'fail');
  if (!remember || !verdict.refusal || task.refused >= MAX_RECORDED_REFUSALS) return verdict;
  const { by, attempt, type } = command;
  return {
    ...verdict,
    events: [{ type: 'refused', command: type, by, attempt, reason: verdict.refusal.message }],
  };
}

function submit(
  task: Task | undefined,
  { envelope, context, max_attempts }: CommandOf<'submit'>,
  given: Circumstances,
): Verdict {
  if (!task) {
    const due_at =
      envelope.not_before !== undefined
        ? Date.parse(envelope.not_before)
        : given.now + Math.ceil((envelope.delay_seconds ?? 0) * 1_000);
    return happened({
      type: 'submitted',
      envelope,
      ...(context && { context }),
      ...(max_attempts !== undefined && { max_attempts }),
      ...(due_at > given.now && { due_at }),
      ...(given.epoch && { attempts_above: given.epoch * ATTEMPTS_PER_EPOCH }),
    });
  }
  const other = otherContent(task, { envelope, context });
  if (other === undefined) return nothing;
  return refuse(
    'conflict',
    other,
    envelope.idempotency_key === undefined
      ? 'submit the same content under this id, or omit --id for a new one'
      : 'an idempotency key belongs to one content: use another key for another task',
  );
}

type Rule<T extends CommandType> = (task: Task, command: CommandOf<T>, given: Circumstances) => Verdict;

const rules: { readonly [T in Exclude<CommandType, 'submit'>]: Rule<T> } = {
  elapse: () => nothing,

  claim(task, command, given) {
    if (task.status !== 'queued') return refuse('conflict', `${task.id} is ${task.status}, not queued`);
    return happened({
      type: 'claimed',
      attempt: nextAttempt(task),
      worker: command.worker,
      expires_at: given.now + command.lease,
      lease_seconds: command.lease / 1_000,
    });
  },

  renew(task, command, given) {
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    if (task.status !== 'working') return refuse('conflict', `no worker has claimed ${task.id}`, 'claim it first');
    const { percent, note, as_claimed = false } = command;
    const claimed = as_claimed ? task.lease.seconds : undefined;
    // The log may contain any number.
    const lease = claimed === undefined ? command.lease : Math.min(LONGEST, Math.round(claimed * 1_000));
    return happened({
      type: 'renewed',
      attempt: held,
      // A renewal never shortens a lease.
      expires_at: Math.max(task.lease.expires_at, given.now + lease),
      ...(percent !== undefined && { percent }),
      ...(note !== undefined && { note }),
      ...costField(command),
    });
  },

  complete(task, command) {
    const { by, summary, result, artifacts } = command;
    if (task.status === 'completed') {
      if (!mayKnow(task, by)) return refused(wrongCaller(task, by));
      if (sameCompletion(task, command)) return nothing;
      return refuse(
        'conflict',
        `${task.id} was already completed by ${task.completion.by}, with another outcome`,
        `the first valid completion counts: agentq result ${task.id}`,
      );
    }
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    const missing = missingArtifacts(promisedArtifacts(task.envelope), command);
    if (missing.length > 0) {
      return refuse(
        'missing-artifacts',
        `${task.id} promised artifacts that are missing or empty: ${missing.join(', ')}`,
        missing.map(optionFor).join(' '),
      );
    }
    return happened({
      type: 'completed',
      attempt: held,
      by,
      ...(summary !== undefined && { summary }),
      ...(result && { result }),
      artifacts: [...artifacts],
      ...costField(command),
    });
  },

  fail(task, command, given) {
    if (saidBefore(task, command) && mayKnow(task, command.by)) return nothing;
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    const { by, reason, backoff } = command;
    const retry_at =
      backoff === undefined || isLastAttempt(task)
        ? null
        : given.now + backoffDelay(backoff, failedAttempts(task) + 1, given.random());
    return happened({
      type: 'attempt-failed',
      attempt: held,
      by,
      reason,
      artifacts: [...command.artifacts],
      retry_at,
      ...costField(command),
    });
  },

  release(task, command, given) {
    const held = holder(task, command);
    if (typeof held !== 'number') return refused(held);
    if (task.status !== 'working') return refuse('conflict', `no worker has claimed ${task.id}`);
    const { by, reason, backoff } = command;
    if (startsUsedUp(task)) {
      const gone = `${reason}; it was started ${MAX_STARTS} times and is not started again`;
      return happened({
        type: 'attempt-failed',
        attempt: held,
        by,
        reason: gone,
        artifacts: [],
        retry_at: null,
        ...costField(command),
      });
    }
    const wait = backoff
      ? backoffDelay(backoff, inARow(task, ['deferred']) + 1, given.random())
      : handBackDelay(task, given.random());
    return happened({
      type: 'released',
      attempt: held,
      by,
      reason,
      ...(wait && { retry_at: given.now + wait }),
      ...costField(command),
    });
  },

  'note-refusal'(task, { of, by, attempt, reason }) {
    if (task.refused >= MAX_RECORDED_REFUSALS) return nothing;
    return happened({ type: 'refused', command: of, by, attempt, reason });
  },

  cancel(task, command) {
    if (task.status === 'cancelled') return nothing;
    if (isFinished(task)) return refuse('conflict', `${task.id} is ${task.status} and cannot be cancelled`);
    const { by, reason } = command;
    return happened({ type: 'cancelled', by, ...(reason !== undefined && { reason }) });
  },

  'acknowledge-cancel'(task, command) {
    const last = task.attempts.at(-1);
    if (task.status !== 'cancelled' || last?.number !== command.attempt || last.outcome !== 'cancelled') {
      return refuse('conflict', `attempt ${command.attempt} of ${task.id} was not cancelled`);
    }
    return task.stopped_at === undefined
      ? happened({ type: 'stopped', attempt: command.attempt, by: command.by, ...costField(command) })
      : nothing;
  },

  retry(task, command) {
    if (task.envelope.type === UNREADABLE) {
      return refuse(
        'conflict',
        `${task.id} is unreadable, so no worker can do it`,
        'purge it and submit it again: agentq dlq purge',
      );
    }
    if (task.status === 'failed' || task.status === 'expired') return happened({ type: 'retried', by: command.by });
    return refuse('conflict', `${task.id} is ${task.status}: only failed and expired tasks can be retried`);
  },

  restore: (task, command) => ({ events: beginEpoch(task, command) }),

  prune(task, command, given) {
    if (!isPrunable(task, command)) return nothing;
    return happened({ type: 'pruned', status: task.status, known_until: given.now + command.remember });
  },

  dismiss(task, command) {
    if (task.status !== 'failed' && task.status !== 'expired') {
      return refuse('conflict', `${task.id} is ${task.status}: only dead letters can be purged`);
    }
    return task.dismissed_at === undefined ? happened({ type: 'dismissed', by: command.by }) : nothing;
  },
};
