import { AgentqError } from '../../core/errors.ts';
import type { Event } from '../../core/task/event.ts';
import { evolve } from '../../core/task/fold/evolve.ts';
import { isFinished, type Task } from '../../core/task/task.ts';
import type { Ended, EndedQuestion } from '../backend.ts';
import type { Connection } from '../projection/connection.ts';
import {
  answer,
  ENDED,
  type EndedRow,
  LATEST,
  placeOf,
  scopeOf,
  textOf,
  wrongPlace,
} from '../projection/questions/ended.ts';
import { parseStored } from '../projection/rows.ts';
import { epochOf } from './epoch.ts';

/** The tasks that have ended after a place in the log: the number of an event, in one epoch of the store. */
export function endedTasks(db: Connection, question: EndedQuestion): Ended {
  const epoch = epochOf(db);
  const { limit } = question;
  const after = question.after === undefined ? undefined : placeIn(db, epoch, question.after);
  const { sql, value } = scopeOf(question, after === undefined ? '' : '+');
  const changed = after === undefined ? '' : 'AND n IN (SELECT task FROM main.events WHERE seq > ?)';
  const order = after === undefined ? LATEST : '';
  // One statement sees one state of the file.
  const rows = db.all<{ place: number; n: number | null }>(
    `SELECT place, n FROM (SELECT coalesce(max(seq), 0) AS place FROM main.events)
     LEFT JOIN (SELECT n FROM tasks WHERE ${sql} AND ${ENDED} ${changed} ${order})`,
    value,
    after ?? limit,
  );
  const { place } = rows[0]!;
  const found = rows.flatMap(({ n }) =>
    n === null ? [] : [{ n, end: after === undefined ? -1 : endOf(db, n, place) }],
  );
  const news = after === undefined ? found : found.filter(({ end }) => end > after);
  const told = answer(db, question, news satisfies EndedRow[], place);
  return { ...told, place: `${textOf(epoch)}.${textOf(told.place)}` };
}

/** @throws AgentqError `usage` */
function placeIn(db: Connection, epoch: number, text: string): number {
  const [begun, seq, rest] = text.split('.');
  if (seq === undefined || rest !== undefined) throw wrongPlace();
  if (begun !== textOf(epoch))
    throw new AgentqError('usage', 'the queue was restored since the cursor', 'leave --since out to begin again');
  return placeOf(seq, db.get<{ end: number }>('SELECT coalesce(max(seq), 0) AS end FROM main.events')!.end);
}

/** The number of the event with which a task ended for the last time, up to a place; -1 if it had not ended there. */
function endOf(db: Connection, n: number, place: number): number {
  let task: Task | undefined;
  let end = -1;
  const sql = 'SELECT seq, body FROM main.events WHERE task = ? AND seq <= ? ORDER BY seq';
  for (const { seq, body } of db.each<{ seq: number; body: string }>(sql, n, place)) {
    const had = task !== undefined && isFinished(task);
    task = evolve(task, parseStored(body) as Event).task;
    const has = task !== undefined && isFinished(task);
    if (has && !had) end = seq;
    else if (!has) end = -1;
  }
  return end;
}
