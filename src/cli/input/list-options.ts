import type { Command } from 'commander';
import * as z from 'zod/mini';
import type { Filter } from '../../backend/backend.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { openStatuses, statuses, type Status } from '../../core/task/task.ts';
import { limitOf, names, pastMoment } from './flags.ts';

const statusList = () => z.pipe(names(), z.array(z.enum(statuses, { error: `is not one of ${statuses.join(', ')}` })));

export const ListFlags = z.object({
  from: z.optional(name('agent name')),
  to: z.optional(name('role')),
  status: z.optional(statusList()),
  open: z.optional(z.boolean()),
  stuck: z.optional(z.boolean()),
  worker: z.optional(name('agent name')),
  type: z.optional(name('task type')),
  group: z.optional(name('group')),
  since: z.optional(pastMoment()),
  limit: z.optional(limitOf()),
  before: z.optional(name('task id')),
});
export type ListFlags = z.output<typeof ListFlags>;

export function addListOptions(command: Command): Command {
  return command
    .option('--from <agent>', 'only those that this agent submitted')
    .option('--to <role>', 'only those of this role')
    .option('--status <statuses>', 'only those with these statuses: queued,working')
    .option('--open', `only those that have not ended: ${openStatuses.join(', ')}`)
    .option('--stuck', 'only those that seem to be stuck, each with the reason')
    .option('--worker <name>', 'only those that this worker holds, or held in any attempt')
    .option('--type <type>', 'only those of this type')
    .option('--group <name>', 'only those of this group')
    .option('--since <time>', 'only those that have changed since then: 1h, or an ISO 8601 time')
    .option('--limit <n>', 'how many at most, newest first (default: 100)')
    .option('--before <id>', 'only those submitted before this task: the next page');
}

/**
 * @param now ms since 1970
 * @throws AgentqError `usage` if no task can match
 */
export function listFilter(flags: ListFlags, now: number): Omit<Filter, 'limit'> {
  const { from, to: role, worker, type, group, since, before } = flags;
  const statuses = statusesOf(flags);
  return {
    ...(from && { from }),
    ...(role && { role }),
    ...(worker && { worker }),
    ...(type && { type }),
    ...(group && { group }),
    ...(since && { since: since(now) }),
    ...(statuses && { statuses }),
    ...(before && { before }),
  };
}

function statusesOf({ open, status }: ListFlags): readonly Status[] | undefined {
  if (!open || status === undefined) return open ? openStatuses : status;
  const both = openStatuses.filter((one) => status.includes(one));
  if (both.length > 0) return both;
  throw new AgentqError('usage', `no task is open and ${status.join(' or ')}`, 'leave out --open or --status');
}

/**
 * The options that list the next page, as words of a command line.
 * @param before the last task of this page
 * @param now ms since 1970. A duration becomes a moment, so that both pages begin at the same time.
 */
export function nextPage(flags: ListFlags, before: string, now: number): readonly string[] {
  const words = Object.entries({ ...flags, since: undefined, before }).flatMap(([option, value]) =>
    value === undefined ? [] : value === true ? [`--${option}`] : [`--${option}`, String(value)],
  );
  return flags.since ? [...words, '--since', new Date(flags.since(now)).toISOString()] : words;
}
