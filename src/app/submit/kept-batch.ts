import { AgentqError } from '../../core/errors.ts';
import { replaceFile } from '../../files/durable-file.ts';
import { outboxFile } from '../outbox/outbox.ts';
import type { Workspace } from '../workspace/workspace.ts';

/** A row as it was submitted. */
export interface SubmittedRow {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly task_id: string;
  /** Whether the id was created for this submit. Without this id, a repeat of the row would create another task. */
  readonly fresh: boolean;
}

/**
 * Saves the rows of a batch with an unknown outcome, each with its id. A repeat of the submit with these rows creates
 * no second tasks.
 * @param at ms since 1970
 * @param unknown the error of the queue
 * @returns the error to report; its hint names the file
 */
export function keepBatch(
  workspace: Workspace,
  rows: readonly SubmittedRow[],
  at: number,
  unknown: AgentqError,
): AgentqError {
  if (rows.every(({ fresh }) => !fresh)) {
    return new AgentqError(unknown.code, unknown.message, 'submit the same batch again: every row has an id or a key');
  }
  const path = outboxFile(workspace, `${String(at).padStart(15, '0')}-${rows[0]!.task_id}.batch.jsonl`);
  const lines = rows.map(({ fields, task_id, fresh }) => JSON.stringify(fresh ? { ...fields, task_id } : fields));
  replaceFile(path, `${lines.join('\n')}\n`, workspace.modes.file);
  const hint = `its rows lie with their ids in ${path}: agentq submit --batch of that file submits no task twice`;
  return new AgentqError(unknown.code, unknown.message, hint);
}
