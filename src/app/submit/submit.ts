import { extname } from 'node:path';
import type { ArtifactStore, Piece, Stored } from '../../artifacts/store.ts';
import type { CommandOf } from '../../core/task/decision/command.ts';
import type { TaskRequest } from '../../backend/backend.ts';
import { checkEnvelopeSize, type Envelope } from '../../core/envelope/envelope.ts';
import { AgentqError, type ErrorCode, isAway, MayTakeEffect } from '../../core/errors.ts';
import { checkName } from '../../core/identifiers.ts';
import { resultsQueue } from '../../core/envelope/reply-to.ts';
import type { Submission } from '../../core/envelope/submission.ts';
import type { Task } from '../../core/task/task.ts';
import { checkSource, type LocalSource } from '../../files/source-file.ts';
import { rolePolicy } from '../workspace/config.ts';
import { applyCommand } from '../change/apply-command.ts';
import { refuseUnnamedRole } from '../names/role-check.ts';
import type { Services } from '../workspace/services.ts';
import { findSecretInFile, refuseSecretFields } from './submission-secrets.ts';
import { contextPath, placeOf } from '../evidence/evidence-paths.ts';
import { takeBack } from '../evidence/take-back.ts';

export interface Draft {
  readonly submission: Submission;
  readonly context?: LocalSource;
  readonly allowSecret: boolean;
  /** Whether to save it in the outbox during an outage. */
  readonly offlineOk?: boolean | undefined;
}

export type Submitted = {
  readonly task: Task;
  readonly warnings: readonly string[];
} & (
  | {
      readonly kept: false;
      /** False if the same task already existed. */
      readonly created: boolean;
    }
  /** It waits in the outbox during an outage. The queue has not yet said whether the same task already existed. */
  | { readonly kept: true }
);

export async function submit(services: Services, draft: Draft): Promise<Submitted> {
  const prepared = await prepare(services, draft);
  const request = await keep(services, prepared);
  const { task_id, command, warnings } = request;
  try {
    const { task, changed } = await applyCommand(services, task_id, command);
    if (!changed) await takeBackContext(services, request);
    else await keepAgain(services, prepared, request);
    return { task, created: changed, kept: false, warnings };
  } catch (error) {
    if (isAway(error) && draft.offlineOk) {
      const { submitLater } = await import('./submit-later.ts');
      return { task: submitLater(services, task_id, command), kept: true, warnings };
    }
    if (isAway(error)) throw error;
    await (isRefused(error) ? takeBackUnheard(services, [request]) : takeBackContext(services, request));
    throw error;
  }
}

/** A valid submission, before any part of it is stored. */
export interface Prepared {
  readonly envelope: Envelope;
  readonly context?: LocalSource | undefined;
  /** The path of the context if it lies in the staging folder. */
  readonly place?: string | undefined;
  /** Whether the id was created for this submit. */
  readonly fresh: boolean;
}

/** Checks a draft and adds the defaults. It stores nothing, so that an invalid row of a batch leaves no files. */
export async function prepare(services: Services, { submission, context, allowSecret }: Draft): Promise<Prepared> {
  await refuseUnnamedRole(services, submission.to);
  if (!allowSecret) await refuseSecretFields(submission);
  const place = context && 'file' in context ? services.store.staging.pathOf(context.file) : undefined;
  const chosen = await chooseId(submission, place);
  const task_id = chosen ?? services.newId();
  const from = submission.from!;
  const envelope: Envelope = { ...submission, task_id, from, reply_to: submission.reply_to ?? resultsQueue(from) };
  if (!context && !envelope.instructions?.trim() && envelope.context_ref === undefined) {
    throw new AgentqError(
      'usage',
      'the task has no instructions and no context',
      'give --instructions TEXT or --file PATH',
    );
  }
  checkEnvelopeSize(envelope);
  if (context && 'file' in context) checkSource(context);
  return { envelope, context, place, fresh: chosen === undefined };
}

/** The request to the backend, and the file that was stored for it. */
export interface StagedSubmit extends TaskRequest {
  readonly command: CommandOf<'submit'>;
  readonly stored?: Stored | undefined;
  readonly warnings: readonly string[];
}

