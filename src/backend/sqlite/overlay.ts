import { elapse } from '../../core/task/elapse.ts';
import { isFinished } from '../../core/task/task.ts';
import type { Connection } from '../projection/connection.ts';
import { columns, type StoredRow, toRow } from '../projection/rows.ts';

/** Temporary tables of this connection, in memory, and views that shadow the tables of the file. */
const LAYER = `
  CREATE TEMP TABLE elapsed_task AS SELECT * FROM main.tasks WHERE false;
  CREATE TEMP TABLE elapsed_event AS SELECT * FROM main.events WHERE false;
  CREATE TEMP TABLE elapsed_mail AS SELECT event, queue, task FROM main.messages WHERE false;
  CREATE TEMP VIEW tasks AS
    SELECT * FROM main.tasks WHERE n NOT IN (SELECT n FROM elapsed_task) UNION ALL SELECT * FROM elapsed_task;
  CREATE TEMP VIEW events AS SELECT * FROM main.events UNION ALL SELECT * FROM elapsed_event;
  CREATE TEMP VIEW messages AS SELECT event, queue, task FROM main.messages UNION ALL SELECT * FROM elapsed_mail;
`;

/**
 * Runs a query on the store as if the events that result from time alone were written. For a store that cannot be
 * written: its disk is full or read-only. Costs one read of each task that is due, and no disk space.
 * @param now ms since 1970
 */
export function askOverlay<T>(db: Connection, now: number, ask: () => T): T {
  return db.overlaid(() => {
    const due = db.all<StoredRow>('SELECT n, state FROM main.tasks WHERE due_at <= ?', now).map(toRow);
    let seq = db.get<{ seq: number | null }>('SELECT max(seq) AS seq FROM main.events')!.seq ?? 0;
    db.execute(LAYER);
    for (const { n, task: before } of due) {
      const { task, events } = elapse(before, now);
      db.run(
        `INSERT INTO elapsed_task (n, id, role, sender, rank, status, dead, ready_at, due_at, state)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        n,
        ...Object.values(columns(task)),
      );
      for (const event of events)
        db.run('INSERT INTO elapsed_event (seq, task, body) VALUES (?, ?, ?)', ++seq, n, JSON.stringify(event));
      if (isFinished(task) && !isFinished(before))
        db.run('INSERT INTO elapsed_mail (event, queue, task) VALUES (?, ?, ?)', seq, task.envelope.reply_to, n);
    }
    return ask();
  });
}
