import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { Backend, Request } from '../../backend/backend.ts';
import { loggedEnvelope } from '../../core/envelope/envelope.ts';
import { AgentqError, type Refusal } from '../../core/errors.ts';
import { Evidence } from '../../core/evidence/evidence.ts';
import { type OutboxEntry, REFUSED, waitingInOutbox } from './outbox.ts';
import type { Workspace } from '../workspace/workspace.ts';

const text = z.optional(z.string());
const spoken = { by: z.string(), attempt: z.optional(z.number()) };
const KeptSchema = z.object({
  v: z.literal(1),
  at: z.number(),
  task_id: z.string(),
  command: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('submit'),
      envelope: loggedEnvelope(),
      context: z.optional(Evidence),
      max_attempts: z.optional(z.number()),
    }),
    z.object({
      type: z.literal('complete'),
      ...spoken,
      summary: text,
      result: z.optional(Evidence),
      artifacts: z.readonly(z.array(Evidence)),
    }),
    z.object({
      type: z.literal('fail'),
      ...spoken,
      reason: z.string(),
      artifacts: z.readonly(z.array(Evidence)),
      backoff: z.optional(z.object({ base: z.number(), factor: z.number(), max: z.number(), jitter: z.number() })),
    }),
  ]),
});

/**
 * Sends the waiting commands of the outbox to the queue, oldest first. Two processes may do this at the same time: a
 * repeated command changes nothing.
 * @throws AgentqError `unreachable` if the outage continues; the remaining commands stay in the outbox
 */
export async function flushOutbox(workspace: Workspace, backend: Backend, say: (line: string) => void): Promise<void> {
  for (const name of waitingInOutbox(workspace)) {
    const path = join(workspace.dir, 'outbox', name);
    if (!existsSync(path)) continue; // another process was faster
    const kept = read(path);
    if (!kept) {
      say(`${path} is not readable: it is left as it is`);
      continue;
    }
    const { task_id, command, at } = kept;
    const refusal = await tell(backend, { task_id, command, at });
    const done = command.type === 'submit' ? 'submitted' : command.type === 'complete' ? 'completed' : 'failed';
    if (refusal) {
      renameIfThere(path, `${path}${REFUSED}`);
      say(`${task_id} was ${done} while the broker was away, and that is refused now: ${refusal.message}`);
    } else {
      rmSync(path, { force: true });
      say(`${task_id} was ${done} while the broker was away, and the queue knows it now`);
    }
  }
}

/** A command that is refused must not block the next ones. @returns the reason if it is refused */
async function tell(backend: Backend, request: Request): Promise<Refusal | undefined> {
  try {
    return (await backend.commit([request]))[0]?.refusal;
  } catch (error) {
    const final = ['topology', 'denied', 'invalid-name', 'too-large'];
    if (error instanceof AgentqError && final.includes(error.code)) return error;
    throw error;
  }
}

/** Undefined if it is not a file of the outbox. */
function read(path: string): OutboxEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  const parsed = KeptSchema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new AgentqError('storage', (error as Error).message);
  }
}
