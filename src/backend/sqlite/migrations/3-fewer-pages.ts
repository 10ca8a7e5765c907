/**
 * A commit syncs every page that it has changed. So the end of a lease, which every claim and every completion changes,
 * is no longer in `task_due`: the few tasks in work are found by `task_open`. A message is in one tree.
 */
export const fewerPages = `
  DROP INDEX task_due;
  DROP INDEX task_open;
  CREATE INDEX task_due  ON tasks (due_at, role) WHERE due_at IS NOT NULL AND status <> 'working';
  CREATE INDEX task_open ON tasks (status, n, role, due_at) WHERE status <> 'completed';
  ALTER TABLE messages RENAME TO messages_of_version_2;
  CREATE TABLE messages (
    queue TEXT NOT NULL,
    event INTEGER NOT NULL,
    task  INTEGER NOT NULL,
    PRIMARY KEY (queue, event)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO messages (queue, event, task) SELECT queue, event, task FROM messages_of_version_2;
  DROP TABLE messages_of_version_2;
`;
