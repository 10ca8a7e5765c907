import type { Claimed, ClaimRequest } from '../../backend/backend.ts';
import { patience, type Services } from '../workspace/services.ts';

/**
 * Claims the next ready task of a role, waiting for one until the deadline (by the monotonic clock).
 * @returns the task; or none, and why a ready one was left out if it waits for a budget
 */
export async function claim(
  services: Services,
  request: ClaimRequest,
  deadline: number,
  signal?: AbortSignal,
): Promise<Claimed> {
  const { backend, monotonic } = services;
  // A watch costs more than a claim, and is not needed if a task is ready.
  const first = await backend.claim(request);
  if (first.task || monotonic() >= deadline) return first;
  using watch = backend.watch({ role: request.role });
  for (;;) {
    const claimed = await backend.claim(request);
    if (claimed.task || monotonic() >= deadline || signal?.aborted) return claimed;
    await watch.wait(patience(services, claimed.next_due, deadline), signal);
  }
}
