/**
 * `event` is what happened, in log order; `task` is the projection, one row per task with its state as JSON and the
 * columns that queries use; `worker` is presence only, and may be lost. Indexes are few and small, since every page
 * that a commit changes must be synced: most tasks are completed, and no index by status contains those.
 */
export const projectionSchema = `
  CREATE TABLE event (
    seq  INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_of_task ON event (task);

  CREATE TABLE task (
    n        INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    role     TEXT NOT NULL,
    sender   TEXT NOT NULL,
    rank     INTEGER NOT NULL,
    status   TEXT NOT NULL,
    dead     INTEGER NOT NULL,
    ready_at INTEGER,
    due_at   INTEGER,
    state    TEXT NOT NULL
  ) STRICT;
  CREATE INDEX task_ready     ON task (role, rank DESC, n, ready_at) WHERE status = 'queued';
  CREATE INDEX task_due       ON task (due_at, role) WHERE due_at IS NOT NULL;
  CREATE INDEX task_dead      ON task (n) WHERE dead = 1;
  CREATE INDEX task_open      ON task (status, n, role) WHERE status <> 'completed';
  CREATE INDEX task_of_sender ON task (sender, n, role);

  CREATE TABLE worker (
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (name, role)
  ) STRICT, WITHOUT ROWID;
`;
