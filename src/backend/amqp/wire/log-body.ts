import * as z from 'zod/mini';
import { Event } from '../../../core/task/event.ts';
import { moment } from '../../../core/moment-form.ts';

/** What agentq itself writes to the log: the events of one decision, or a note of one of its processes. */
export const LogBody = z.object({
  v: z.literal(1),
  at: moment(),
  /** Whom the events concern. */
  roles: z.array(z.string()),
  events: z.array(Event),
  /** A worker asked for work. */
  seen: z.optional(z.object({ worker: z.string(), role: z.string() })),
  /** The entry that ended a task, whose messages are out now. */
  announced: z.optional(z.string()),
  /** Nobody could reach the broker meanwhile. */
  away: z.optional(z.object({ from: moment(), to: moment() })),
  /** How far its writer had read the log, for what is only true of that. */
  after: z.optional(z.int()),
  /** The role that its writer works for, as its key says too. Notes of older programs do not say it. */
  role: z.optional(z.string()),
  /** The offset of an entry that every reader passes over. */
  skip: z.optional(z.int().check(z.gte(0))),
});
export type LogBody = z.infer<typeof LogBody>;

export type Note = Partial<Omit<LogBody, 'v' | 'at'>>;
