/**
 * `events` is what happened, in log order; `tasks` is the projection, one row per task with its state as JSON and the
 * columns that queries use; `workers` is presence only, and may be lost. Indexes are few and small, since every page
 * that a commit changes must be synced: most tasks are completed, and no index by status contains those. A store and a
 * cache of a log have different indexes of the tasks that are open, ready or due.
 */
export const projectionSchema = `
  CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_of_task ON events (task);

  CREATE TABLE tasks (
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
  CREATE INDEX task_dead      ON tasks (n) WHERE dead = 1;
  CREATE INDEX task_of_sender ON tasks (sender, n, role);

  CREATE TABLE workers (
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (name, role)
  ) STRICT, WITHOUT ROWID;
`;
