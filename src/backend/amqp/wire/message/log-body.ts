import * as z from 'zod/mini';
import type { LogEvent } from '../../../../core/log/rules.ts';
import { Evidence } from '../../../../core/evidence/evidence.ts';
import { FORMAT } from './format.ts';
import { moment } from '../../../../core/moment-form.ts';

/** What the log leads to at one of its messages, in a file of the artifact store. */
const Snapshot = z.object({
  /** The offset and the id of the message up to which the log is folded in it. */
  last: z.int().check(z.gte(0)),
  id: z.string(),
  /** The version of the cache that it contains. */
  format: z.int(),
  file: Evidence,
  /** The id of the entry with which its writing began. */
  begun: z.optional(z.string()),
});
export type Snapshot = z.infer<typeof Snapshot>;

/** What agentq itself writes to the log: the events of one decision, or a note of one of its processes. */
export const LogBody = z.object({
  v: z.literal([1, FORMAT]),
  at: moment(),
  /** The roles that the events affect. */
  roles: z.array(z.string()),
  /** Each is read by the form of its kind. */
  events: z.array(z.unknown()),
  /** Things that the events rely on and that have ended, for readers that do not know them. */
  ended: z.optional(z.array(z.object({ kind: z.string(), id: z.string(), outcome: z.string() }))),
  /** A worker asked for work. */
  seen: z.optional(z.object({ worker: z.string(), role: z.string() })),
  /** The entry that ended a task whose messages are now sent. */
  announced: z.optional(z.string()),
  /** The entry that ended the task which the event `carried` repeats, and whether its messages were sent. */
  ending: z.optional(z.object({ id: z.string(), announced: z.boolean() })),
  /** A period in which the broker was unreachable. */
  away: z.optional(z.object({ from: moment(), to: moment() })),
  /** How far its writer had read the log, for statements that depend on this position. */
  after: z.optional(z.int()),
  /** The role that its writer works for, as in the key. Notes of older programs do not contain it. */
  role: z.optional(z.string()),
  /** The clock that the times of the events come from, by its id: leases that it grants end by this clock. */
  clock: z.optional(z.string()),
  /** The offset of an entry that every reader passes over. */
  skip: z.optional(z.int().check(z.gte(0))),
  /** A snapshot that is in the artifact store now. */
  snapshot: z.optional(Snapshot),
});
export type LogBody = Omit<z.infer<typeof LogBody>, 'events'> & { readonly events: readonly LogEvent[] };

export type Note = Partial<Omit<LogBody, 'v' | 'at'>>;
