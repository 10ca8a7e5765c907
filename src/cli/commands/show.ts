import { findTask } from '../../app/apply-command.ts';
import type { Event } from '../../core/task/event.ts';
import { formatCost } from '../../core/cost.ts';
import { counted } from '../../core/counted.ts';
import { formatDuration } from '../../core/duration.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';
import { foldRenewals } from '../output/fold-renewals.ts';
import { widthAtMost } from '../output/layout/display-width.ts';
import { EMPTY, FACT, taskLines } from '../output/task-text.ts';
import { iso, taskView } from '../output/views.ts';
import { visible } from '../output/visible.ts';

export const define: Define = (command, context) =>
  command.argument('<id>').action(async (id: string) => {
    const cli = context();
    const { io } = cli;
    const services = await cli.services();
    const task = await findTask(services, id);
    const events = await services.backend.history(id);
    if (io.json) {
      const view = {
        task: taskView(services.store, task),
        envelope: task.envelope,
        events: events.map(eventView),
      };
      return io.data(view satisfies Output<'show'>);
    }
    const style = await io.style();
    for (const line of taskLines(task, services.backend.now, style, true)) io.prose(line, FACT);
    io.line('');
    for (const event of foldRenewals(events)) {
      const since = `+${formatDuration(event.at - task.submitted_at)}`;
      const when = style.dim(`${iso(event.at)} ${since.padEnd(9)}`);
      const what = visible(details(event) + costOf(event)).trimEnd();
      const room = io.width - HEAD;
      if (room >= ROOM || widthAtMost(what) <= room) {
        io.prose(`${when} ${event.type.padEnd(15)} ${what}`.trimEnd(), HEAD);
      } else {
        io.line(`${when} ${event.type}`);
        io.prose(`    ${what}`, 4);
      }
    }
  });

/** The columns before the details of an event. */
const HEAD = 51;

/** The fewest columns in which details of several lines stand beside the event, and not below it. */
const ROOM = 44;

/** Every time in an event is called `at` or `…_at`. A time that is null is left out. */
function eventView({ v: _v, task_id: _id, ...event }: Event): Output<'show'>['events'][number] {
  const fields = Object.entries(event)
    .filter(([, value]) => value !== null)
    .map(([field, value]) => [field, /(^|_)at$/.test(field) && typeof value === 'number' ? iso(value) : value]);
  return Object.fromEntries(fields) as Output<'show'>['events'][number];
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
        return `attempt ${event.attempt} until ${iso(event.expires_at)}${percent} ${event.note ?? ''}`;
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
      return `attempt ${event.attempt}: its processes are gone`;
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
