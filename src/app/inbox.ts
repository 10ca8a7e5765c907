import { type ArtifactStore, describeDrift } from '../artifacts/store.ts';
import type { Taken } from '../backend/backend.ts';
import { type ResultMessage, resultMessage } from '../core/result/result-message.ts';
import type { Task } from '../core/task/task.ts';
import { patience, type Services } from './workspace/services.ts';
import { evidenceOf, findDrift } from './evidence/verify.ts';

export interface Collected {
  readonly messages: readonly ResultMessage[];
  /** Takes the messages out of the queue; to be called once they have arrived where they were wanted. */
  readonly acknowledge: () => Promise<void>;
  /** Shows them again at once, to the next reader. */
  readonly release: () => Promise<void>;
}

export interface Collecting {
  readonly queue: string;
  readonly limit: number;
  /** Whether to look only: then others are shown the same, and nothing is to be acknowledged. */
  readonly keep: boolean;
  /** How long to wait for the first message, by the monotonic clock. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
}

/**
 * The result messages of a queue, in this reader's hands: others are not shown them, until they are given back or this
 * process is not heard of for a while.
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

const looked = (tasks: readonly Task[]): Taken => ({ tasks, async acknowledge() {}, async release() {} });

/** With what is no longer what was recorded, where there is any: the message itself would still vouch for it. */
async function messageOf(store: ArtifactStore, task: Task): Promise<ResultMessage> {
  const message = resultMessage(task, (path) => store.refOf(path))!;
  const drifts = await findDrift(store, evidenceOf(task));
  return drifts.length === 0 ? message : { ...message, drift: drifts.map(describeDrift) };
}
