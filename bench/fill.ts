// node fill.ts WORKSPACE COUNT: puts COUNT finished tasks into the workspace.
import { prepare } from '../src/app/submit/submit.ts';
import type { Request } from '../src/backend/backend.ts';
import type { Envelope } from '../src/core/envelope/envelope.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import { instructions, summary } from './agentq.ts';
import { openServices } from './services.ts';

/** The tasks of a transaction: one sync for each of three million changes would take hours and give the same rows. */
const BATCH = 5_000;

const [folder, count] = process.argv.slice(2);
const services = await openServices(folder!);
const submission = parseSubmission({ to: 'bench', from: 'coordinator', instructions });
const { envelope } = await prepare(services, { submission, allowSecret: false });

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
    yield* life({ ...envelope, task_id });
  }
}

function* life(envelope: Envelope): Generator<Request> {
  const { task_id } = envelope;
  yield { task_id, command: { type: 'submit', envelope } };
  yield { task_id, command: { type: 'claim', worker: 'bench@host', lease: 300_000 } };
  yield { task_id, command: { type: 'complete', by: 'bench', attempt: 1, summary, artifacts: [] } };
}
