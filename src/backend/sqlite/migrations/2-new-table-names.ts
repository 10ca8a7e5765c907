/**
 * agentq 0.1 compares the version only when it opens the file. So the tables that it writes get new names: a process of
 * 0.1 that has the file open fails at its next query. `inbox_shown` and `epoch` exist only in stores in which a version
 * after 0.1 needed them.
 */
export const newTableNames = `
  ALTER TABLE event RENAME TO events;
  ALTER TABLE task RENAME TO tasks;
  ALTER TABLE worker RENAME TO workers;
  ALTER TABLE mailbox RENAME TO messages;
  DROP INDEX mailbox_of_queue;
  CREATE INDEX message_of_queue ON messages (queue);
  CREATE TABLE IF NOT EXISTS inbox_shown (event INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS epoch (n INTEGER PRIMARY KEY, began_at INTEGER NOT NULL) STRICT;
`;
