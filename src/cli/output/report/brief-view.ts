import type { AgentBrief, BriefPart } from '../../../app/agent-brief/agent-brief.ts';
import { briefParts } from '../../../app/agent-brief/agent-brief.ts';
import type { KnownNote } from '../../../app/notes.ts';
import { counted } from '../../../core/counted.ts';
import { formatMoment } from '../../../core/duration.ts';
import type { Task } from '../../../core/task/task.ts';
import { shorten } from '../line.ts';
import type { Output } from '../schemas/outputs.ts';
import { headline } from './task-text.ts';
import { iso } from '../views.ts';
import { visible, visibleJson } from '../visible.ts';

/** How many tasks of each part, and used-up budgets, are printed; a part without a number is left out. */
export type Shown = Partial<Record<BriefPart | 'budgets', number>>;

/** A brief with `shown` tasks and `next` commands, as it is printed. */
export type Render = (shown: Shown, next: number) => string;

/** The longest text of a task, in characters. */
const MOST = 60;

/** The longest note, in characters: it may be the plan. */
const LONGEST_NOTE = 300;

const TITLES: Readonly<Record<BriefPart, string>> = {
  notes: 'notes',
  holds: 'you work on',
  results: 'new results',
  dead: 'dead letters',
  working: 'working',
  queued: 'queued',
  scheduled: 'scheduled',
};

/**
 * The longest brief that fits. It grows task by task, in turn for each part, so that a part with many tasks does not
 * keep the others out. A part from which tasks are left out has their number and the command that lists them.
 * @param most in bytes; the counts are printed even if they are longer
 */
export function fit({ parts, usedUp, next }: AgentBrief, render: Render, most: number): string {
  const fits = (shown: Shown, commands: number) => Buffer.byteLength(render(shown, commands)) <= most;
  let shown: Shown = {};
  let commands = 0;
  while ((shown.budgets ?? 0) < usedUp.length && fits({ budgets: (shown.budgets ?? 0) + 1 }, 0))
    shown = { budgets: (shown.budgets ?? 0) + 1 };
  while (commands < next.length && fits(shown, commands + 1)) commands++;
  const present = briefParts.filter((part) => parts[part].total > 0);
  for (const part of present) if (fits({ ...shown, [part]: 0 }, commands)) shown = { ...shown, [part]: 0 };
  let growing = present.filter((part) => shown[part] !== undefined);
  while (growing.length > 0) {
    growing = growing.filter((part) => {
      const more = { ...shown, [part]: shown[part]! + 1 };
      if (more[part]! > parts[part].first.length || !fits(more, commands)) return false;
      shown = more;
      return true;
    });
  }
  return render(shown, commands);
}

export function briefJson({ as, group, parts, usedUp, others, next }: AgentBrief): Render {
  return (shown, commands) => {
    const view: Output<'brief'> = {
      as,
      ...(group !== undefined && { group }),
      counts: Object.fromEntries(briefParts.map((part) => [part, parts[part].total])) as Output<'brief'>['counts'],
      ...(shown.budgets && { budgets_used_up: usedUp.slice(0, shown.budgets) }),
      ...(others.length > 0 && { others: short(others).map((one) => ({ ...one })) }),
      next: next.slice(0, commands),
    };
    for (const part of briefParts) {
      const count = shown[part];
      if (count === undefined) continue;
      const { total, see } = parts[part];
      const left = total > count && { left_out: total - count, see };
      if (part === 'notes') view.notes = { ...left, notes: parts.notes.first.slice(0, count).map(noteView) };
      else view[part] = { ...left, tasks: parts[part].first.slice(0, count).map(taskItem) };
    }
    return `${visibleJson(JSON.stringify(view))}\n`;
  };
}

/** As many of them as always fit into a brief. */
function short(others: AgentBrief['others']): AgentBrief['others'] {
  let room = MOST * 2;
  return others.filter(({ agent }, i) => (room -= agent.length) >= 0 || i === 0);
}

function othersLine(others: AgentBrief['others']): string {
  const named = short(others).map(({ agent, open }) => `${agent} ${open}`);
  return `open tasks of others: ${named.join(', ')} (agentq brief --as NAME)`;
}

function noteView({ id, text, group }: KnownNote): NonNullable<Output<'brief'>['notes']>['notes'][number] {
  return { note_id: id, ...(group !== undefined && { group }), text: shorten(text, LONGEST_NOTE) };
}

function taskItem(task: Task): NonNullable<Output<'brief'>['results']>['tasks'][number] {
  const text = headline(task, MOST);
  return {
    task_id: task.id,
    status: task.status,
    to: task.envelope.to,
    ...(task.status === 'working' && {
      worker: task.lease.worker,
      attempt: task.lease.attempt,
      lease_expires_at: iso(task.lease.expires_at),
      ...(task.progress?.percent !== undefined && { percent: task.progress.percent }),
    }),
    ...(task.status === 'scheduled' && { due_at: iso(task.due_at) }),
    ...(text !== '' && { text }),
  };
}

/** @param now ms since 1970 */
export function briefText({ as, group, parts, usedUp, others, next }: AgentBrief, now: number): Render {
  const counts = briefParts.filter((part) => parts[part].total > 0).map((part) => countOf(part, parts[part].total));
  const of = `brief of ${as}${group === undefined ? '' : ` for ${group}`}`;
  const nothing = next.length === 0 ? ['nothing is open, and nothing has come back'] : [];
  return (shown, commands) => {
    const lines = [`${of}: ${[...counts, ...nothing].join(', ')}`];
    lines.push(...usedUp.slice(0, shown.budgets ?? 0));
    if (others.length > 0) lines.push(othersLine(others));
    if (commands > 0) lines.push('next:', ...next.slice(0, commands).map((command) => `  ${command}`));
    for (const part of briefParts) {
      const count = shown[part];
      if (count === undefined) continue;
      const { total, see } = parts[part];
      lines.push(total > count ? `${TITLES[part]}: ${count} of ${total}, all: ${see}` : `${TITLES[part]}: ${total}`);
      const items =
        part === 'notes'
          ? parts.notes.first.slice(0, count).map(noteLine)
          : parts[part].first.slice(0, count).map((task) => itemLine(task, part, now));
      lines.push(...items.map((line) => `  ${line}`));
    }
    return `${lines.map((line) => visible(line)).join('\n')}\n`;
  };
}

function countOf(part: BriefPart, total: number): string {
  switch (part) {
    case 'notes':
      return counted(total, 'note');
    case 'holds':
      return `${total} held`;
    case 'results':
      return counted(total, 'new result');
    case 'dead':
      return counted(total, 'dead letter');
    default:
      return `${total} ${part}`;
  }
}

function noteLine({ id, text, group }: KnownNote): string {
  return `${id}${group === undefined ? '' : ` ${group}`}: ${shorten(text, LONGEST_NOTE)}`;
}

function itemLine(task: Task, part: BriefPart, now: number): string {
  const facts = [task.id, ...(part === 'holds' ? [] : [task.envelope.to])];
  if (part === 'results') facts.push(task.status);
  if (task.status === 'working') {
    const { lease, progress } = task;
    facts.push(part === 'holds' ? `attempt ${lease.attempt}` : `by ${shorten(lease.worker, MOST)}`);
    if (progress?.percent !== undefined) facts.push(`${progress.percent}%`);
    facts.push(`lease ends ${formatMoment(lease.expires_at, now)}`);
  }
  if (task.status === 'scheduled') facts.push(`due ${formatMoment(task.due_at, now)}`);
  return `${facts.join(' ')}: ${headline(task, MOST)}`;
}
