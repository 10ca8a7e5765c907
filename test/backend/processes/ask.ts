import { openBackend } from '../../../src/backend/open.ts';
import { LEASE, ROLE } from '../contract/requests.ts';
import { storeOptions } from '../support/store-options.ts';

/** Sends one request to the store in a folder. Prints the statuses of the tasks in the answer, or the error code. */
const [dir, question] = process.argv.slice(2) as [string, 'list' | 'claim'];
const backend = await openBackend(storeOptions(dir));
try {
  const tasks =
    question === 'list'
      ? await backend.list({ limit: 10 })
      : [(await backend.claim({ role: ROLE, worker: 'worker-1', lease: LEASE })).task];
  console.log(tasks.map((task) => task?.status ?? 'nothing').join());
} catch (error) {
  console.log((error as { code?: string }).code);
}
await backend.close();
