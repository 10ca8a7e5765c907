import * as z from 'zod/mini';
import { loggedEnvelope } from './envelope.ts';
import { Evidence } from './evidence.ts';
import { moment } from './moment-form.ts';
import type { Task } from './task.ts';
import { isTask } from './task-form.ts';

/**
 * The events of the log, version 1. A change that an older reader would misread takes a new version; a new
 * optional field does not. `at` is when it happened by the clock of whoever wrote it, in ms since 1970.
 */
const event = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ v: z.literal(1), type: z.literal(type), task_id: z.string(), at: moment(), ...shape });

const text = z.optional(z.string());
const attempt = z.int();
const by = z.string();

export const Event = z.discriminatedUnion('type', [
  event('submitted', {
    envelope: loggedEnvelope(),
    context: z.optional(Evidence),
    due_at: z.optional(moment()),
    /** Of the role, where the envelope says none. */
    max_attempts: z.optional(z.int()),
    /** In a store that was restored: its attempts are numbered above this. */
    attempts_above: z.optional(z.int()),
  }),
  event('became-due', {}),
  event('expired', {}),
  event('claimed', { attempt, worker: z.string(), expires_at: moment() }),
  event('renewed', { attempt, expires_at: moment(), percent: z.optional(z.number()), note: text }),
  event('lease-expired', { attempt, final: z.boolean() }),
  event('released', { attempt, by, reason: z.string(), retry_at: z.optional(moment()) }),
  event('attempt-failed', {
    attempt,
    by,
    reason: z.string(),
    artifacts: z.array(Evidence),
    /** null: there is no further attempt. */
    retry_at: z.nullable(moment()),
  }),
  event('completed', {
    attempt,
    by,
    summary: text,
    result: z.optional(Evidence),
    /** Where a worker that is not ours says that its result lies: nobody has hashed it. */
    result_ref: text,
    artifacts: z.array(Evidence),
  }),
  event('cancelled', { by, reason: text }),
  event('stopped', { attempt, by }),
  event('retried', { by }),
  event('dismissed', { by }),
  /** The store was restored from a backup. Its lease ends at no cost, and its attempts are numbered above this from now on. */
  event('restored', { epoch: z.int(), attempts_above: z.int() }),
  /** A task that is still open, as it is, said again before the log forgets its beginning. Of a task that is known it says nothing new. */
  event('carried', { task: z.custom<Task>(isTask) }),
  /** A change that was refused and is worth remembering. It alters nothing but the count of refusals. */
  event('refused', { command: z.string(), by, attempt: z.optional(z.int()), reason: z.string() }),
]);
export type Event = z.infer<typeof Event>;
export type EventType = Event['type'];
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;

type Bare<E> = E extends Event ? Omit<E, 'v' | 'task_id' | 'at'> : never;
/** What happened, without whom it concerns and when. */
export type BareEvent = Bare<Event>;
