import type { Form } from '../projection/connection.ts';
import { projectionSchema } from '../projection/schema.ts';

/**
 * The store of a workspace: the events are the log and the truth. The work queue of a role is the index `task_ready`;
 * `mailbox` holds the result messages that were not collected yet, by the event that ended the task.
 */
export const storeSchema: Form = {
  application: 0x61677471, // "agtq" in ASCII
  version: 1,
  synchronous: 'FULL',
  schema: `${projectionSchema}
  CREATE TABLE mailbox (
    event INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    task  INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX mailbox_of_queue ON mailbox (queue);
`,
};