/** Stores the context, if there is one. This is the last step before the request to the backend. */
export async function keep(services: Services, { envelope, context, place, fresh }: Prepared): Promise<StagedSubmit> {
  const { store, workspace } = services;
  const task_id = envelope.task_id;
  const max_attempts = rolePolicy(workspace.config, envelope.to).maxAttempts;
  if (!context) return { task_id, command: { type: 'submit', envelope, max_attempts, fresh }, warnings: [] };
  const stored = await keepContext(store, task_id, context, place);
  const { evidence } = stored;
  const named = { ...envelope, context_ref: store.refOf(evidence.path) };
  return {
    task_id,
    command: { type: 'submit', envelope: named, context: evidence, max_attempts, fresh },
    stored,
    warnings: await searchForSecret(stored),
  };
}

/**
 * For a submit that was refused because its id belongs to another task. It is then certain which context is recorded.
 */
export async function takeBackContext(services: Services, { task_id, stored }: StagedSubmit): Promise<void> {
  if (!stored) return;
  const pruned = await services.backend.pruned(task_id);
  await takeBack(services, task_id, [stored], (task) => task !== undefined || pruned !== undefined);
}

/**
 * For submits that certainly had no effect, whether or not a task with their id exists. It never throws, because the
 * original error must be reported, and a remaining file does no harm.
 */
export async function takeBackUnheard(services: Services, requests: Iterable<StagedSubmit>): Promise<void> {
  try {
    for (const { task_id, stored } of requests) await takeBack(services, task_id, stored ? [stored] : [], () => true);
  } catch {
    // A context without a task remains.
  }
}

/** Whether the queue has refused a submit before it could have any effect. */
export function isRefused(error: unknown): boolean {
  const refusals: readonly ErrorCode[] = ['topology', 'denied', 'too-large', 'invalid-name'];
  return error instanceof AgentqError && !(error instanceof MayTakeEffect) && refusals.includes(error.code);
}

/**
 * For an accepted submit whose context was already stored. Another submit with the same id may have stored the context,
 * been refused, and removed it meanwhile.
 */
export async function keepAgain(
  { store }: Services,
  { context, place }: Prepared,
  { task_id, stored }: StagedSubmit,
): Promise<void> {
  if (!context || !stored || stored.created || isContext(place)) return;
  if (await store.check(stored.evidence)) await keepContext(store, task_id, context, place);
}

/** The name of a file in the store's own tasks/ folder, else `task_id`, else the key's; undefined for a new id. */
async function chooseId(submission: Submission, place: string | undefined): Promise<string | undefined> {
  const inTasks = isContext(place) ? placeOf(place)?.id : undefined;
  const named = inTasks === undefined ? undefined : checkName('task id', inTasks);
  const { task_id, idempotency_key } = submission;
  if (named !== undefined && task_id !== undefined && named !== task_id) {
    throw new AgentqError(
      'usage',
      `the file name contains the id ${named}, but the given id is ${task_id}`,
      'omit the id',
    );
  }
  const id = named ?? task_id;
  if (id !== undefined && idempotency_key !== undefined) {
    throw new AgentqError('usage', `${id} already makes the submit idempotent`, 'omit --idempotency-key');
  }
  if (id !== undefined) return id;
  if (idempotency_key === undefined) return undefined;
  const { taskIdOfKey } = await import('../../core/envelope/idempotency-key.ts');
  return taskIdOfKey(idempotency_key);
}

/** Whether a file is already in the folder of contexts. @param path in the store; undefined for any other file */
function isContext(path: string | undefined): path is string {
  return path !== undefined && placeOf(path)?.kind === 'context';
}

async function keepContext(
  store: ArtifactStore,
  id: string,
  context: LocalSource,
  place: string | undefined,
): Promise<Stored> {
  const [stored] = await store.put([{ name: 'context', ...contextPlace(id, context, place) }]);
  return stored!;
}

/** A file in the store's own tasks/ folder keeps its name. */
function contextPlace(id: string, context: LocalSource, place: string | undefined): Pick<Piece, 'path' | 'source'> {
  if (isContext(place)) return { path: place, source: { staged: place } };
  const extension =
    'file' in context && /^\.[A-Za-z0-9]{1,16}$/.test(extname(context.file)) ? extname(context.file) : '.md';
  return { path: contextPath(id, extension), source: context };
}

async function searchForSecret({ evidence: { path }, file }: Stored): Promise<string[]> {
  const found = await findSecretInFile(file);
  return found === undefined
    ? []
    : [`${path} seems to contain ${found}: all users with access to the store can read it`];
}
