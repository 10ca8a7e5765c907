import { attemptRules } from './attempt-rules.ts';
import type { Command, CommandOf, CommandType } from './command.ts';
import { costField } from '../../cost.ts';
import { edit } from './edit-rule.ts';
import { elapse } from '../fold/elapse.ts';
import type { Refusal } from '../../errors.ts';
import { ATTEMPTS_PER_EPOCH, beginEpoch } from '../epoch.ts';
import type { BareEvent, Event } from '../event.ts';
import { evolve } from '../fold/evolve.ts';
import { isPrunable } from './prunable.ts';
import { type KnownTask, presentTask, prunedAt, refusalOfPruned } from './pruned.ts';
import { otherContent } from './sameness.ts';
import { stopping } from '../fold/stopping.ts';
import { isFinished, nextAttempt, type Status, type Task } from '../task.ts';
import { UNREADABLE } from './unreadable.ts';
import { type Circumstances, happened, nothing, refuse, type Rule, type Verdict } from './verdict.ts';

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

function dated(event: BareEvent, task: Task | undefined, command: Command, given: Circumstances): Event {
  const id = command.type === 'submit' ? command.envelope.task_id : task!.id;
  const base = { task_id: id, at: given.now };
  return event.type === 'pruned' || event.type === 'redone' || event.type === 'edited'
    ? { v: 2, ...base, ...event }
    : { v: 1, ...base, ...event };
}

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

const rules: { readonly [T in Exclude<CommandType, 'submit'>]: Rule<T> } = {
  ...attemptRules,

  elapse: () => nothing,

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
    const { attempt: number, by, artifacts = [], cost } = command;
    if (stopping(task, command)) {
      const log = artifacts.length > 0 && { artifacts: [...artifacts] };
      return happened({ type: 'stopped', attempt: number, by, ...log, ...costField(command) });
    }
    const attempt = task.attempts.find((one) => one.number === number);
    const isKnown =
      attempt?.outcome === 'cancelled' || (attempt?.outcome !== undefined && (artifacts.length > 0 || cost));
    return isKnown ? nothing : refuse('conflict', `attempt ${number} of ${task.id} was not cancelled`);
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

  edit,

  redo(task, { by, reason }, given) {
    const last = task.redone?.at(-1);
    // The answer may have been lost: a repetition is no second redo.
    if (!isFinished(task) && last?.by === by && last.reason === reason) return nothing;
    if (task.status !== 'completed') {
      return refuse(
        'conflict',
        `${task.id} is ${task.status}: only a completed task can be done again`,
        redoInstead[task.status](task.id),
      );
    }
    return happened({
      type: 'redone',
      by,
      reason,
      // A restore leaves a completed task as it is. Its attempts of lost changes have smaller numbers than this.
      ...(given.epoch && { attempts_above: Math.max(nextAttempt(task) - 1, given.epoch * ATTEMPTS_PER_EPOCH) }),
    });
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

/** What to do with a task that has no outcome to replace. */
const redoInstead: { readonly [S in Exclude<Status, 'completed'>]: (id: string) => string } = {
  queued: (id) => `it waits for a worker: agentq show ${id}`,
  scheduled: (id) => `it waits for its time: agentq show ${id}`,
  working: (id) => `wait for its outcome: agentq wait ${id}`,
  failed: (id) => `agentq dlq retry ${id}`,
  expired: (id) => `agentq dlq retry ${id}`,
  cancelled: () => 'submit it again under another id',
};
