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
  if (monotonic() >= deadline) return (await backend.claim(request)).task;
  using watch = backend.watch({ role: request.role });
  for (;;) {
    const claimed = await backend.claim(request);
    if (claimed.task) return claimed.task;
    if (monotonic() >= deadline || signal?.aborted) return undefined;
    await watch.wait(patience(services, claimed.next_due, deadline), signal);
  }
}
