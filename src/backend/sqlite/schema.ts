/** Marks the file as agentq's: "agtq" in ASCII. */
export const APPLICATION_ID = 0x61677471;

/** Raised by every change that an older agentq would misread. A store with a higher one is refused. */
export const SCHEMA_VERSION = 1;

/**
 * `event` is the log and the truth; `task` is its projection, one row a task with its state as JSON and the
 * columns that questions are asked by; `mailbox` holds the result messages not yet collected, by the event that ended the task; `worker` is
 * presence only, and may be lost. The work queue of a role is the index `task_ready`. Indexes are
 * few and small, since every page that a commit touches is a page that it syncs: most tasks are completed, and
 * those no index by status holds.
 */
export const schema = `
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

  CREATE TABLE mailbox (
    event INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    task  INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX mailbox_of_queue ON mailbox (queue);

  CREATE TABLE worker (
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (name, role)
  ) STRICT, WITHOUT ROWID;
`;
