import type { Stored } from '../artifacts/store.ts';
import { decide } from '../core/decide.ts';
import { AgentqError } from '../core/errors.ts';
import { INSISTING, refuseSecret } from '../core/secrets.ts';
import type { Task } from '../core/task.ts';
import {
  broughtArtifacts,
  broughtResult,
  ownResult,
  type NamedFile,
  storeBrought,
  unread,
} from './brought-evidence.ts';
import { findTask, obey } from './obey.ts';
import type { Services } from './services.ts';
import { takeBack } from './take-back.ts';

export interface CompleteRequest {
  readonly id: string;
  readonly by: string;
  readonly attempt?: number | undefined;
  readonly summary?: string | undefined;
  /** A file of the local disk; where none is named, what lies in the attempt's own place. */
  readonly resultFile?: string | undefined;
  readonly artifacts: readonly NamedFile[];
  readonly allowSecret: boolean;
}

/**
 * Records the outcome of an attempt: first the evidence, durably in its place, then the event that names it. A
 * completion that can't be accepted is refused before anything of it is stored.
 */
export async function complete(
  services: Services,
  request: CompleteRequest,
): Promise<{ task: Task; changed: boolean }> {
  const { id, by, attempt, summary, resultFile } = request;
  if (!request.allowSecret) refuseSecret(summary, 'the summary', INSISTING);
  const { store } = services;
  const task = await findTask(services, id);
  const own = attempt ?? (task.attempts.at(-1)?.number || 1);
  const artifacts = await broughtArtifacts(store, id, own, request.artifacts);
  const given = resultFile ?? ownResult(store, id, own);
  const result = given === undefined ? undefined : await broughtResult(store, id, own, given);
  const spoken = { type: 'complete', by, attempt, ...(summary !== undefined && { summary }) } as const;

  // What a completed task says depends on the content of the evidence; all else can be said at once.
  if (task.status !== 'completed') {
    const outlook = { now: services.clock(), random: () => 0 };
    const { refusal } = decide(task, { ...spoken, artifacts: artifacts.map(unread) }, outlook);
    if (refusal?.code === 'conflict' || refusal?.code === 'cancelled') {
      const command = { type: 'note-refusal', of: 'complete', by, attempt, reason: refusal.message } as const;
      await services.backend.commit([{ task_id: id, command }]);
    }
    if (refusal) throw AgentqError.of(refusal);
  }

  const stored: Stored[] = [];
  try {
    for (const one of artifacts) stored.push(await storeBrought(store, one));
    const evidence = stored.map((one) => one.evidence);
    if (result) stored.push(await storeBrought(store, result));
    const kept = result && { result: stored.at(-1)!.evidence };
    return await obey(services, id, { ...spoken, ...kept, artifacts: evidence });
  } catch (error) {
    await takeBack(services, id, stored, ({ status }) => status === 'completed');
    throw error;
  }
}
