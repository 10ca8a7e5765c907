import { rolesSchema } from './roles.ts';

/** The condition of the indexes of finished tasks. A query that uses one contains the same text. */
export const FINISHED = "status IN ('completed', 'failed', 'cancelled', 'expired')";

/**
 * `events` is what happened, in log order; `tasks` is the projection, one row per task with its state as JSON and the
 * columns that queries use; `workers` is presence only, and may be lost. Indexes are few and small, since every page
 * that a commit changes must be synced: most tasks are completed, and no index by status contains those. A store and a
 * cache of a log have different indexes of the tasks that are open, ready or due. Open tasks are found by those. The
 * indexes by worker and time contain only finished tasks, and a task of the default type, or without a group, is not in
 * the index of that column. So most commits change few of these indexes.
 */
export const projectionSchema = `
  CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX event_of_task ON events (task);

  CREATE TABLE tasks (
    n          INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    sender     TEXT NOT NULL,
    rank       INTEGER NOT NULL,
    status     TEXT NOT NULL,
    dead       INTEGER NOT NULL,
    ready_at   INTEGER,
    due_at     INTEGER,
    updated_at INTEGER NOT NULL,
    type       TEXT,
    group_name TEXT,
    workers    TEXT,
    state      TEXT NOT NULL
  ) STRICT;
  CREATE INDEX task_dead      ON tasks (n) WHERE dead = 1;
  CREATE INDEX task_of_sender ON tasks (sender, n, role);
  CREATE INDEX task_of_type   ON tasks (type, n) WHERE type IS NOT NULL;
  CREATE INDEX task_of_group  ON tasks (group_name, n) WHERE group_name IS NOT NULL;
  CREATE INDEX task_of_worker ON tasks (workers, n) WHERE ${FINISHED} AND workers IS NOT NULL;
  CREATE INDEX task_finished  ON tasks (updated_at) WHERE ${FINISHED};

  CREATE TABLE workers (
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (name, role)
  ) STRICT, WITHOUT ROWID;
  ${rolesSchema}
`;
