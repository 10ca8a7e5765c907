import { AgentqError } from '../../core/errors.ts';
import type { TaskIn } from '../../core/task/task.ts';
import { applyCommand } from '../change/apply-command.ts';
import type { Services } from '../workspace/services.ts';

/**
 * Delivers a task that was just claimed to its worker, or releases it. Without the release, an undelivered claim would
 * hold the task until the end of its lease.
 * @param hand delivers the task; resolves to whether the worker has received it; may throw
 * @throws AgentqError `storage` if the worker has not received it; errors of `hand`, after the release
 */
export async function handOver(
  services: Services,
  task: TaskIn<'working'>,
  hand: () => Promise<boolean>,
): Promise<void> {
  try {
    if (await hand()) return;
  } catch (error) {
    const { code, message, hint } = error as AgentqError;
    const became = await giveBack(services, task, message);
    if (!(error instanceof AgentqError)) throw error;
    throw new AgentqError(code, `${message}; ${became}`, hint, error);
  }
  const became = await giveBack(services, task, 'it could not be printed');
  throw new AgentqError('storage', `the claim could not be printed; ${became}`);
}

/** @returns the new status of the task, as text for people */
async function giveBack(services: Services, { id, envelope, lease }: TaskIn<'working'>, why: string): Promise<string> {
  const { attempt, expires_at } = lease;
  try {
    await applyCommand(services, id, { type: 'release', by: envelope.to, attempt, reason: `its claim failed: ${why}` });
    return `${id} was returned to the queue`;
  } catch (error) {
    const until = new Date(expires_at).toISOString();
    return `${id} is held until ${until}, because it could not be returned to the queue: ${(error as Error).message}`;
  }
}
