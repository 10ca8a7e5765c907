import * as z from 'zod/mini';
import { costForm } from '../cost.ts';
import { loggedEnvelope } from '../envelope/envelope.ts';
import { Evidence } from '../evidence/evidence.ts';
import { moment } from '../moment-form.ts';

/** Created when a task is first read, because few commands find one in the log. */
let form: z.ZodMiniType | undefined;

/** Whether a JSON value is a valid task, as in a `carried` entry of the log. */
export function isTask(value: unknown): boolean {
  form ??= taskForm();
  return form.safeParse(value).success && isCoherent(value as Numbered);
}

interface Numbered {
  readonly id: string;
  readonly status: string;
  readonly envelope: { readonly task_id: string };
  readonly forgiven: number;
  readonly attempts: readonly { readonly number: number; readonly outcome?: string }[];
  readonly lease?: { readonly attempt: number };
}

/** Attempts have ascending numbers, and only the attempt that holds the lease is open. */
function isCoherent({ id, status, envelope, forgiven, attempts, lease }: Numbered): boolean {
  const last = attempts.at(-1);
  const open = attempts.filter(({ outcome }) => outcome === undefined);
  const ascending = attempts.every(({ number }, i) => number > (attempts[i - 1]?.number ?? 0));
  const held = status === 'working' ? open.length === 1 && open[0] === last : open.length === 0;
  const leased = status !== 'working' || lease?.attempt === last?.number;
  return envelope.task_id === id && ascending && held && leased && forgiven <= attempts.length;
}

function taskForm(): z.ZodMiniType {
  const text = z.optional(z.string());
  const count = z.int().check(z.gte(0));
  const facts = {
    id: z.string(),
    envelope: loggedEnvelope(),
    original: z.optional(loggedEnvelope()),
    context: z.optional(Evidence),
    submitted_at: moment(),
    max_attempts: z.optional(z.number()),
    updated_at: moment(),
    attempts: z.array(attemptForm()),
    forgiven: count,
    redone: z.optional(
      z.array(z.object({ at: moment(), by: z.string(), reason: z.string(), completion: completionForm() })),
    ),
    refused: count,
  };
  const status = <T extends string, S extends z.core.$ZodLooseShape>(name: T, shape: S) =>
    z.object({ ...facts, status: z.literal(name), ...shape });
  return z.discriminatedUnion('status', [
    status('scheduled', { due_at: moment(), why: z.enum(['delay', 'backoff']) }),
    status('queued', { ready_at: moment() }),
    status('working', {
      lease: z.object({
        attempt: z.int(),
        worker: z.string(),
        expires_at: moment(),
        seconds: z.optional(z.number()),
      }),
      progress: z.optional(z.object({ percent: z.optional(z.number()), note: text, at: moment() })),
    }),
    status('completed', {
      completion: completionForm(),
    }),
    status('failed', { failed_at: moment(), reason: z.string(), dismissed_at: z.optional(moment()) }),
    status('expired', {
      expired_at: moment(),
      recorded_at: z.optional(moment()),
      dismissed_at: z.optional(moment()),
    }),
    status('cancelled', { cancelled_at: moment(), by: z.string(), reason: text, stopped_at: z.optional(moment()) }),
  ]);
}

function completionForm() {
  const text = z.optional(z.string());
  return z.object({
    attempt: z.int(),
    by: z.string(),
    at: moment(),
    summary: text,
    result: z.optional(Evidence),
    result_ref: text,
    artifacts: z.array(Evidence),
    empty: z.optional(z.boolean()),
  });
}

function attemptForm() {
  const begun = {
    number: z.int().check(z.gte(1)),
    worker: z.string(),
    started_at: moment(),
    cost: z.optional(costForm()),
  };
  const outcome = z.enum(['completed', 'failed', 'lease-expired', 'released', 'deferred', 'cancelled']);
  const ended = { outcome, ended_at: moment(), reason: z.optional(z.string()) };
  return z.union([
    z.object({ ...begun, ...ended, artifacts: z.optional(z.array(Evidence)) }),
    z.object({ ...begun, outcome: z.optional(z.undefined()) }),
  ]);
}
