import { type ArtifactStore, describeDrift } from '../artifacts/store.ts';
import type { Taken } from '../backend/backend.ts';
import { type ResultMessage, resultMessage } from '../core/result/result-message.ts';
import { type Finished, finishedAt, finishedStatuses, isFinished, type Task } from '../core/task/task.ts';
import { everyTask } from './every-task.ts';
import { patience, type Services } from './workspace/services.ts';
import { countingEvidence, findDrift } from './evidence/verify.ts';
import { deliverables } from './result.ts';

/** A result message with what the queue adds for its reader. */
export type InboxMessage = ResultMessage & { readonly artifact_count?: number; readonly by?: string };

export interface Collected {
  readonly messages: readonly InboxMessage[];
  /** Takes the messages out of the queue. Call it after they were delivered. */
  readonly acknowledge: () => Promise<void>;
  /** Makes them available to the next reader at once. */
  readonly release: () => Promise<void>;
}

export interface Collecting {
  readonly queue: string;
  readonly limit: number;
  /** Whether to only read: other readers then get the same messages, and nothing is acknowledged. */
  readonly keep: boolean;
  /** How long to wait for the first message, by the monotonic clock. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/**
 * Takes the result messages of a queue for this reader. Other readers do not get them until they are given back or this
 * process has shown no activity for some time.
 */
export async function collect(services: Services, request: Collecting): Promise<Collected> {
  const { queue, limit, keep, deadline, signal } = request;
  const { backend, store, monotonic } = services;
  using watch = backend.watch('finished');
  for (;;) {
    const taken = keep ? looked(await backend.inbox(queue, limit)) : await backend.take(queue, limit);
    if (taken.tasks.length > 0 || monotonic() >= deadline || signal?.aborted) return inHand(store, taken);
    await watch.wait(patience(services, undefined, deadline), signal);
  }
}

async function inHand(store: ArtifactStore, taken: Taken): Promise<Collected> {
  try {
    const messages = await Promise.all(taken.tasks.map((task) => messageOf(store, task)));
    return { messages, acknowledge: () => taken.acknowledge(), release: () => taken.release() };
  } catch (error) {
    await taken.release();
    throw error;
  }
}

/** How many of the tasks submitted last are searched at least for those that a queue has given. */
const SEARCHED = 10_000;

/**
 * The messages that a queue has given, the last ended first. They are made again from the tasks: a task that was pruned
 * is not among them.
 */
export async function collected(
  { backend, store }: Services,
  queue: string,
  limit: number,
): Promise<readonly InboxMessage[]> {
  const waiting = await backend.inboxIds(queue);
  const given: Finished[] = [];
  let searched = 0;
  for await (const task of everyTask(backend, { statuses: finishedStatuses })) {
    if (searched++ >= SEARCHED && given.length >= limit) break;
    if (isFinished(task) && task.envelope.reply_to === queue && !waiting.has(task.id)) given.push(task);
  }
  const last = given.toSorted((a, b) => finishedAt(b) - finishedAt(a)).slice(0, limit);
  return Promise.all(last.map((task) => messageOf(store, task)));
}

const looked = (tasks: readonly Task[]): Taken => ({ tasks, async acknowledge() {}, async release() {} });

/** Adds the drift of evidence, if there is any, because the message itself does not show it. */
async function messageOf(store: ArtifactStore, task: Task): Promise<InboxMessage> {
  const artifacts = task.status === 'completed' ? deliverables(task).length : 0;
  const common = resultMessage(task, (path) => store.refOf(path))!;
  const by = task.status === 'cancelled' ? task.by : task.attempts.at(-1)?.worker;
  const message = {
    ...common,
    ...(by !== undefined && by !== common.from && { by }),
    ...(artifacts > 0 && { artifact_count: artifacts }),
  };
  const drifts = await findDrift(store, countingEvidence(task));
  return drifts.length === 0 ? message : { ...message, drift: drifts.map(describeDrift) };
}
