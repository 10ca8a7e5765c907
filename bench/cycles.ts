import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { claim } from '../src/app/assignment/claim.ts';
import { complete } from '../src/app/change/complete.ts';
import type { Services } from '../src/app/workspace/services.ts';
import { submit } from '../src/app/submit/submit.ts';
import { parseSubmission } from '../src/core/envelope/submission.ts';
import { instructions, makeWorkspace, summary } from './agentq.ts';
import { atLeast, type Measure, perSecond } from './figure.ts';
import { alternate, median } from './measure.ts';
import { openServices } from './services.ts';

const BOUND = 0.7;

/** The cycles of a round. There are enough of them that one slow sync does not dominate. */
const CYCLES = 300;

/** The cost beyond durability: complete lives of tasks, one after another, against the three syncs that each needs. */
export const cycles: Measure = async ({ dir, quick }) => {
  const workspace = makeWorkspace(dir);
  const services = await openServices(workspace);
  const bare = openBare(join(dir, 'bare.db'));
  const rounds = quick ? { counted: 15, warmUp: 2 } : { counted: 31, warmUp: 3 };
  try {
    const measured = await alternate(rounds, {
      agentq: () => rate(() => runTask(services)),
      bare: () => rate(bare.write),
    });
    const figure = 'submit+claim+complete in process, to 3 bare transactions';
    return [atLeast(BOUND, figure, median(measured.agentq), median(measured.bare), perSecond)];
  } finally {
    bare.close();
    await services.backend.close();
  }
};

const draft = {
  submission: parseSubmission({ to: 'bench', from: 'coordinator', instructions }),
  allowSecret: false,
};

/** The life of one task: the use cases as the command line calls them. */
export async function runTask(services: Services): Promise<void> {
  const { task } = await submit(services, draft);
  const request = { role: 'bench', worker: 'bench@host', lease: 300_000 };
  const { task: claimed } = await claim(services, request, services.clock());
  if (claimed?.id !== task.id) throw new Error(`claimed another task than ${task.id}`);
  const { attempt } = claimed.lease;
  await complete(services, {
    id: task.id,
    by: 'bench',
    attempt,
    summary,
    artifacts: [],
    allowSecret: false,
    warn: () => {},
  });
}

/** @returns cycles a second */
export async function rate(cycle: () => void | Promise<void>, cycles = CYCLES): Promise<number> {
  // The garbage of the other variant must not be collected during this measurement.
  globalThis.gc?.();
  const before = performance.now();
  for (let i = 0; i < cycles; i++) await cycle();
  return (cycles * 1_000) / (performance.now() - before);
}

/** A separate file beside the store, with the same journal and the same syncs, and one row in each transaction. */
function openBare(path: string): { write: () => void; close: () => void } {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE row (n INTEGER PRIMARY KEY, body TEXT)');
  const insert = db.prepare('INSERT INTO row (body) VALUES (?)');
  return {
    write() {
      for (let i = 0; i < 3; i++) insert.run(instructions);
    },
    close: () => db.close(),
  };
}
