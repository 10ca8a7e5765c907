import { AgentqError } from '../core/errors.ts';
import type { TaskIn } from '../core/task/task.ts';
import { applyCommand } from './apply-command.ts';
import type { Services } from './workspace/services.ts';

/**
 * Hands a task that was just claimed to its worker, or gives it back: a claim that its worker does not hear of would
 * hold the task until the end of its lease.
 * @param hand resolves to whether the worker has it; may throw
 * @throws AgentqError `storage` where the worker has not heard of it; what `hand` throws, once the task is given back
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

/** @returns what has become of the task, for people */
async function giveBack(services: Services, { id, envelope, lease }: TaskIn<'working'>, why: string): Promise<string> {
  const { attempt, expires_at } = lease;
  try {
    await applyCommand(services, id, { type: 'release', by: envelope.to, attempt, reason: `its claim failed: ${why}` });
    return `${id} was given back`;
  } catch (error) {
    const until = new Date(expires_at).toISOString();
    return `${id} is held until ${until}, since it could not be given back: ${(error as Error).message}`;
  }
}
