import { fileURLToPath } from 'node:url';
import { type Content, describeDrift } from '../artifacts/store.ts';
import { AgentqError } from '../core/errors.ts';
import type { Evidence } from '../core/evidence/evidence.ts';
import type { TaskIn } from '../core/task/task.ts';
import { MAX_JSON_RESULT_BYTES } from '../core/limits.ts';
import { findTask } from './apply-command.ts';
import type { Services } from './workspace/services.ts';
import { refuseLarger } from './workspace/text-file.ts';
import { findDrift } from './evidence/verify.ts';

export interface VerifiedResult {
  readonly task: TaskIn<'completed'>;
  /** Absent where the worker gave a summary alone. */
  readonly content?: Content;
  /** Whether nobody has hashed the content: its worker was not ours. */
  readonly unverified?: boolean;
}

/**
 * The result of a completed task, after a look at every file that the completion vouched for.
 * @throws AgentqError `drift` that names each file that is not what was recorded; `failed`, `cancelled`,
 *   `expired` for a task that ended so; `not-finished`; `not-found`; `storage` where the store is not there
 */
export async function readResult(services: Services, id: string): Promise<VerifiedResult> {
  const { store } = services;
  const task = await findTask(services, id);
  switch (task.status) {
    case 'completed': {
      const drifts = await findDrift(store, vouchedFor(task));
      if (drifts.length > 0) {
        store.attend();
        throw new AgentqError(
          'drift',
          `${id}: ${drifts.map(describeDrift).join('; ')}`,
          'do not trust it: agentq doctor',
        );
      }
      const { result, result_ref } = task.completion;
      if (result) return { task, content: { size: result.size, readInto: (take) => store.readInto(result, take) } };
      if (result_ref === undefined) return { task };
      const content = foreignContent(services, result_ref);
      return { task, ...(content && { content }), unverified: true };
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

/**
 * The content as a whole.
 * @throws AgentqError `too-large` where it has more bytes than can be held
 */
export async function wholeContent(id: string, { size, readInto }: Content): Promise<Buffer> {
  const hint = `agentq result ${id} > FILE writes it as it is; agentq show ${id} names its file`;
  refuseLarger(size, MAX_JSON_RESULT_BYTES, `the result of ${id}`, hint);
  const pieces: Uint8Array[] = [];
  await readInto((bytes) => pieces.push(bytes));
  return Buffer.concat(pieces);
}

/** What the result rests on: not the logs of attempts that failed before. */
function vouchedFor({ context, completion: { result, artifacts } }: TaskIn<'completed'>): readonly Evidence[] {
  return [...(context ? [context] : []), ...(result ? [result] : []), ...artifacts];
}

/**
 * What a worker that is not ours says is its result. Only a file of the store is read: it could name any file, and
 * whoever asks may read files that are none of its business.
 */
function foreignContent({ store }: Services, ref: string): Content | undefined {
  try {
    const path = store.pathOf(fileURLToPath(ref));
    return path === undefined ? undefined : store.unrecorded(path);
  } catch {
    return undefined;
  }
}
