import { type Applied, applyEntry, refusalOf } from '../../core/log/apply-entry.ts';
import { isTaskThing, type LogEvent, type LogKinds, type LogRules } from '../../core/log/rules.ts';
import { isTask, type Subject, subjectOf } from '../../core/log/subject.ts';
import { worldOf } from '../../core/log/world.ts';
import { isPruned } from '../../core/task/decision/pruned.ts';
import type { Connection } from '../projection/connection.ts';
import { findPruned, prune } from '../projection/pruned.ts';
import { change, findRow, insert, type Row } from '../projection/rows.ts';
import { appendThingEvent, findThing, writeThing } from '../projection/things.ts';

/** Found by the events of the task, because a queue may hold many messages. */
const WITHDRAW = 'DELETE FROM messages WHERE queue = ? AND event IN (SELECT seq FROM events WHERE task = ?)';

/** Finds the state of a thing that is not a task. */
export type Others = (thing: Subject) => unknown;

/**
 * Folds the events of one decision, appends them and what follows from them to the log, and writes the state that
 * results. A result message that is due is added to its mailbox; one that no longer holds, and was not read yet, is
 * removed from it. A pruned task leaves only the record that it was pruned. Writes nothing if the author of the events
 * must not append them. Runs within the caller's transaction.
 * @param others returns the state of a thing that is not a task
 * @param known the rows that the caller has read: by id, undefined for a task whose id is free
 */
export function record(
  db: Connection,
  rules: LogRules,
  events: readonly LogEvent[],
  known: ReadonlyMap<string, Row | undefined>,
  others: Others = (thing) => findThing(db, thing),
): Applied<LogKinds> {
  const rows = new Map(known);
  const find = (id: string) => {
    if (!rows.has(id)) rows.set(id, findRow(db, id));
    return rows.get(id);
  };
  const applied = applyEntry(
    rules,
    events,
    worldOf<LogKinds>((thing) => {
      if (!isTask(thing)) return others(thing);
      return find(thing.id)?.task ?? (known.has(thing.id) ? undefined : findPruned(db, thing.id));
    }),
  );
  if (refusalOf(applied)) return applied;
  const numbers = new Map<string, number>();
  for (const thing of applied.things) {
    if (!isTaskThing(thing)) {
      writeThing(db, thing, thing.after);
      continue;
    }
    const { id, after } = thing;
    const n = find(id)?.n;
    if (!isPruned(after)) numbers.set(id, n === undefined ? insert(db, after) : change(db, n, after));
  }
  const places = new Map<LogEvent, number>();
  for (const event of applied.events) {
    const subject = subjectOf(event);
    const n = numbers.get(subject.id);
    if (!isTask(subject)) appendThingEvent(db, rules.kinds, subject, event);
    else if (n !== undefined)
      places.set(event, db.run('INSERT INTO events (task, body) VALUES (?, ?)', n, JSON.stringify(event)));
  }
  for (const { type, state, task, cause } of applied.messages) {
    if (type !== 'result') continue;
    const n = numbers.get(task.id) ?? find(task.id)!.n;
    const queue = task.envelope.reply_to;
    if (state === 'due')
      db.run('INSERT INTO messages (event, queue, task) VALUES (?, ?, ?)', places.get(cause)!, queue, n);
    else db.run(WITHDRAW, queue, n);
  }
  for (const thing of applied.things) {
    if (isTaskThing(thing) && isPruned(thing.after)) prune(db, find(thing.id)?.n, thing.after);
  }
  return applied;
}
