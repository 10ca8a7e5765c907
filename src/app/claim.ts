import type { ClaimRequest } from '../backend/backend.ts';
import type { TaskIn } from '../core/task/task.ts';
import { patience, type Services } from './workspace/services.ts';

/**
 * Claims the next ready task of a role, waiting for one until the deadline (by the monotonic clock).
 * @returns undefined if there was none
 */
export async function claim(
  services: Services,
  request: ClaimRequest,
  deadline: number,
  signal?: AbortSignal,
): Promise<TaskIn<'working'> | undefined> {
  const { backend, monotonic } = services;
  // A watch costs more than a claim, and is not needed if a task is ready.
  const first = await backend.claim(request);
  if (first.task || monotonic() >= deadline) return first.task;
  using watch = backend.watch({ role: request.role });
  for (;;) {
    const claimed = await backend.claim(request);
    if (claimed.task) return claimed.task;
    if (monotonic() >= deadline || signal?.aborted) return undefined;
    await watch.wait(patience(services, claimed.next_due, deadline), signal);
  }
}
