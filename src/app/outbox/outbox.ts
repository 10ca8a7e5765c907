import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { QueuePlace } from '../../backend/backend.ts';
import type { CommandOf } from '../../core/task/decision/command.ts';
import { replaceFile, syncFolder } from '../../files/durable-file.ts';
import type { Services } from '../workspace/services.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** The commands that the outbox can hold. */
export type OutboxCommand = CommandOf<'submit' | 'complete' | 'fail'>;

/** One file of the outbox. */
export interface OutboxEntry {
  readonly v: 1;
  /** When it was issued, ms since 1970. */
  readonly at: number;
  readonly task_id: string;
  readonly command: OutboxCommand;
  /** The queue that it is for. Older entries have none: they are for the queue of the workspace. */
  readonly place?: QueuePlace | undefined;
  /** Why the queue refused it. Absent in a file that still waits, and in a file of an older version. */
  readonly refused?: { readonly message: string; readonly hint?: string | undefined } | undefined;
}

export const REFUSED = '.refused';

/**
 * Saves a command durably on the local disk until it can be sent to the broker.
 * @param at when it was issued, ms since 1970. It counts from then, unless another change came first.
 */
export function keepInOutbox(
  { workspace, backend }: Pick<Services, 'workspace' | 'backend'>,
  task_id: string,
  command: OutboxCommand,
  at: number,
): void {
  const name = `${String(at).padStart(15, '0')}-${task_id}-${command.type}.json`;
  writeInOutbox(workspace, name, { v: 1, at, task_id, command, place: backend.place });
}

/** Writes a file of the outbox durably and atomically. */
export function writeInOutbox(workspace: Workspace, name: string, entry: OutboxEntry): void {
  replaceFile(outboxFile(workspace, name), JSON.stringify(entry), workspace.modes.file);
}

/** The path for a file of the outbox. The folder exists and its name is durable. */
export function outboxFile({ dir, modes }: Workspace, name: string): string {
  const folder = join(dir, 'outbox');
  if (!existsSync(folder)) mkdirSync(folder, { mode: modes.folder, recursive: true });
  syncFolder(dir);
  return join(folder, name);
}

/** The waiting commands, oldest first. */
export function waitingInOutbox({ dir }: Workspace): readonly string[] {
  return filesIn(dir).filter((name) => name.endsWith('.json'));
}

/** The commands that the queue has refused. Each is a file that a person may read and delete. */
export function refusedInOutbox({ dir }: Workspace): readonly string[] {
  return filesIn(dir).filter((name) => name.endsWith(REFUSED));
}

function filesIn(dir: string): string[] {
  const folder = join(dir, 'outbox');
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}
