import type { Counts } from '../../backend/backend.ts';
import { nextDue } from '../../core/task/fold/due.ts';
import { isDead, type Task, type TaskIn } from '../../core/task/task.ts';
import type { Services } from '../workspace/services.ts';

/** How many tasks of each kind are read at most: more than a person looks through. */
const MOST = { working: 500, dead: 200, waiting: 100 };

/** What a live view shows of a queue. */
export interface LiveQueue {
  /** When it was read, by the clock of the backend, in ms since 1970. */
  readonly at: number;
  readonly counts: Counts;
  /** The longest running first: they may be stuck. */
  readonly working: readonly TaskIn<'working'>[];
  /** The latest first. */
  readonly dead: readonly TaskIn<'failed' | 'expired'>[];
  /** Queued and scheduled tasks, the latest submitted first. */
  readonly waiting: readonly TaskIn<'queued' | 'scheduled'>[];
}

/**
 * Reads the counts of all roles, and the tasks that a person watches.
 * @param role only the tasks of this role
 * @throws AgentqError `unreachable`, `storage`
 */
export async function readLiveQueue({ backend }: Services, role?: string): Promise<LiveQueue> {
  const of = role === undefined ? {} : { role };
  const [counts, working, dead, waiting] = await Promise.all([
    backend.counts(),
    backend.list({ ...of, statuses: ['working'], limit: MOST.working }),
    backend.list({ ...of, dead: true, limit: MOST.dead }),
    backend.list({ ...of, statuses: ['queued', 'scheduled'], limit: MOST.waiting }),
  ]);
  return {
    at: backend.now,
    counts,
    working: working.filter(isWorking).toSorted((a, b) => startOf(a) - startOf(b)),
    dead: dead.filter(isDead),
    waiting: waiting.filter(isWaiting),
  };
}

/** When the current attempt of a running task began, in ms since 1970. */
export function startOf({ attempts, updated_at }: TaskIn<'working'>): number {
  return attempts.at(-1)?.started_at ?? updated_at;
}

/** When time alone may change one of these tasks, in ms since 1970; undefined if none changes by itself. */
export function nextChange({ working, waiting }: LiveQueue): number | undefined {
  return [...working, ...waiting].reduce<number | undefined>((first, task) => {
    const due = nextDue(task);
    return due === undefined ? first : Math.min(first ?? due, due);
  }, undefined);
}

const isWorking = (task: Task): task is TaskIn<'working'> => task.status === 'working';
const isWaiting = (task: Task): task is TaskIn<'queued' | 'scheduled'> =>
  task.status === 'queued' || task.status === 'scheduled';
