import { counted } from '../../../core/counted.ts';
import { ownCost } from '../../../core/budget/used-up.ts';
import { formatCost, formatUsd, toUsd } from '../../../core/cost.ts';
import { formatDuration, formatMoment } from '../../../core/duration.ts';
import { budgetOf } from '../../../core/envelope/budget.ts';
import { groupOf } from '../../../core/envelope/group.ts';
import { EMPTY } from '../../../core/task/messages.ts';
import { describeAttempt } from '../../../core/task/retry.ts';
import { type Attempt, costOf, type Redo, type Task, type TaskIn } from '../../../core/task/task.ts';
import type { Style } from '../io.ts';
import { bar, shorten } from '../line.ts';
import { visible } from '../visible.ts';

const colours = {
  queued: 'cyan',
  scheduled: 'dim',
  working: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'dim',
  expired: 'red',
} as const;

export function colourOf(style: Style, task: Task): (text: string) => string {
  return style[colours[task.status]];
}

/** The content of a task, or its outcome, in one line of at most `most` characters. */
export function headline(task: Task, most: number): string {
  const { instructions, context_ref } = task.envelope;
  const outcome =
    task.status === 'completed'
      ? (task.completion.summary ?? (task.completion.empty ? EMPTY : undefined))
      : task.status === 'failed'
        ? task.reason
        : task.status === 'cancelled'
          ? cancelledBy(task)
          : undefined;
  return shorten(visible(outcome ?? instructions ?? context_ref ?? ''), most);
}

/** Who has cancelled a task, and why; undefined if nothing is said that its submitter does not know. */
function cancelledBy({ by, reason, envelope }: TaskIn<'cancelled'>): string | undefined {
  if (reason !== undefined) return `by ${by}: ${reason}`;
  return by === envelope.from ? undefined : `by ${by}`;
}

/** The columns of the name of an item and the blank after it. */
export const FACT = 11;

interface More {
  /** Whether the history is printed too, so that no line need refer to it. */
  readonly historyFollows?: boolean;
  /** Why no attempt begins although the task is ready. */
  readonly held?: string | undefined;
}

/**
 * All data of a task, one item per line.
 */
export function taskLines(
  task: Task,
  now: number,
  style: Style,
  { historyFollows = false, held }: More = {},
): string[] {
  const { envelope } = task;
  const fact = (name: string, value: string) => factLine(style, name, value);
  const lines = [
    `${style.bold(task.id)}  ${colourOf(style, task)(task.status)}`,
    fact('from', `${envelope.from} to ${envelope.to}, ${envelope.type}, ${envelope.priority}`),
    fact('submitted', formatMoment(task.submitted_at, now)),
  ];
  if (envelope.instructions !== undefined) lines.push(fact('do', shorten(envelope.instructions, 300)));
  const { ttl_seconds, expected_output } = envelope;
  if (ttl_seconds !== undefined) lines.push(fact('ttl', `${formatDuration(ttl_seconds * 1_000)} to be started in`));
  if (expected_output?.artifacts) lines.push(fact('expects', expected_output.artifacts.join(', ')));
  const [group, budget] = [groupOf(envelope), budgetOf(envelope)];
  if (group !== undefined) lines.push(fact('group', group));
  if (budget !== undefined) lines.push(fact('budget', `${formatUsd(budget)}${sinceAgain(task)}`));
  if (task.context) lines.push(fact('context', `${task.context.path}, ${counted(task.context.size, 'byte')}`));
  lines.push(...statusLines(task, now).map(([name, value]) => fact(name, value)));
  for (const redo of task.redone ?? []) lines.push(fact('redone', redoLine(redo, now)));
  if (held !== undefined) lines.push(fact('waits', held));
  if (task.refused > 0) {
    const what = counted(task.refused, 'completion or failure', 'completions or failures');
    lines.push(fact('refused', historyFollows ? what : `${what} (agentq show ${task.id})`));
  }
  for (const attempt of task.attempts) lines.push(fact(`attempt ${attempt.number}`, attemptLine(attempt, now)));
  const cost = costOf(task);
  if (cost && task.attempts.length > 1) lines.push(fact('cost', formatCost(cost)));
  return lines;
}

