import type { Content } from '../artifacts/store.ts';
import { AgentqError } from '../core/errors.ts';
import type { Evidence } from '../core/evidence/evidence.ts';
import type { TaskIn } from '../core/task/task.ts';
import { MAX_JSON_RESULT_BYTES } from '../core/limits.ts';
import { findTask } from './change/apply-command.ts';
import type { Services } from './workspace/services.ts';
import { refuseLarger } from './workspace/text-file.ts';
import { driftError, fetchEvidence, findDrift } from './evidence/verify.ts';

export interface VerifiedResult {
  readonly task: TaskIn<'completed'>;
  /** Absent if there is no file to print: the worker gave only a summary, or several artifacts. */
  readonly content?: Content;
  /** The artifact that has this content; absent if it is that of the result. */
  readonly artifact?: Evidence;
  /** Whether the content has no recorded hash, because it comes from a third-party worker. */
  readonly unverified?: boolean;
}

/**
 * The result of a completed task, after a check of every file in its completion. A task with one artifact and no result
 * has the content of the artifact.
 * @param named the artifact whose content to return instead
 * @throws AgentqError `drift`, naming each file that does not match its record; `failed`, `cancelled` or `expired` for
 *   a task with that status; `not-finished`; `not-found`, also for an unknown artifact; `storage` if the store is missing
 */
export async function readResult(services: Services, id: string, named?: string): Promise<VerifiedResult> {
  const { store } = services;
  const task = await findTask(services, id);
  switch (task.status) {
    case 'completed': {
      const drifts = await findDrift(store, vouchedFor(task));
      if (drifts.length > 0) {
        await store.attend();
        throw driftError(task, drifts);
      }
      const { result, result_ref } = task.completion;
      const isResult = named === RESULT && (result !== undefined || result_ref !== undefined);
      const artifact = named === undefined || isResult ? undefined : namedArtifact(task, named);
      if (artifact) return { task, content: recordedContent(services, artifact), artifact };
      if (result) return { task, content: recordedContent(services, result) };
      if (result_ref === undefined) {
        const [only, ...others] = deliverables(task);
        if (!only || others.length > 0) return { task };
        return { task, content: recordedContent(services, only), artifact: only };
      }
      // The file of a third-party worker is read only from the store: the worker could name any file, and the user of
      // this command may have access to files that the worker must not publish.
      const content = await store.unrecorded(result_ref);
      return { task, ...(content && { content }), unverified: true };
    }
    case 'failed':
      throw new AgentqError('failed', `${id} failed: ${task.reason}`, `agentq dlq show ${id}`);
    case 'cancelled':
      throw new AgentqError('cancelled', `${id} was cancelled by ${task.by}`);
    case 'expired':
      throw new AgentqError('expired', `${id} expired before a worker started it`, `agentq dlq retry ${id}`);
    default:
      throw new AgentqError('not-finished', `${id} is ${task.status} and has no result yet`, `agentq wait ${id}`);
  }
}

/** The result file, if there is one, can be named like an artifact. */
const RESULT = 'result';

/** The artifacts that the worker has delivered: the log of its child is not one of them. */
export function deliverables({ completion: { artifacts } }: TaskIn<'completed'>): readonly Evidence[] {
  return artifacts.filter(({ name }) => name !== 'log');
}

function namedArtifact(task: TaskIn<'completed'>, named: string): Evidence {
  const artifact = task.completion.artifacts.find(({ name }) => name === named);
  if (!artifact) throw unknownArtifact(task, named);
  return artifact;
}

function unknownArtifact({ id, completion }: TaskIn<'completed'>, named: string): AgentqError {
  const names = [...(completion.result ? [RESULT] : []), ...completion.artifacts.map(({ name }) => name)];
  const hint = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  return new AgentqError('not-found', `${id} has no artifact ${JSON.stringify(named)}`, hint);
}

/**
 * The content as a whole.
 * @throws AgentqError `too-large` if it is too large for memory
 */
export async function wholeContent(id: string, { size, readInto }: Content): Promise<Buffer> {
  const hint = `agentq result ${id} > FILE writes it as it is; agentq show ${id} names its file`;
  refuseLarger(size, MAX_JSON_RESULT_BYTES, `the result of ${id}`, hint);
  const pieces: Uint8Array[] = [];
  await readInto((bytes) => pieces.push(bytes));
  return Buffer.concat(pieces);
}

/** The files of the result, without the logs of earlier failed attempts. */
function vouchedFor({ context, completion: { result, artifacts } }: TaskIn<'completed'>): readonly Evidence[] {
  return [...(context ? [context] : []), ...(result ? [result] : []), ...artifacts];
}

function recordedContent(services: Services, result: Evidence): Content {
  return { size: result.size, readInto: async (take) => void (await fetchEvidence(services, result, take)) };
}
