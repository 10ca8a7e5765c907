// node bare-batch.ts MODEL WORKSPACE: writes the tasks of one workspace and their events into another, which is
// empty, with prepared inserts in one transaction. Prints how many ms the inserts and the commit took.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const [model, workspace] = process.argv.slice(2);
const open = (folder: string) => new DatabaseSync(join(folder, '.agentq', 'agentq.db'));
const source = open(model!);
const tasks = source
  .prepare('SELECT * FROM tasks ORDER BY n')
  .all()
  .map((row) => Object.values(row).slice(1));
const bodies = source
  .prepare('SELECT body FROM events ORDER BY seq')
  .all()
  .map((row) => row['body'] as string);
// A submitted task has only one event, so that both lists have the same order.
if (tasks.length === 0 || tasks.length !== bodies.length) throw new Error('the model is not one batch of submits');

const db = open(workspace!);
db.exec('PRAGMA synchronous = FULL');
const insertTask = db.prepare(`INSERT INTO tasks VALUES (NULL${', ?'.repeat(tasks[0]?.length ?? 0)})`);
const insertEvent = db.prepare('INSERT INTO events (task, body) VALUES (?, ?)');

const before = performance.now();
db.exec('BEGIN IMMEDIATE');
for (const [i, task] of tasks.entries()) {
  const { lastInsertRowid } = insertTask.run(...task);
  insertEvent.run(lastInsertRowid, bodies[i]!);
}
db.exec('COMMIT');
process.stdout.write(String(performance.now() - before));
// Exit without closing the file: a close would take longer than the inserts.
process.exit();
