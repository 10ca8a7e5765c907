import { endPlacesSchema } from './end-places.ts';
import type { Form } from '../../../projection/form.ts';
import { prunedSchema } from '../../../projection/pruned.ts';
import { thingsSchema } from '../../../projection/things.ts';
import { doubtsSchema } from './doubts.ts';
import { thingLogSchema } from './thing-log.ts';
import { projectionSchema } from '../../../projection/schema.ts';

/**
 * What a machine knows of the broker's log. It is a cache, which may be deleted at any time. `log` is one row: the last
 * message that was folded, by its offset and id, and the time that the log had reached; `first` is the offset of the
 * first message that was folded; `snapshot` is the offset of the
 * last entry about a snapshot, `base` the place in the log of the snapshot with which the cache began, or must begin
 * after, `pruned` the offset of the last entry that pruned a task, `unaided` whether the cache must be made from the log
 * alone. `entry` records which entries were folded, and their result, so that an entry that was published twice counts
 * once. `ending` records which entry ended a task, and whether its messages are known to be sent. `silence` records the
 * periods without entries. `lease` records which entry granted the lease of a running task, for how long, and by which
 * clock. Five tables serve the retention of the log: `carried` records when a task was last republished; `thing_log` the same of
 * other things; `orphan` where the log last mentioned a thing whose beginning it has dropped; `result_queue` when a
 * process of this machine last looked which result messages wait in a queue; `milestone` the length of the log at
 * certain times.
 *
 * Five tables distinguish hostile entries from others. `role_clock` is the last time that the workers of a role have
 * stated, and that of coordinators under the empty name; `signed` whether they name their role in notes; `role_silence`
 * the periods without their entries. `hearsay` names the tasks that only one role's workers have mentioned, and
 * where the log last changed them; `vouched` when a coordinator last republished an open task; `passed_over` the last
 * unreadable entries. `chunk` names the files of a snapshot that contain the ended tasks whose rows have the number
 * `first` to `last`, unless they were loaded. `snapshot` names the latest snapshots that the log has announced, by the
 * entry with which their writing began; one without a file is being written. `reader` names the process that reads the
 * log for the others on this machine. `doubtful`: `doubts.ts`.
 */
export const cacheSchema: Form = {
  application: 0x61677463, // "agtc" in ASCII
  version: 14,
  synchronous: 'NORMAL',
  pageSize: 4_096,
  schema: `${projectionSchema}${prunedSchema}${thingsSchema}${thingLogSchema}${doubtsSchema}${endPlacesSchema}
  CREATE INDEX task_ready ON tasks (role, rank DESC, n, ready_at) WHERE status = 'queued';
  CREATE INDEX task_due  ON tasks (due_at, role) WHERE due_at IS NOT NULL;
  CREATE INDEX task_open ON tasks (status, n, role) WHERE status <> 'completed';

  CREATE TABLE log (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    id         TEXT NOT NULL,
    at         INTEGER NOT NULL,
    away_until INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    snapshot   INTEGER NOT NULL,
    unaided    INTEGER NOT NULL,
    base       INTEGER NOT NULL,
    pruned     INTEGER NOT NULL
  ) STRICT;
  INSERT INTO log VALUES (1, -1, -1, '', 0, 0, 0, 0, -1, 0, -1, -1);

  CREATE TABLE snapshot (
    id     TEXT PRIMARY KEY,
    offset INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    last   INTEGER,
    format INTEGER,
    file   TEXT
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE chunk (
    first  INTEGER PRIMARY KEY,
    last   INTEGER NOT NULL,
    file   TEXT NOT NULL,
    loaded INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE entry (
    id       TEXT PRIMARY KEY,
    accepted INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE ending (
    task      INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    at        INTEGER NOT NULL,
    announced INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX ending_unannounced ON ending (at) WHERE announced = 0;

  CREATE TABLE result_queue (
    name      TEXT PRIMARY KEY,
    looked_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE carried (
    task INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE orphan (
    id   TEXT PRIMARY KEY,
    last INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE silence (
    began INTEGER NOT NULL,
    ended INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE lease (
    task   INTEGER PRIMARY KEY,
    offset INTEGER NOT NULL,
    span   INTEGER NOT NULL,
    clock  TEXT NOT NULL
  ) STRICT;

  CREATE TABLE milestone (
    bytes INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE role_clock (
    role       TEXT PRIMARY KEY,
    at         INTEGER NOT NULL,
    signed     INTEGER NOT NULL,
    away_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE role_silence (
    role  TEXT NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE hearsay (
    id   TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    last INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE vouched (
    task INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE passed_over (
    offset INTEGER PRIMARY KEY,
    key    TEXT NOT NULL,
    user   TEXT,
    reason TEXT NOT NULL
  ) STRICT;

  CREATE TABLE reader (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL
  ) STRICT;
`,
};
