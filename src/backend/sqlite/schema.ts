import type { Form } from '../projection/form.ts';
import { prunedSchema } from '../projection/pruned.ts';
import { projectionSchema } from '../projection/schema.ts';
import { thingsSchema } from '../projection/things.ts';
import { migrations } from './migrations/index.ts';

/**
 * The store of a workspace: the events are the log and the truth. The work queue of a role is in the index `task_open`;
 * `messages` holds the result messages that were not collected yet, by the event that ended the task; `inbox_shown`
 * hides those that a reader has taken; `epoch` has a row for each restore from a backup.
 *
 * A change of this schema needs a new step in migrations/, and a higher version.
 */
export const storeSchema: Form = {
  application: 0x61677471, // "agtq" in ASCII
  version: 1 + migrations.length,
  migrations,
  synchronous: 'FULL',
  // A commit changes few rows on many pages, and syncs all of these pages.
  pageSize: 2_048,
  schema: `${projectionSchema}${prunedSchema}${thingsSchema}
  CREATE INDEX task_due  ON tasks (due_at, role) WHERE due_at IS NOT NULL AND status <> 'working';
  CREATE INDEX task_open ON tasks (status, role, rank DESC, n, ready_at, due_at) WHERE status <> 'completed';

  CREATE TABLE messages (
    queue TEXT NOT NULL,
    event INTEGER NOT NULL,
    task  INTEGER NOT NULL,
    PRIMARY KEY (queue, event)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE inbox_shown (
    event INTEGER PRIMARY KEY,
    until INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE epoch (
    n        INTEGER PRIMARY KEY,
    began_at INTEGER NOT NULL
  ) STRICT;
`,
};