/** One item of a task. */
export function factLine(style: Style, name: string, value: string): string {
  return `${style.dim(name.padEnd(FACT - 1))} ${visible(value)}`;
}

/** What counts towards the budget of a task that was queued again after its end. */
function sinceAgain(task: Task): string {
  if (task.forgiven === 0) return '';
  return `, ${formatUsd(toUsd(ownCost(task)))} of it used since the last redo or retry`;
}

function statusLines(task: Task, now: number): [name: string, value: string][] {
  switch (task.status) {
    case 'queued':
      return [['ready', `since ${formatMoment(task.ready_at, now)}`]];
    case 'scheduled':
      return [['due', `${formatMoment(task.due_at, now)} (${task.why})`]];
    case 'working': {
      const { lease, progress } = task;
      const lines: [string, string][] = [
        ['lease', `${describeAttempt(task)} by ${lease.worker}, ends ${formatMoment(lease.expires_at, now)}`],
      ];
      if (progress?.percent !== undefined) lines.push(['progress', bar(progress.percent)]);
      if (progress?.note !== undefined) lines.push(['note', `${progress.note} (${formatMoment(progress.at, now)})`]);
      return lines;
    }
    case 'completed': {
      const { by, at, summary, result, result_ref, artifacts, empty } = task.completion;
      const lines: [string, string][] = [
        ['completed', `${formatMoment(at, now)} by ${by}${empty ? `, ${EMPTY}` : ''}`],
      ];
      if (summary !== undefined) lines.push(['summary', summary]);
      if (result) lines.push(['result', `${result.path}, ${counted(result.size, 'byte')}`]);
      if (result_ref !== undefined) lines.push(['result', `${result_ref}, without a recorded hash`]);
      return [
        ...lines,
        ...artifacts.map(({ path, size }): [string, string] => ['artifact', `${path}, ${counted(size, 'byte')}`]),
      ];
    }
    case 'failed':
      return [['failed', `${formatMoment(task.failed_at, now)}: ${task.reason}`]];
    case 'expired':
      return [['expired', `${formatMoment(task.expired_at, now)}: no worker had started it`]];
    case 'cancelled': {
      const stopped = task.attempts.at(-1)?.outcome === 'cancelled';
      const state = !stopped
        ? ''
        : task.stopped_at === undefined
          ? '; its worker has not yet confirmed that it stopped (only agentq work confirms it)'
          : '; its worker has stopped';
      return [
        [
          'cancelled',
          `${formatMoment(task.cancelled_at, now)} by ${task.by}: ${task.reason ?? 'no reason given'}${state}`,
        ],
      ];
    }
    default:
      return task satisfies never;
  }
}

/** Who has wanted a new outcome, why, and what the former one was. */
function redoLine({ at, by, reason, completion }: Redo, now: number): string {
  const { attempt, summary, result, result_ref, artifacts } = completion;
  const files = [...(result ? [result.path] : []), ...(result_ref === undefined ? [] : [result_ref])];
  const former = [...(summary === undefined ? [] : [summary]), ...files, ...artifacts.map(({ path }) => path)];
  const before = former.length === 0 ? EMPTY : former.join(', ');
  return `${formatMoment(at, now)} by ${by}: ${reason}; the outcome of attempt ${attempt} no longer counts: ${before}`;
}

function attemptLine(attempt: Attempt, now: number): string {
  const who = attempt.worker;
  const cost = attempt.cost ? `, ${formatCost(attempt.cost)}` : '';
  if (attempt.outcome === undefined) return `${who}, began ${formatMoment(attempt.started_at, now)}${cost}`;
  const took = formatDuration(attempt.ended_at - attempt.started_at);
  return `${attempt.outcome} after ${took} by ${who}${cost}${attempt.reason === undefined ? '' : `: ${attempt.reason}`}`;
}
