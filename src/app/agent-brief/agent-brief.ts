import { resultsQueue } from '../../core/envelope/reply-to.ts';
import { groupOf } from '../../core/envelope/group.ts';
import { openStatuses, type Task } from '../../core/task/task.ts';
import { openOfOthers, type OtherAgent } from './open-of-others.ts';
import { type KnownNote, listNotes } from '../notes.ts';
import { blockingBudgets } from '../budget/blocking-budgets.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';

/** What a brief has, the most urgent first. */
export const briefParts = ['notes', 'holds', 'results', 'dead', 'working', 'queued', 'scheduled'] as const;
export type BriefPart = (typeof briefParts)[number];

/** Tasks of one kind, or notes: the first of them, and how many there are. */
export interface BriefList<T> {
  readonly total: number;
  readonly first: readonly T[];
  /** The command that lists all of them. */
  readonly see: string;
}

/** What an agent has begun in the queue, and what has come back. */
export interface AgentBrief {
  readonly as: string;
  readonly group: string | undefined;
  readonly parts: Readonly<Record<Exclude<BriefPart, 'notes'>, BriefList<Task>>> & {
    readonly notes: BriefList<KnownNote>;
  };
  /** The used-up budgets for which its ready tasks wait: one line each. */
  readonly usedUp: readonly string[];
  /** If the agent has nothing: other agents with open tasks. */
  readonly others: readonly OtherAgent[];
  /** Commands that continue the work. */
  readonly next: readonly string[];
}

/** The tasks of one kind, or notes, from which a brief is made. */
const FIRST = 50;

/** The messages of an inbox that are searched for those of a group. */
const SEARCHED = 10_000;

/**
 * @param group only tasks of this group; undefined for all
 * @param host of this machine: a worker that claims for the role `as` without a name is `as@host`
 */
export async function agentBrief(
  services: Services,
  as: string,
  group: string | undefined,
  host: string,
): Promise<AgentBrief> {
  const { backend } = services;
  const ofGroup = group === undefined ? {} : { group };
  const by = { from: as, ...ofGroup };
  const option = group === undefined ? '' : ` --group ${group}`;
  const list = `agentq list --from ${as}${option} --status`;
  const heldBy = (worker: string) => heldTasks(services, { worker, ...ofGroup });
  const unnamed = `${as}@${host}`;
  const [named, held] = [await heldBy(as), await heldBy(unnamed)];
  const open = { working: [] as Task[], queued: [] as Task[], scheduled: [] as Task[] };
  for await (const task of everyTask(backend, { ...by, statuses: openStatuses }))
    if (task.status in open) open[task.status as keyof typeof open].push(task);
  const dead: Task[] = [];
  for await (const task of everyTask(backend, { ...by, dead: true })) dead.push(task);
  const notes = await listNotes(services, group === undefined ? { by: as } : { group });
  const parts = {
    notes: first(notes, group === undefined ? `agentq note --from ${as}` : `agentq note${option}`),
    holds: first(
      [...named, ...held],
      `agentq list --worker ${named.length > 0 ? as : unnamed}${option} --status working`,
    ),
    results: await newResults(services, as, group),
    dead: first(dead, `${list} failed,expired`),
    working: first(open.working, `${list} working`),
    queued: first(open.queued, `${list} queued`),
    scheduled: first(open.scheduled, `${list} scheduled`),
  };
  const usedUp = open.queued.length === 0 ? [] : await blockingBudgets(services, by);
  const policy = usedUp.length > 0 ? ['agentq policy show'] : [];
  const next = [...policy, ...nextCommands(as, parts)];
  return { as, group, parts, usedUp, others: next.length === 0 ? await openOfOthers(services, as) : [], next };
}

async function heldTasks({ backend }: Services, by: { worker: string; group?: string }): Promise<Task[]> {
  const tasks = await backend.list({ ...by, statuses: ['working'], limit: SEARCHED });
  return tasks.filter((task) => task.status === 'working' && task.lease.worker === by.worker);
}

const first = <T>(all: readonly T[], see: string): BriefList<T> => ({
  total: all.length,
  first: all.slice(0, FIRST),
  see,
});

/** The tasks whose result messages wait in the queue of the agent, the oldest first. */
async function newResults({ backend }: Services, as: string, group: string | undefined): Promise<BriefList<Task>> {
  const queue = resultsQueue(as);
  const see = `agentq inbox --as ${as} --keep`;
  if (group !== undefined) {
    const waiting = await backend.inbox(queue, SEARCHED);
    return first(
      waiting.filter(({ envelope }) => groupOf(envelope) === group),
      see,
    );
  }
  const tasks = await backend.inbox(queue, FIRST);
  return { total: tasks.length < FIRST ? tasks.length : (await backend.inboxIds(queue)).size, first: tasks, see };
}

function nextCommands(as: string, { holds, results, dead, working, queued, scheduled }: AgentBrief['parts']): string[] {
  const [held] = holds.first;
  const [letter] = dead.first;
  const isOpen = working.total + queued.total + scheduled.total > 0;
  return [
    ...(held ? [`agentq show ${held.id}`] : []),
    ...(held ? [`agentq complete ${held.id} --attempt ${held.attempts.at(-1)!.number} --summary TEXT`] : []),
    ...(results.total > 0 ? [`agentq inbox --as ${as}`] : []),
    ...(letter ? [`agentq dlq show ${letter.id}`] : []),
    ...(isOpen ? [`agentq wait --any --from ${as} --compact --timeout 30m`] : []),
  ];
}
