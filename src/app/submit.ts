import { readFileSync } from 'node:fs';
import { extname, parse } from 'node:path';
import type { ArtifactStore, Source, Stored } from '../artifacts/store.ts';
import { checkEnvelopeSize, type Envelope } from '../core/envelope.ts';
import { AgentqError } from '../core/errors.ts';
import type { Evidence } from '../core/evidence.ts';
import { checkName } from '../core/identifiers.ts';
import { resultsQueue } from '../core/reply-to.ts';
import { findSecret, INSISTING, refuseSecret } from '../core/secrets.ts';
import type { Submission } from '../core/submission.ts';
import type { Task } from '../core/task.ts';
import { rolePolicy } from './config.ts';
import { obey } from './obey.ts';
import type { Services } from './services.ts';

/** How much of a context file is searched for secrets, in bytes. */
const SEARCHED = 4 * 1024 * 1024;

export interface Draft {
  readonly submission: Submission;
  readonly context?: Source;
  readonly allowSecret: boolean;
}

export interface Submitted {
  readonly task: Task;
  /** False where the very same task was there already. */
  readonly created: boolean;
  readonly warnings: readonly string[];
}

export async function submit(services: Services, draft: Draft): Promise<Submitted> {
  const prepared = await prepare(services, draft);
  try {
    const { task_id, command } = submitRequest(services, prepared);
    const { task, changed } = await obey(services, task_id, command);
    return { task, created: changed, warnings: prepared.warnings };
  } catch (error) {
    if (prepared.context) await services.store.discard(prepared.context);
    throw error;
  }
}

export interface Prepared {
  readonly envelope: Envelope;
  /** Already stored; to be discarded where the submit is refused. */
  readonly context?: Stored | undefined;
  readonly warnings: readonly string[];
}

/** What the backend is asked, once the context is stored. */
export function submitRequest({ workspace }: Services, { envelope, context }: Prepared) {
  const max_attempts = rolePolicy(workspace.config, envelope.to).maxAttempts;
  const command = { type: 'submit', envelope, context: context?.evidence, max_attempts } as const;
  return { task_id: envelope.task_id, command };
}

/** Checks a draft, fills it in, and stores its context: all that comes before the queue hears of it. */
export async function prepare(services: Services, { submission, context, allowSecret }: Draft): Promise<Prepared> {
  if (!allowSecret) refuseSecret(submission.instructions, 'the instructions', INSISTING);
  const place = context && 'file' in context ? services.store.pathOf(context.file) : undefined;
  const id = await chooseId(services, submission, place);
  const from = submission.from!;
  const envelope: Envelope = {
    ...submission,
    task_id: id,
    from,
    reply_to: submission.reply_to ?? resultsQueue(from),
  };
  if (context === undefined) {
    if (!envelope.instructions?.trim() && envelope.context_ref === undefined) {
      throw new AgentqError('usage', 'the task says nothing to do', 'give --instructions TEXT or --file PATH');
    }
    checkEnvelopeSize(envelope);
    return { envelope, warnings: [] };
  }
  checkEnvelopeSize(envelope);
  const stored = await keepContext(services.store, id, context, place);
  const warnings = searchForSecret(services.store, stored.evidence);
  return {
    envelope: { ...envelope, context_ref: services.store.refOf(stored.evidence.path) },
    context: stored,
    warnings,
  };
}

/** The name of a file in the store's own tasks/ folder, else `task_id`, else the key's, else a fresh one. */
async function chooseId(services: Services, submission: Submission, place: string | undefined): Promise<string> {
  const inTasks = place !== undefined && /^tasks\/[^/]+$/.test(place);
  const named = inTasks ? checkName('task id', parse(place).name) : undefined;
  const { task_id, idempotency_key } = submission;
  if (named !== undefined && task_id !== undefined && named !== task_id) {
    throw new AgentqError(
      'usage',
      `the file's name gives the id ${named}, but the id is to be ${task_id}`,
      'leave the id out',
    );
  }
  const id = named ?? task_id;
  if (id !== undefined && idempotency_key !== undefined) {
    throw new AgentqError('usage', `${id} already makes the submit idempotent`, 'leave --idempotency-key out');
  }
  if (id !== undefined) return id;
  if (idempotency_key === undefined) return services.newId();
  const { taskIdOfKey } = await import('../core/idempotency-key.ts');
  return taskIdOfKey(idempotency_key);
}

async function keepContext(
  store: ArtifactStore,
  id: string,
  context: Source,
  place: string | undefined,
): Promise<Stored> {
  if (place?.startsWith('tasks/')) return { evidence: await store.adopt(place, 'context'), created: false };
  const extension =
    'file' in context && /^\.[A-Za-z0-9]{1,16}$/.test(extname(context.file)) ? extname(context.file) : '.md';
  return store.put(`tasks/${id}${extension}`, 'context', context);
}

function searchForSecret(store: ArtifactStore, evidence: Evidence): string[] {
  if (evidence.size > SEARCHED) return [];
  const found = findSecret(readFileSync(store.locate(evidence.path), 'utf8'));
  return found === undefined ? [] : [`${evidence.path} seems to hold ${found}: whoever may read the store can read it`];
}
