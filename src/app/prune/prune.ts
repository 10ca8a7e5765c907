import { isAway, isBrokers } from '../../core/errors.ts';
import { referredIds } from '../../core/task/referred-ids.ts';
import { isPrunable, type PruneLimit } from '../../core/task/decision/prunable.ts';
import { finishedStatuses, isDead, openStatuses, type Task } from '../../core/task/task.ts';
import { everyTask } from '../every-task.ts';
import type { Services } from '../workspace/services.ts';
import { ownEvidence, removeEvidence } from './remove-evidence.ts';

export interface PruneRequest extends PruneLimit {
  /** How long the ids stay known, in ms. */
  readonly remember: number;
  /** Whether only to count. */
  readonly dryRun: boolean;
}

/** What was pruned, or would be. */
export interface Pruning {
  readonly tasks: number;
  /** How many of them are dead letters. */
  readonly dead_letters: number;
  /** How many of them have a result message that was not collected: see `Backend.inboxIds`. */
  readonly messages: number;
  /** Their recorded files, and the size of these in bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Tasks that stay because an open task refers to their evidence. */
  readonly referred: number;
  /** How many snapshots of the log were replaced because they contain such tasks. Undefined without a broker. */
  readonly snapshots?: number;
}

/** One step, with the ids of its tasks. */
export interface PruneBit extends Pruning {
  readonly ids: readonly string[];
}

const NOTHING: Pruning = { tasks: 0, dead_letters: 0, messages: 0, files: 0, bytes: 0, referred: 0 };

/** How many tasks one log entry prunes. */
const TOGETHER = 200;

/** After how many tasks that are not pruned a bit ends. */
const LOOKED_AT = 2_000;

/** How often the open tasks are read again, in ms: new ones may refer to other evidence. */
const READ_AGAIN = 5_000;

/**
 * Prunes all finished tasks within the limit, finishes what a killed process has left, and replaces the snapshots of the
 * log that contain pruned tasks.
 * @param onBit receives the sum after each bit, and the ids of the tasks of this bit
 * @throws AgentqError `denied` on a broker, if the user is not a coordinator; `storage`
 */
export async function prune(
  services: Services,
  request: PruneRequest,
  onBit: (sum: Pruning, ids: readonly string[]) => void = () => {},
): Promise<Pruning> {
  let sum = NOTHING;
  for await (const bit of pruneInBits(services, request)) onBit((sum = add(sum, bit)), bit.ids);
  const { backend } = services;
  if (!backend.renewSnapshots) return sum;
  const snapshots = request.dryRun && sum.tasks === 0 ? 0 : await backend.renewSnapshots(request.dryRun);
  return { ...sum, snapshots };
}

/**
 * The same in small steps, so that a worker can take one between two tasks. The entry in the log comes first, and then
 * the evidence is removed: a process that is killed in between leaves evidence that the next call removes. Snapshots of
 * the log are not replaced here, because a whole one would be written: a process that follows the log does it later.
 */
export async function* pruneInBits(services: Services, request: PruneRequest): AsyncGenerator<PruneBit> {
  const { backend, store } = services;
  await store.attend();
  const messages = new Messages(services);
  const references = new References(services);
  let waiting: Task[] = [];
  let looked = 0;
  let kept = 0;
  const bit = async (tasks: readonly Task[]): Promise<PruneBit> => {
    // Read before the tasks are pruned, because their messages go with them.
    const uncollected = await messages.uncollected(tasks);
    const pruned = request.dryRun ? tasks : await pruneTogether(services, request, tasks);
    if (!request.dryRun) await removeEvidence(services);
    const counted = pruned.filter(({ id }) => uncollected.has(id)).length;
    const sum = { ...sumOf(pruned), messages: counted, referred: kept, ids: pruned.map(({ id }) => id) };
    kept = 0;
    looked = 0;
    return sum;
  };
  for await (const task of everyTask(backend, { statuses: finishedStatuses })) {
    looked++;
    if (isPrunable(task, request)) {
      if ((await references.ids()).has(task.id)) kept++;
      else waiting.push(task);
    }
    if (waiting.length <= TOGETHER && looked < LOOKED_AT) continue;
    // The next page of the list begins after the last task of this one, so the last task must still exist then.
    yield bit(waiting.slice(0, -1));
    waiting = waiting.slice(-1);
  }
  yield bit(waiting);
}

/** @returns those that were pruned: a dead letter may have been retried meanwhile */
async function pruneTogether({ backend }: Services, request: PruneRequest, tasks: readonly Task[]): Promise<Task[]> {
  if (tasks.length === 0) return [];
  const { before, keep_dead, remember } = request;
  const command = { type: 'prune', before, keep_dead, remember } as const;
  const outcomes = await backend.commit(tasks.map(({ id }) => ({ task_id: id, command })));
  return tasks.filter((_, n) => outcomes[n]!.changed);
}

/** The tasks whose evidence open tasks refer to. */
class References {
  readonly #services: Services;
  #ids: ReadonlySet<string> = new Set();
  /** By the monotonic clock. */
  #readAt = -Infinity;

  constructor(services: Services) {
    this.#services = services;
  }

  async ids(): Promise<ReadonlySet<string>> {
    const { backend, monotonic } = this.#services;
    if (monotonic() < this.#readAt + READ_AGAIN) return this.#ids;
    const ids = new Set<string>();
    for await (const task of everyTask(backend, { statuses: openStatuses }))
      for (const id of referredIds(task)) ids.add(id);
    this.#readAt = monotonic();
    return (this.#ids = ids);
  }
}

/** The result messages that were not collected. Each queue is read once. */
class Messages {
  readonly #services: Services;
  readonly #ids = new Map<string, ReadonlySet<string>>();

  constructor(services: Services) {
    this.#services = services;
  }

  /** The ids of those of the tasks that have one. */
  async uncollected(tasks: readonly Task[]): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    for (const { id, envelope } of tasks) if ((await this.#in(envelope.reply_to)).has(id)) ids.add(id);
    return ids;
  }

  async #in(queue: string): Promise<ReadonlySet<string>> {
    const known = this.#ids.get(queue);
    if (known) return known;
    const ids = await this.#idsIn(queue);
    this.#ids.set(queue, ids);
    return ids;
  }

  /** On a broker, a coordinator may have no right to read the queue of another one: its messages are not counted. */
  async #idsIn(queue: string): Promise<ReadonlySet<string>> {
    try {
      return await this.#services.backend.inboxIds(queue);
    } catch (error) {
      if (isBrokers(error) && !isAway(error)) return new Set();
      throw error;
    }
  }
}

function sumOf(tasks: readonly Task[]): Omit<Pruning, 'messages' | 'referred'> {
  const evidence = tasks.flatMap(ownEvidence);
  return {
    tasks: tasks.length,
    dead_letters: tasks.filter(isDead).length,
    files: evidence.length,
    bytes: evidence.reduce((sum, { size }) => sum + size, 0),
  };
}

function add(a: Pruning, b: Pruning): Pruning {
  return {
    tasks: a.tasks + b.tasks,
    dead_letters: a.dead_letters + b.dead_letters,
    messages: a.messages + b.messages,
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    referred: a.referred + b.referred,
  };
}
