/**
 * The columns that the filters of a list use: the last change, the type, the group and the workers of a task. They stand
 * before the state, because SQLite reads a long state to reach what follows it. Damaged JSON stays as it is: `doctor`
 * reports it. A group that is no name is none: 0.1 kept any value under this name.
 */
export const listFilters = `
  CREATE TABLE tasks_of_version_7 (
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
  INSERT INTO tasks_of_version_7
    SELECT n, id, role, sender, rank, status, dead, ready_at, due_at,
      coalesce(body ->> '$.updated_at', 0),
      nullif(body ->> '$.envelope.type', 'task'),
      CASE WHEN json_type(body, '$.envelope.group') = 'text' AND body ->> '$.envelope.group' GLOB '[A-Za-z0-9]*'
        AND body ->> '$.envelope.group' NOT GLOB '*[^A-Za-z0-9._-]*' AND length(body ->> '$.envelope.group') <= 64
        THEN body ->> '$.envelope.group' END,
      (SELECT CASE WHEN count(*) < 2 AND substr(min(worker), 1, 1) IS NOT '[' THEN min(worker)
         ELSE json_group_array(worker ORDER BY first) END
       FROM (SELECT value ->> 'worker' AS worker, min(key) AS first
         FROM json_each(body, '$.attempts') GROUP BY value ->> 'worker')),
      state
    FROM (SELECT *, CASE WHEN json_valid(state) THEN state END AS body FROM tasks);
  DROP TABLE tasks;
  ALTER TABLE tasks_of_version_7 RENAME TO tasks;
  CREATE INDEX task_dead      ON tasks (n) WHERE dead = 1;
  CREATE INDEX task_of_sender ON tasks (sender, n, role);
  CREATE INDEX task_due       ON tasks (due_at, role) WHERE due_at IS NOT NULL AND status <> 'working';
  CREATE INDEX task_open ON tasks (status, role, rank DESC, n, ready_at, due_at) WHERE status <> 'completed';
  CREATE INDEX task_of_type   ON tasks (type, n) WHERE type IS NOT NULL;
  CREATE INDEX task_of_group  ON tasks (group_name, n) WHERE group_name IS NOT NULL;
  CREATE INDEX task_of_worker ON tasks (workers, n)
    WHERE status IN ('completed', 'failed', 'cancelled', 'expired') AND workers IS NOT NULL;
  CREATE INDEX task_finished  ON tasks (updated_at)
    WHERE status IN ('completed', 'failed', 'cancelled', 'expired');
`;
