import { describeDrift } from '../artifacts/store.ts';
import { AgentqError } from '../core/errors.ts';
import type { Evidence } from '../core/evidence.ts';
import type { TaskIn } from '../core/task.ts';
import { findTask } from './obey.ts';
import type { Services } from './services.ts';
import { findDrift } from './verify.ts';

export interface VerifiedResult {
  readonly task: TaskIn<'completed'>;
  /** The result file's content; absent where the worker gave a summary alone. */
  readonly content?: Buffer;
}

/**
 * The result of a completed task, after a look at every file that the completion vouched for.
 * @throws AgentqError `drift` that names each file that is not what was recorded; `failed`, `cancelled`,
 *   `expired` for a task that ended so; `not-finished`; `not-found`
 */
export async function readResult(services: Services, id: string): Promise<VerifiedResult> {
  const task = await findTask(services, id);
  switch (task.status) {
    case 'completed': {
      const drifts = await findDrift(services.store, vouchedFor(task));
      if (drifts.length > 0) {
        throw new AgentqError(
          'drift',
          `${id}: ${drifts.map(describeDrift).join('; ')}`,
          'do not trust it: agentq doctor',
        );
      }
      const { result } = task.completion;
      return result ? { task, content: await services.store.read(result) } : { task };
    }
    case 'failed':
      throw new AgentqError('failed', `${id} failed: ${task.reason}`, `agentq dlq show ${id}`);
    case 'cancelled':
      throw new AgentqError('cancelled', `${id} was cancelled by ${task.by}`);
    case 'expired':
      throw new AgentqError('expired', `${id} expired before anybody started it`, `agentq dlq retry ${id}`);
    default:
      throw new AgentqError('not-finished', `${id} is ${task.status} and has no result yet`, `agentq wait ${id}`);
  }
}

/** What the result rests on: not the logs of attempts that failed before. */
function vouchedFor({ context, completion: { result, artifacts } }: TaskIn<'completed'>): readonly Evidence[] {
  return [...(context ? [context] : []), ...(result ? [result] : []), ...artifacts];
}
