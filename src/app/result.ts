import { lstatSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeDrift } from '../artifacts/store.ts';
import { AgentqError } from '../core/errors.ts';
import type { Evidence } from '../core/evidence.ts';
import type { TaskIn } from '../core/task.ts';
import { findTask } from './obey.ts';
import type { Services } from './services.ts';
import { refuseLarger } from './text-file.ts';
import { findDrift } from './verify.ts';

export interface VerifiedResult {
  readonly task: TaskIn<'completed'>;
  /** The result file's content; absent where the worker gave a summary alone. */
  readonly content?: Buffer;
  /** Whether nobody has hashed the content: its worker was not ours. */
  readonly unverified?: boolean;
}

/**
 * The result of a completed task, after a look at every file that the completion vouched for.
 * @param most the most bytes of content that the caller can take
 * @throws AgentqError `drift` that names each file that is not what was recorded; `failed`, `cancelled`,
 *   `expired` for a task that ended so; `not-finished`; `not-found`; `storage` where the store is not there;
 *   `too-large` where there is more content than that
 */
export async function readResult(services: Services, id: string, most = Infinity): Promise<VerifiedResult> {
  const task = await findTask(services, id);
  switch (task.status) {
    case 'completed': {
      const drifts = await findDrift(services.store, vouchedFor(task));
      if (drifts.length > 0) {
        services.store.attend();
        throw new AgentqError(
          'drift',
          `${id}: ${drifts.map(describeDrift).join('; ')}`,
          'do not trust it: agentq doctor',
        );
      }
      const { result, result_ref } = task.completion;
      if (result) {
        refuseResult(id, result.size, most);
        return { task, content: await services.store.read(result) };
      }
      return {
        task,
        ...(result_ref !== undefined && { ...readForeign(services, id, result_ref, most), unverified: true }),
      };
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

function refuseResult(id: string, size: number, most: number): void {
  refuseLarger(
    size,
    most,
    `the result of ${id}`,
    `agentq result ${id} prints it as it is; agentq show ${id} names its file`,
  );
}

/** What the result rests on: not the logs of attempts that failed before. */
function vouchedFor({ context, completion: { result, artifacts } }: TaskIn<'completed'>): readonly Evidence[] {
  return [...(context ? [context] : []), ...(result ? [result] : []), ...artifacts];
}

/**
 * What a worker that is not ours says is its result. Only a file of the store is read: it could name any file, and
 * whoever asks may read files that are none of its business.
 */
function readForeign({ store }: Services, id: string, ref: string, most: number): { readonly content?: Buffer } {
  try {
    const file = fileURLToPath(ref);
    const path = store.pathOf(file);
    const stat = path === undefined ? undefined : lstatSync(store.locate(path));
    if (path === undefined || !stat?.isFile()) return {};
    refuseResult(id, stat.size, most);
    return { content: readFileSync(store.locate(path)) };
  } catch (error) {
    if (error instanceof AgentqError && error.code === 'too-large') throw error;
    return {};
  }
}
