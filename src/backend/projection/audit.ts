import { isDeepStrictEqual } from 'node:util';
import { Event, isNewerEvent } from '../../core/task/event.ts';
import { evolve } from '../../core/task/fold/evolve.ts';
import type { Task } from '../../core/task/task.ts';
import type { Finding } from '../backend.ts';
import type { Connection } from './connection.ts';
import { ABSENT, columns, restore } from './rows.ts';

type Columns = ReturnType<typeof columns>;

/**
 * Checks the file itself, then folds every task again from the log and compares. Repair rewrites the projection from
 * the log, never the log. Only repair locks the store, each time for one task at most.
 */
export function audit(db: Connection, repair: boolean): Finding[] {
  const findings: Finding[] = db
    .all<{ integrity_check: string }>('PRAGMA integrity_check(20)')
    .filter((row) => row.integrity_check !== 'ok')
    .map((row) => ({ subject: 'database', problem: row.integrity_check, repairable: false, repaired: false }));
  const wrong: number[] = [];
  for (const { n, stored } of everyRow(db)) {
    const folded = fold(db, n);
    if (typeof folded === 'string') {
      findings.push({ subject: stored?.id ?? `row ${n}`, problem: folded, repairable: false, repaired: false });
    } else if (!stored || !agrees(stored, columns(folded))) {
      const problem = stored ? 'its row differs from its events' : 'its row is missing';
      findings.push({ subject: folded.id, problem, repairable: true, repaired: repair });
      wrong.push(n);
    }
  }
  if (repair) for (const n of wrong) mend(db, n);
  return findings;
}

function mend(db: Connection, n: number): void {
  db.transaction(() => {
    const folded = fold(db, n);
    if (typeof folded !== 'string') restore(db, n, folded);
    return { keep: typeof folded !== 'string' };
  });
}

/** The existing rows whose content is in the file, and the numbers of tasks that only the log contains. */
function* everyRow(db: Connection): Generator<{ n: number; stored?: Columns }> {
  for (const { n, ...stored } of db.each<Columns & { n: number }>('SELECT * FROM tasks WHERE state <> ?', ABSENT))
    yield { n, stored };
  yield* db.each<{ n: number }>(
    'SELECT DISTINCT task AS n FROM events WHERE task <> 0 AND task NOT IN (SELECT n FROM tasks)',
  );
}

function fold(db: Connection, n: number): Task | string {
  let task: Task | undefined;
  for (const { body } of db.all<{ body: string }>('SELECT body FROM events WHERE task = ? ORDER BY seq', n)) {
    const stored = safeJson(body);
    const parsed = Event.safeParse(stored);
    if (isNewerEvent(stored)) return 'the log holds an event that a newer agentq wrote';
    if (!parsed.success) return 'the log contains an event that is unreadable';
    task = evolve(task, parsed.data).task;
  }
  return task ?? 'the log contains no submit of it';
}

function agrees({ state, ...stored }: Columns, { state: expected, ...rest }: Columns): boolean {
  if (!isDeepStrictEqual(stored, rest)) return false;
  // An envelope of an older version may be nested too deeply for the comparison of values.
  return state === expected || isDeepStrictEqual(safeJson(state), JSON.parse(expected));
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
