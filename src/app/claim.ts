import type { ClaimRequest } from '../backend/backend.ts';
import type { TaskIn } from '../core/task.ts';
import { patience, type Services } from './services.ts';

/**
 * Claims the next ready task of a role, waiting for one until the deadline (ms since 1970).
 * @returns undefined where none came
 */
export async function claim(
  { backend, clock }: Services,
  request: ClaimRequest,
  deadline: number,
  signal?: AbortSignal,
): Promise<TaskIn<'working'> | undefined> {
  if (clock() >= deadline) return (await backend.claim(request)).task;
  using watch = backend.watch({ role: request.role });
  for (;;) {
    const claimed = await backend.claim(request);
    if (claimed.task) return claimed.task;
    const now = clock();
    if (now >= deadline || signal?.aborted) return undefined;
    await watch.wait(patience(now, claimed.next_due, deadline), signal);
  }
}
