// node fill-ended.ts WORKSPACE COUNT: publishes the log of COUNT finished tasks in large entries with many tasks each,
// and the notes that the result messages were sent. Prints the id of the first task.
import { endingOf, entryTime } from '../src/backend/amqp/wire/entry-id.ts';
import { noteMessage } from '../src/backend/amqp/wire/message/encode.ts';
import { eventsOf, openFilling, openLog } from './filling.ts';

/** How many tasks are in one entry. */
const TOGETHER = 1_000;

const [folder, count] = process.argv.slice(2);
const { services, envelope } = await openFilling(folder!);
const { names, publish, confirmed, close } = await openLog(folder!);

let first: string | undefined;
for (let left = Number(count), nth = 0; left > 0; left -= TOGETHER, nth++) {
  const ids = Array.from({ length: Math.min(left, TOGETHER) }, () => services.newId());
  first ??= ids[0];
  const now = services.clock();
  const entry = `${entryTime(now)}-fill-${nth}`;
  const events = ids.flatMap((task_id) => [...eventsOf({ ...envelope, task_id }, () => now)].flat());
  publish(noteMessage(names, entry, now, { events, roles: ['bench'] }));
  for (const [i, id] of ids.entries()) {
    const note = { announced: endingOf(id, entry), role: 'bench' };
    publish(noteMessage(names, `${entry}-${i}`, now, note, { role: 'bench' }));
  }
  await confirmed();
}
await close();
await services.backend.close();
process.stdout.write(first ?? '');
