import { formatCost } from '../../../core/cost.ts';
import { counted } from '../../../core/counted.ts';
import { formatDuration } from '../../../core/duration.ts';
import type { Edits, Event, EventOf } from '../../../core/task/event.ts';
import type { Task } from '../../../core/task/task.ts';
import { foldRenewals } from './fold-renewals.ts';
import type { Style } from '../io.ts';
import { widthAtMost } from '../layout/display-width.ts';
import { EMPTY } from '../../../core/task/messages.ts';
import { shorten } from '../line.ts';
import { iso } from '../views.ts';
import { visible } from '../visible.ts';

/** The columns before the details of an event. */
const HEAD = 51;

/** The fewest columns in which details of several lines stand beside the event, and not below it. */
const ROOM = 44;

/** A line of free text. `hang` is the indentation of its further lines if it is wrapped, in columns. */
export interface StoryLine {
  readonly text: string;
  readonly hang: number;
}

/** What has happened to a task. @param width of the output, in columns */
export function story(task: Task, events: readonly Event[], style: Style, width: number): StoryLine[] {
  return foldRenewals(events).flatMap((event) => {
    const since = `+${formatDuration(event.at - task.submitted_at)}`;
    const when = style.dim(`${iso(event.at)} ${since.padEnd(9)}`);
    const what = visible(details(event) + costOf(event)).trimEnd();
    const room = width - HEAD;
    if (room >= ROOM || widthAtMost(what) <= room)
      return [{ text: `${when} ${event.type.padEnd(15)} ${what}`.trimEnd(), hang: HEAD }];
    return [
      { text: `${when} ${event.type}`, hang: 0 },
      { text: `    ${what}`, hang: 4 },
    ];
  });
}

function costOf(event: Event): string {
  return 'cost' in event && event.cost ? ` (${formatCost(event.cost)})` : '';
}

function details(event: ReturnType<typeof foldRenewals>[number]): string {
  switch (event.type) {
    case 'submitted':
      return `by ${event.envelope.from} to ${event.envelope.to}`;
    case 'claimed':
      return `attempt ${event.attempt} by ${event.worker}, lease until ${iso(event.expires_at)}`;
    case 'renewed': {
      const percent = event.percent === undefined ? '' : ` ${event.percent}%`;
      if (event.times === 1)
        return `attempt ${event.attempt} until ${iso(event.expires_at)}${percent}${event.note === undefined ? '' : ` ${event.note}`}`;
      const note = event.note === undefined ? '' : `, last note: ${event.note}`;
      return `attempt ${event.attempt}, ${counted(event.times, 'time')} until ${iso(event.expires_at)}${percent}${note}`;
    }
    case 'lease-expired':
      return `attempt ${event.attempt}${event.final ? ', the last' : ''}`;
    case 'released':
      return `attempt ${event.attempt} by ${event.by}: ${event.reason}`;
    case 'attempt-failed': {
      const next = event.retry_at === null ? 'no further attempt' : `again ${iso(event.retry_at)}`;
      return `attempt ${event.attempt} by ${event.by}: ${event.reason}; ${next}`;
    }
    case 'completed':
      return `attempt ${event.attempt} by ${event.by}, ${counted(event.artifacts.length, 'artifact')}: ${event.summary ?? (event.empty ? EMPTY : 'no summary')}`;
    case 'cancelled':
      return `by ${event.by}: ${event.reason ?? 'no reason given'}`;
    case 'stopped':
      return event.artifacts
        ? `attempt ${event.attempt} is over, and its log is recorded`
        : `attempt ${event.attempt}: its processes are gone`;
    case 'edited':
      return `by ${event.by}: ${editsOf(event)}${event.reason === undefined ? '' : `; ${event.reason}`}`;
    case 'redone':
      return `by ${event.by}: ${event.reason}; the outcome before no longer counts`;
    case 'retried':
    case 'dismissed':
      return `by ${event.by}`;
    case 'restored':
      return `epoch ${event.epoch}: leases have ended, attempts go on above ${event.attempts_above}`;
    case 'refused':
      return `${event.command} by ${event.by}: ${event.reason}`;
    case 'carried':
      return `${event.task.status}, as it was then: the log has forgotten what came before`;
    case 'became-due':
    case 'expired':
    case 'pruned':
      return '';
    default:
      return event satisfies never;
  }
}

/** Each changed field, before and after. */
function editsOf({ set, was }: EventOf<'edited'>): string {
  const value = (one: string | number | undefined) => (one === undefined ? 'none' : shorten(String(one), 60));
  const fields = Object.keys(set) as (keyof Edits)[];
  return fields.map((field) => `${field} ${value(was[field])} -> ${value(set[field])}`).join(', ');
}
