import type { TaskRequest } from '../../../src/backend/backend.ts';
import type { Command, CommandOf } from '../../../src/core/task/decision/command.ts';
import type { Envelope } from '../../../src/core/envelope/envelope.ts';
import type { Evidence } from '../../../src/core/evidence/evidence.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const LEASE = 10 * MINUTE;

/** The role that tasks are sent to by default. */
export const ROLE = 'coder';
/** The reply queue of these tasks. */
export const QUEUE = 'results.lead';

export function envelope(task_id: string, more: Partial<Envelope> = {}): Envelope {
  return {
    task_id,
    from: 'lead',
    to: ROLE,
    reply_to: QUEUE,
    type: 'task',
    priority: 'normal',
    instructions: `do ${task_id}`,
    ...more,
  };
}

export function evidence(name: string, more: Partial<Evidence> = {}): Evidence {
  return { name, path: `artifacts/${name}`, sha256: 'ab'.repeat(32), size: 7, ...more };
}

export const requestOf = (task_id: string, command: Command): TaskRequest => ({ task_id, command });

export const submit = (id: string, more: Partial<Envelope> = {}): TaskRequest =>
  requestOf(id, { type: 'submit', envelope: envelope(id, more) });

type Fields<T extends Command['type']> = Partial<Omit<CommandOf<T>, 'type'>>;

export const renew = (id: string, attempt?: number, more: Fields<'renew'> = {}): TaskRequest =>
  requestOf(id, { type: 'renew', by: ROLE, attempt, lease: LEASE, ...more });

export const complete = (id: string, attempt?: number, more: Fields<'complete'> = {}): TaskRequest =>
  requestOf(id, { type: 'complete', by: ROLE, attempt, summary: 'done', artifacts: [], ...more });

export const fail = (id: string, attempt?: number, more: Fields<'fail'> = {}): TaskRequest =>
  requestOf(id, { type: 'fail', by: ROLE, attempt, reason: 'it broke', artifacts: [], ...more });

export const release = (id: string, attempt?: number, more: Fields<'release'> = {}): TaskRequest =>
  requestOf(id, { type: 'release', by: ROLE, attempt, reason: 'not now', ...more });

export const cancel = (id: string, reason?: string): TaskRequest =>
  requestOf(id, { type: 'cancel', by: 'lead', ...(reason !== undefined && { reason }) });

export const retry = (id: string): TaskRequest => requestOf(id, { type: 'retry', by: 'lead' });

export const edit = (id: string, set: Fields<'edit'>['set'] & object, more: Fields<'edit'> = {}): TaskRequest =>
  requestOf(id, { type: 'edit', by: 'lead', set, ...more });

export const redo = (id: string, reason: string): TaskRequest => requestOf(id, { type: 'redo', by: 'lead', reason });

export const dismiss = (id: string): TaskRequest => requestOf(id, { type: 'dismiss', by: 'lead' });
