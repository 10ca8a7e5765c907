import type { Stored } from '../../artifacts/store.ts';
import type { CommandOf } from '../../core/task/decision/command.ts';
import { type Decision, decide } from '../../core/task/decision/decide.ts';
import { AgentqError, isAway, type Refusal } from '../../core/errors.ts';
import { type Cost, costField } from '../../core/cost.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import { deliversNothing } from '../../core/evidence/promise.ts';
import { isName } from '../../core/identifiers.ts';
import { INSISTING, refuseSecret } from '../../core/secrets/find-secret.ts';
import type { Task, TaskIn } from '../../core/task/task.ts';
import type { FileSource } from '../../files/source-file.ts';
import {
  hasLeftNothing,
  type PendingEvidence,
  keepEvidence,
  pendingArtifacts,
  pendingResult,
  ownerOf,
  ownResult,
  type NamedFile,
  unread,
} from '../evidence/pending-evidence.ts';
import { findTask, applyCommand } from './apply-command.ts';
import type { Services } from '../workspace/services.ts';
import { takeBack } from '../evidence/take-back.ts';

export interface CompleteRequest {
  readonly id: string;
  readonly by: string;
  readonly attempt?: number | undefined;
  readonly summary?: string | undefined;
  readonly cost?: Cost | undefined;
  /** A file on the local disk. If absent, the file that the attempt wrote in its own place. */
  readonly resultFile?: FileSource | undefined;
  readonly artifacts: readonly NamedFile[];
  /** Files of the attempt that are in the store already. They become artifacts as well. */
  readonly kept?: readonly Evidence[];
  /** Whether the task may be completed with nothing. */
  readonly allowEmpty?: boolean;
  readonly allowSecret: boolean;
  /** Receives a warning for each nearby file that is not recorded. */
  readonly warn: (line: string) => void;
}

/**
 * Records the outcome of an attempt: first it stores the evidence durably, then it records the event that names it. A
 * completion that cannot be accepted is refused before any file is stored.
 * @param known the task as the caller has claimed it: it saves a question while that lease is live
 */
export async function complete(
  services: Services,
  request: CompleteRequest,
  known?: TaskIn<'working'>,
): Promise<{ task: Task; changed: boolean }> {
  await check(services, request);
  // Without evidence, nothing has to be stored before the decision. So the backend alone decides.
  if (isWithoutEvidence(services, request)) {
    return applyCommand(services, request.id, {
      ...baseOf(request),
      artifacts: [],
      ...emptyOf(request, []),
    });
  }
  const live = known && known.lease.expires_at > services.backend.now;
  const task = live ? known : await findTask(services, request.id);
  const pending = findEvidence(services, task, request);

  // For a completed task, the decision depends on the content of the evidence. All other cases can be decided now.
  if (task.status !== 'completed') {
    const { refusal } = outlook(task, pending);
    if (refusal?.code === 'conflict' || refusal?.code === 'cancelled') {
      const { by, attempt } = request;
      const command = { type: 'note-refusal', of: 'complete', by, attempt, reason: refusal.message } as const;
      await services.backend.commit([{ task_id: task.id, command }]);
    }
    if (refusal) throw refused(refusal, pending);
  }

  const stored: Stored[] = [];
  try {
    return await applyCommand(services, task.id, await store(services, pending, stored));
  } catch (error) {
    // If the queue is not reachable, it may still have recorded the evidence.
    if (!isAway(error)) await takeBack(services, task.id, stored, (settled) => settled?.status === 'completed');
    throw error;
  }
}

/**
 * The same during an outage: returns the command for the outbox. The queue accepts or refuses it later.
 * @param task its last known state
 * @throws AgentqError with the refusal, if it is already certain
 */
export async function completeLater(
  services: Services,
  task: Task,
  request: CompleteRequest,
): Promise<CommandOf<'complete'>> {
  await check(services, request);
  const pending = findEvidence(services, task, request);
  const { refusal } = outlook(task, pending);
  if (refusal?.code === 'missing-artifacts') throw refused(refusal, pending);
  return store(services, pending, []);
}

