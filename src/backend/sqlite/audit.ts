import { isDeepStrictEqual } from 'node:util';
import { Event } from '../../core/event.ts';
import { evolve } from '../../core/evolve.ts';
import type { Task } from '../../core/task.ts';
import type { Finding } from '../backend.ts';
import type { Connection } from './connection.ts';
import { columns, update } from './projection.ts';

interface Stored {
  readonly n: number;
  readonly id: string;
  readonly status: string;
  readonly dead: number;
  readonly ready_at: number | null;
  readonly due_at: number | null;
  readonly state: string;
}

/**
 * Checks the file itself, then folds every task anew from the log and compares. Repair rewrites the projection
 * from the log, never the log. One transaction, so that nobody works on a half-repaired store.
 */
export function audit(db: Connection, repair: boolean): Finding[] {
  const findings: Finding[] = db
    .all<{ integrity_check: string }>('PRAGMA integrity_check(20)')
    .filter((row) => row.integrity_check !== 'ok')
    .map((row) => ({ subject: 'database', problem: row.integrity_check, repaired: false }));
  db.transaction(() => {
    const wrong: { n: number; task: Task }[] = [];
    for (const stored of db.each<Stored>('SELECT n, id, status, dead, ready_at, due_at, state FROM task')) {
      const folded = fold(db, stored.n);
      if (typeof folded === 'string') findings.push({ subject: stored.id, problem: folded, repaired: false });
      else if (!agrees(stored, folded)) {
        findings.push({
          subject: stored.id,
          problem: 'its row is not what its events fold to',
          repaired: repair,
        });
        wrong.push({ n: stored.n, task: folded });
      }
    }
    if (repair) for (const { n, task } of wrong) update(db, n, task);
    return { keep: repair && wrong.length > 0 };
  });
  const orphans = db.get<{ n: number }>('SELECT count(*) AS n FROM event WHERE task NOT IN (SELECT n FROM task)')!.n;
  if (orphans > 0) findings.push({ subject: 'log', problem: `${orphans} events belong to no task`, repaired: false });
  return findings;
}

function fold(db: Connection, n: number): Task | string {
  let task: Task | undefined;
  for (const { body } of db.all<{ body: string }>('SELECT body FROM event WHERE task = ? ORDER BY seq', n)) {
    const parsed = Event.safeParse(safeJson(body));
    if (!parsed.success) return 'the log holds an event that is unreadable';
    task = evolve(task, parsed.data).task;
  }
  return task ?? 'the log holds no submit of it';
}

function agrees(stored: Stored, folded: Task): boolean {
  const [status, dead, ready_at, due_at, state] = columns(folded);
  return (
    stored.status === status &&
    stored.dead === dead &&
    stored.ready_at === ready_at &&
    stored.due_at === due_at &&
    isDeepStrictEqual(safeJson(stored.state), JSON.parse(state as string))
  );
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
