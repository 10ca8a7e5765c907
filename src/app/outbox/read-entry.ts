import { readFileSync } from 'node:fs';
import * as z from 'zod/mini';
import { costForm } from '../../core/cost.ts';
import { loggedEnvelope } from '../../core/envelope/envelope.ts';
import { Evidence } from '../../core/evidence/evidence.ts';
import { deliversNothing } from '../../core/evidence/promise.ts';
import type { OutboxEntry } from './outbox.ts';

const text = z.optional(z.string());
const caller = { by: z.string(), attempt: z.optional(z.number()), cost: z.optional(costForm()) };
const KeptSchema = z.object({
  v: z.literal(1),
  at: z.number(),
  task_id: z.string(),
  place: z.optional(z.record(z.string(), z.string())),
  refused: z.optional(z.object({ message: z.string(), hint: text })),
  command: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('submit'),
      envelope: loggedEnvelope(),
      context: z.optional(Evidence),
      max_attempts: z.optional(z.number()),
    }),
    z.object({
      type: z.literal('complete'),
      ...caller,
      summary: text,
      result: z.optional(Evidence),
      artifacts: z.readonly(z.array(Evidence)),
      empty: z.optional(z.boolean()),
    }),
    z.object({
      type: z.literal('fail'),
      ...caller,
      reason: z.string(),
      artifacts: z.readonly(z.array(Evidence)),
      backoff: z.optional(z.object({ base: z.number(), factor: z.number(), max: z.number(), jitter: z.number() })),
    }),
  ]),
});

/** Reads a file of the outbox. @returns undefined if it is gone, or is not an entry of the outbox */
export function readEntry(path: string): OutboxEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  const parsed = KeptSchema.safeParse(json);
  return parsed.success ? asNow(parsed.data) : undefined;
}

/** Older versions did not note that a child left nothing. */
function asNow(entry: OutboxEntry): OutboxEntry {
  const { command } = entry;
  if (command.type !== 'complete' || !deliversNothing(command)) return entry;
  return { ...entry, command: { ...command, empty: true } };
}