/** The content of a completion, before any file is stored. */
interface Completing {
  readonly base: Pick<CommandOf<'complete'>, 'type' | 'by' | 'attempt' | 'summary' | 'cost' | 'empty'>;
  readonly artifacts: readonly PendingEvidence[];
  readonly result: PendingEvidence | undefined;
  /** Names the entries that were left out because they are not regular files. */
  readonly irregular: string | undefined;
}

/** @throws AgentqError `storage` if the store is not there; `secret` */
async function check({ store }: Services, { summary, artifacts, allowSecret }: CompleteRequest): Promise<void> {
  await store.attend();
  if (allowSecret) return;
  await refuseSecret(summary, 'the summary', INSISTING);
  for (const { name } of artifacts) await refuseSecret(name, 'the name of an artifact', INSISTING);
}

/** Whether a named attempt names no file and has left none. */
function isWithoutEvidence({ store }: Services, request: CompleteRequest): boolean {
  const { id, attempt, resultFile, artifacts, kept = [] } = request;
  if (attempt === undefined || resultFile || artifacts.length > 0 || kept.length > 0) return false;
  return isName('task id', id) && hasLeftNothing(store.staging, id, attempt);
}

function baseOf(request: CompleteRequest): Completing['base'] {
  const { by, attempt, summary } = request;
  return { type: 'complete', by, attempt, ...(summary !== undefined && { summary }), ...costField(request) };
}

/** @param pending the evidence; files that were kept before do not count */
function emptyOf(
  { allowEmpty, summary, kept = [] }: CompleteRequest,
  pending: readonly PendingEvidence[],
): Pick<CommandOf<'complete'>, 'empty'> {
  if (!allowEmpty) return {};
  const artifacts = pending.map(unread).filter(({ path }) => !kept.some((one) => one.path === path));
  return deliversNothing({ summary, artifacts }) ? { empty: true } : {};
}

function findEvidence({ store }: Services, task: Task, request: CompleteRequest): Completing {
  const { attempt, resultFile, kept = [], warn } = request;
  const number = attempt ?? (task.attempts.at(-1)?.number || 1);
  let irregular: string | undefined;
  const onIrregular = (line: string) => warn((irregular = line));
  const { staging } = store;
  const owner = ownerOf(staging, task, number, { kept, warn, onIrregular });
  const artifacts = pendingArtifacts(staging, owner, request.artifacts);
  const result = resultFile ? pendingResult(staging, owner, resultFile) : ownResult(staging, owner);
  return {
    base: { ...baseOf(request), ...emptyOf(request, [...artifacts, ...(result ? [result] : [])]) },
    artifacts,
    result,
    irregular,
  };
}

/** The error for a refusal. For a missing artifact, it says that a link or the like lies in its place. */
function refused(refusal: Refusal, { irregular }: Completing): AgentqError {
  if (refusal.code !== 'missing-artifacts' || irregular === undefined) return AgentqError.of(refusal);
  return AgentqError.of({ ...refusal, message: `${refusal.message}; ${irregular}` });
}

/**
 * The decision on the completion, as far as it is known before the evidence is read. The backend has just told the
 * state of the task: whether time has changed it is for the backend to decide.
 */
function outlook(task: Task, { base, artifacts, result }: Completing): Decision {
  const command = { ...base, artifacts: artifacts.map(unread), ...(result && { result: unread(result) }) };
  return decide(task, command, { now: task.updated_at, random: () => 0 });
}

/** Stores the evidence. @param stored receives each stored file, also if a later one fails */
async function store(
  services: Services,
  { base, artifacts, result }: Completing,
  stored: Stored[],
): Promise<CommandOf<'complete'>> {
  const evidence = await keepEvidence(services.store, [...artifacts, ...(result ? [result] : [])], stored);
  return {
    ...base,
    artifacts: evidence.slice(0, artifacts.length),
    ...(result && { result: evidence.at(-1)! }),
  };
}
