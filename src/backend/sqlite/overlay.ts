import { elapse } from '../../core/task/fold/elapse.ts';
import { applyEntry } from '../../core/log/apply-entry.ts';
import { isTaskThing, type LogEvent, type LogKinds, rules } from '../../core/log/rules.ts';
import { isTask, isTaskEvent } from '../../core/log/subject.ts';
import { worldOf } from '../../core/log/world.ts';
import { presentTask } from '../../core/task/decision/pruned.ts';
import type { Task } from '../../core/task/task.ts';
import type { Connection } from '../projection/connection.ts';
import { findRow, toRow, write } from '../projection/rows.ts';
import { findThing } from '../projection/things.ts';
import { dueRows } from './due.ts';

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
    const due = dueRows(db, now, -1).map(toRow);
    let seq = db.get<{ seq: number | null }>('SELECT max(seq) AS seq FROM main.events')!.seq ?? 0;
    db.execute(LAYER);
    for (const { task } of due) {
      // The views show what the events of the tasks before this one have changed.
      const world = worldOf<LogKinds>((thing) => (isTask(thing) ? findRow(db, thing.id)?.task : findThing(db, thing)));
      const { events, things, messages } = applyEntry(rules, elapse(task, now).events, world);
      const tasks = things.filter(isTaskThing);
      const numbers = new Map(tasks.map(({ id, after }) => [id, layTask(db, presentTask(after)!)]));
      const places = new Map<LogEvent, number>();
      for (const event of events.filter(isTaskEvent)) {
        const values = [++seq, numbers.get(event.task_id)!, JSON.stringify(event)];
        db.run('INSERT INTO elapsed_event (seq, task, body) VALUES (?, ?, ?)', ...values);
        places.set(event, seq);
      }
      for (const { type, state, task, cause } of messages) {
        if (type !== 'result' || state !== 'due') continue;
        const values = [places.get(cause)!, task.envelope.reply_to, numbers.get(task.id)!];
        db.run('INSERT INTO elapsed_mail (event, queue, task) VALUES (?, ?, ?)', ...values);
      }
    }
    return ask();
  });
}

/** Lays the row of a task over that of the file. @returns its number */
function layTask(db: Connection, task: Task): number {
  const n = findRow(db, task.id)?.n ?? db.get<{ n: number }>('SELECT max(n) + 1 AS n FROM tasks')!.n;
  db.run('DELETE FROM elapsed_task WHERE n = ?', n);
  // The table has no primary key, so SQLite numbers its rows otherwise.
  write(db, task, n, 'INSERT INTO elapsed_task');
  return n;
}
