// node fill.ts WORKSPACE COUNT: puts COUNT finished tasks into the workspace.
import type { Request } from '../src/backend/backend.ts';
import { commandsOf, openFilling } from './filling.ts';

/** The tasks of a transaction. One sync for each of three million changes would take hours and give the same rows. */
const BATCH = 5_000;

const [folder, count] = process.argv.slice(2);
const { services, envelope } = await openFilling(folder!);

// The backend decides, folds and writes every change, so that log, projection, indexes and mailbox are the same as
// after single commands.
for (let left = Number(count); left > 0; left -= BATCH) {
  const outcomes = await services.backend.commit(lives(Math.min(left, BATCH)));
  if (outcomes.some((outcome) => !outcome.changed)) throw new Error('a change was refused');
}
await services.backend.close();

/** Complete lives of tasks, one after another. */
function* lives(tasks: number): Generator<Request> {
  for (let i = 0; i < tasks; i++) {
    const task_id = services.newId();
    for (const command of commandsOf({ ...envelope, task_id })) yield { task_id, command };
  }
}
