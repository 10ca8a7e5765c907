import { type ArtifactStore, describeDrift } from '../artifacts/store.ts';
import { type ResultMessage, resultMessage } from '../core/result-message.ts';
import type { Task } from '../core/task.ts';
import { patience, type Services } from './services.ts';
import { evidenceOf, findDrift } from './verify.ts';

export interface Collected {
  readonly messages: readonly ResultMessage[];
  /** Takes the messages out of the queue; to be called once they have arrived where they were wanted. */
  readonly acknowledge: () => Promise<void>;
}

/** The result messages of a queue, waiting until the deadline (by the monotonic clock) for the first. */
export async function collect(
  services: Services,
  queue: string,
  limit: number,
  deadline: number,
  signal?: AbortSignal,
): Promise<Collected> {
  const { backend, store, monotonic } = services;
  using watch = backend.watch('finished');
  for (;;) {
    const inbox = await backend.inbox(queue, limit);
    const messages = await Promise.all(inbox.tasks.map((task) => messageOf(store, task)));
    if (messages.length > 0 || monotonic() >= deadline || signal?.aborted) {
      return { messages, acknowledge: () => inbox.acknowledge() };
    }
    await watch.wait(patience(services, undefined, deadline), signal);
  }
}

/** With what is no longer what was recorded, where there is any: the message itself would still vouch for it. */
async function messageOf(store: ArtifactStore, task: Task): Promise<ResultMessage> {
  const message = resultMessage(task, (path) => store.refOf(path))!;
  const drifts = await findDrift(store, evidenceOf(task));
  return drifts.length === 0 ? message : { ...message, drift: drifts.map(describeDrift) };
}
