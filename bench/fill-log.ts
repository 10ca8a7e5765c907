// node fill-log.ts WORKSPACE COUNT: publishes the log of COUNT finished tasks, as the backend writes it, and prints the
// id of the last one.
import { entryTime } from '../src/backend/amqp/wire/entry-id.ts';
import { noteMessage, submitMessage } from '../src/backend/amqp/wire/message/encode.ts';
import { eventsOf, openFilling, openLog } from './filling.ts';

/** The maximum number of unconfirmed tasks. */
const AHEAD = 1_000;

const [folder, count] = process.argv.slice(2);
const { services, envelope } = await openFilling(folder!);
const { names, publish, confirmed, close } = await openLog(folder!);

let task_id = '';
for (let left = Number(count); left > 0; left--) {
  task_id = services.newId();
  let entries = 0;
  for (const events of eventsOf({ ...envelope, task_id }, services.clock)) {
    const [event] = events;
    const { at } = event!;
    const id = `${entryTime(at)}-${task_id}-${entries++}`;
    publish(
      event?.type === 'submitted'
        ? submitMessage(names, id, event, at)
        : noteMessage(names, id, at, { events: [...events], roles: ['bench'] }),
    );
  }
  if (left % AHEAD === 0) await confirmed();
}
await confirmed();
await close();
await services.backend.close();
process.stdout.write(task_id);
