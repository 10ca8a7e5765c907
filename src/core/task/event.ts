import * as z from 'zod/mini';
import { costForm } from '../cost.ts';
import { loggedEnvelope } from '../envelope/envelope.ts';
import { priorities } from '../envelope/priority.ts';
import { Evidence } from '../evidence/evidence.ts';
import { moment } from '../moment-form.ts';
import type { Task } from './task.ts';
import { isTask } from './task-form.ts';

/**
 * The events of the log, version 1. A change that an older reader would misread needs a new version; a new optional
 * field does not. `at` is the time of the event by its author's clock, in ms since 1970.
 */
const event = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ v: z.literal(1), type: z.literal(type), task_id: z.string(), at: moment(), ...shape });

/** An event that agentq 0.1 must not pass over. */
const eventOfVersion2 = <T extends string, S extends z.core.$ZodLooseShape>(type: T, shape: S) =>
  z.object({ v: z.literal(2), type: z.literal(type), task_id: z.string(), at: moment(), ...shape });

const text = z.optional(z.string());
const attempt = z.int();
/** What the attempt has cost so far. It replaces what earlier events have reported. */
const cost = z.optional(costForm());
/** The log of the attempt, which 0.1 did not record. */
const log = z.optional(z.array(Evidence));
const by = z.string();

/** The fields of an envelope that can be edited. */
const edits = () =>
  z.object({
    to: z.optional(z.string()),
    priority: z.optional(z.enum(priorities)),
    instructions: text,
    ttl_seconds: z.optional(z.number()),
  });
export type Edits = z.infer<ReturnType<typeof edits>>;

export const Event = z.discriminatedUnion('type', [
  event('submitted', {
    envelope: loggedEnvelope(),
    context: z.optional(Evidence),
    due_at: z.optional(moment()),
    /** The setting of the role, used if the envelope has none. */
    max_attempts: z.optional(z.int()),
    /** Set in a restored store: attempts have higher numbers than this. */
    attempts_above: z.optional(z.int()),
  }),
  event('became-due', {}),
  event('expired', {
    /** When the end of the TTL was recorded; `at` is when it was due. Absent in events of older versions. */
    recorded_at: z.optional(moment()),
  }),
  event('claimed', {
    attempt,
    worker: z.string(),
    expires_at: moment(),
    /** The length of the lease. A renewal without a length has the same one. Version 0.1 did not write it. */
    lease_seconds: z.optional(z.number()),
    /** The priority by which it was found, if an edit may have changed it meanwhile. */
    priority: z.optional(z.enum(priorities)),
  }),
  event('renewed', { attempt, expires_at: moment(), percent: z.optional(z.number()), note: text, cost }),
  event('lease-expired', { attempt, final: z.boolean() }),
  event('released', { attempt, by, reason: z.string(), retry_at: z.optional(moment()), cost, artifacts: log }),
  event('attempt-failed', {
    attempt,
    by,
    reason: z.string(),
    artifacts: z.array(Evidence),
    /** null: there is no further attempt. */
    retry_at: z.nullable(moment()),
    cost,
  }),
  event('completed', {
    attempt,
    by,
    summary: text,
    result: z.optional(Evidence),
    /** The location of the result of a third-party worker, as reported by it. The file has no recorded hash. */
    result_ref: text,
    artifacts: z.array(Evidence),
    cost,
    /** Whether the worker delivered nothing. A log that its runner kept does not count. */
    empty: z.optional(z.boolean()),
  }),
  event('cancelled', { by, reason: text }),
  /** An attempt is over: no process of a cancelled one is left, or it ended without its log or cost. */
  event('stopped', { attempt, by, cost, artifacts: log }),
  event('retried', { by }),
  event('dismissed', { by }),
  /** The submitter's values of a task that no worker has begun were changed. `was` contains those before. */
  eventOfVersion2('edited', {
    by,
    reason: text,
    set: edits(),
    was: edits(),
    /** The setting of the new role, used if the envelope has none. */
    max_attempts: z.optional(z.int()),
  }),
  /** The outcome of a completed task no longer counts. The task is queued for a new attempt. */
  eventOfVersion2('redone', {
    by,
    reason: z.string(),
    /** Set in a restored store: later attempts have higher numbers than this. */
    attempts_above: z.optional(z.int()),
  }),
  /**
   * The store was restored from a backup. The lease ends without counting an attempt. Later attempts have higher
   * numbers than `attempts_above`.
   */
  event('restored', { epoch: z.int(), attempts_above: z.int() }),
  /**
   * The state of an open task, written again before its first entry leaves the log. A reader that knows the task
   * ignores it.
   */
  event('carried', { task: z.custom<Task>(isTask) }),
  /**
   * The task is removed. Until `known_until` no other task can get its id. A reader that does not know the task
   * records this too. `status` is its last status.
   */
  eventOfVersion2('pruned', {
    status: z.enum(['completed', 'failed', 'cancelled', 'expired']),
    known_until: moment(),
  }),
  /** The record of a refused change. It changes only the number of refusals. */
  event('refused', { command: z.string(), by, attempt: z.optional(z.int()), reason: z.string() }),
]);
export type Event = z.infer<typeof Event>;
export type EventType = Event['type'];
export type EventOf<T extends EventType> = Extract<Event, { type: T }>;

/** The version of each type of event. */
const versions: ReadonlyMap<string, number> = new Map(
  Event.def.options.map(({ def: { shape } }) => [shape.type.def.values[0]!, shape.v.def.values[0]!]),
);

/**
 * Whether an event has a version or a type that only a newer agentq knows. A reader stops at it: if it passed over the
 * event, it would fold another state than newer readers.
 */
export function isNewerEvent(event: unknown): boolean {
  const { v, type } = Object(event) as { v?: unknown; type?: unknown };
  const known = typeof type === 'string' ? versions.get(type) : 1;
  return known === undefined || (typeof v === 'number' && v > known);
}

type Bare<E> = E extends Event ? Omit<E, 'v' | 'task_id' | 'at'> : never;
/** An event without task, version and time. */
export type BareEvent = Bare<Event>;
