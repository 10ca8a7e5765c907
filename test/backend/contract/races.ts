import { expect } from 'vitest';
import type { Backend, Outcome, TaskRequest } from '../../../src/backend/backend.ts';
import type { Harness, Theme } from './harness.ts';
import {
  claimRequest,
  cancel,
  claimed,
  complete,
  done,
  fold,
  idsOf,
  LEASE,
  requestOf,
  submit,
  commitOne,
  typesOf,
} from './checked-requests.ts';

/** Time limit for the concurrent claims, in ms. */
const TIME_LIMIT = 30_000;

/** Several connections at once: the first request wins, and all connections see the same result. */
export const races: Theme = (check) => {
  check('of many workers that claim many tasks at once, exactly one gets each attempt', async ({ open }) => {
    const connections = await several(open, 4);
    const ids = Array.from({ length: 60 }, (_, n) => `t${n}`);
    await connections[0]!.commit(ids.map((id) => submit(id)));
    const given: string[] = [];
    const work = async (backend: Backend, worker: string) => {
      for (const deadline = Date.now() + TIME_LIMIT; given.length < ids.length && Date.now() < deadline;) {
        const { task } = await backend.claim(claimRequest({ worker }));
        if (!task) continue;
        expect(task.lease).toMatchObject({ attempt: 1, worker });
        given.push(task.id);
      }
    };
    await Promise.all(connections.flatMap((one, c) => [0, 1, 2].map((w) => work(one, `worker-${c}-${w}`))));
    expect(given.toSorted()).toEqual(ids.toSorted());
    for (const id of ids) expect(await typesOf(connections[1]!.history(id))).toEqual(['submitted', 'claimed']);
  });

  check('of many workers that claim one task at once, exactly one gets it', async ({ open }) => {
    const connections = await several(open, 4);
    await done(connections[0]!, submit('a'));
    const answers = await Promise.all(connections.map((one, n) => one.claim(claimRequest({ worker: `worker-${n}` }))));
    const winners = answers.flatMap((answer) => answer.task ?? []);
    expect(winners).toHaveLength(1);
    expect(await connections[0]!.task('a')).toEqual(winners[0]);
  });

  check('of many claims by id at once, one is accepted and the others are refused', async ({ open }) => {
    const connections = await several(open, 4);
    await done(connections[0]!, submit('a'));
    const outcomes = await together(connections, (n) =>
      requestOf('a', { type: 'claim', worker: `worker-${n}`, lease: LEASE }),
    );
    const winner = onlyWinner(outcomes);
    expect(await connections[0]!.task('a')).toMatchObject({ lease: { attempt: 1, worker: `worker-${winner}` } });
    for (const { refusal } of outcomes.filter((_, n) => n !== winner))
      expect(refusal).toMatchObject({ code: 'conflict' });
  });

  check(
    'of several completions at once, one is accepted and the history records the others as refused',
    async ({ open }) => {
      const connections = await several(open, 3);
      await done(connections[0]!, submit('a'));
      await claimed(connections[0]!);
      const outcomes = await together(connections, (n) => complete('a', 1, { summary: `summary ${n}` }));
      const winner = onlyWinner(outcomes);
      expect(await connections[0]!.task('a')).toMatchObject({
        completion: { summary: `summary ${winner}` },
        refused: 2,
      });
      expect(await typesOf(connections[2]!.history('a'))).toEqual([
        'submitted',
        'claimed',
        'completed',
        'refused',
        'refused',
      ]);
      expect(await connections[0]!.inbox('results.lead', 10)).toHaveLength(1);
    },
  );

  check('of a completion and a cancellation at once, one is accepted and the other is refused', async ({ open }) => {
    const [here, there] = await several(open, 2);
    const ids = Array.from({ length: 10 }, (_, n) => `t${n}`);
    for (const id of ids) {
      await done(here!, submit(id));
      await claimed(here!);
      const pair = [commitOne(here!, complete(id, 1)), commitOne(there!, cancel(id))];
      const outcomes = await Promise.all(pair);
      const winner = onlyWinner(outcomes);
      const task = await here!.task(id);
      expect(task!.status).toBe(winner === 0 ? 'completed' : 'cancelled');
      expect(await there!.task(id)).toEqual(task);
      expect(fold(await there!.history(id))).toEqual(task);
    }
  });

  check('of several identical submits at once, one creates the task and none is refused', async ({ open }) => {
    const connections = await several(open, 4);
    const outcomes = await together(connections, () => submit('a'));
    expect(outcomes.filter((outcome) => outcome.changed)).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.refusal)).toEqual([]);
    expect(await typesOf(connections[3]!.history('a'))).toEqual(['submitted']);
  });

  check(
    'of different submits under one id at once, one creates the task and the others are refused',
    async ({ open }) => {
      const connections = await several(open, 4);
      const outcomes = await together(connections, (n) => submit('a', { instructions: `version ${n}` }));
      const winner = onlyWinner(outcomes);
      expect(outcomes.filter((outcome) => outcome.refusal?.code === 'conflict')).toHaveLength(3);
      expect((await connections[0]!.task('a'))!.envelope.instructions).toBe(`version ${winner}`);
    },
  );

  check('of conflicting batches at once, one is recorded completely and the others not at all', async ({ open }) => {
    const connections = await several(open, 3);
    const rows = (n: number): TaskRequest[] => [
      submit(`own-${n}-1`),
      submit('shared', { instructions: `version ${n}` }),
      submit(`own-${n}-2`),
    ];
    const answers = await Promise.all(connections.map((one, n) => one.commit(rows(n))));
    const winners = answers.flatMap((outcomes, n) => (outcomes.some((outcome) => outcome.refusal) ? [] : [n]));
    expect(winners).toHaveLength(1);
    const ids = rows(winners[0]!).map((request) => request.task_id);
    for (const one of connections) expect(await idsOf(one.list({ limit: 10 }))).toEqual(ids.toReversed());
  });

  check('concurrent submits are all recorded, and every connection sees the same order', async ({ open }) => {
    const connections = await several(open, 4);
    await Promise.all(
      connections.map(async (one, c) => {
        for (let n = 0; n < 10; n++) await done(one, submit(`t-${c}-${n}`));
      }),
    );
    const orders = await Promise.all(connections.map((one) => idsOf(one.list({ limit: 100 }))));
    expect(orders[0]).toHaveLength(40);
    for (const order of orders) expect(order).toEqual(orders[0]);
    for (const c of [0, 1, 2, 3]) {
      const own = orders[0]!.filter((id) => id.startsWith(`t-${c}-`));
      expect(own).toEqual(Array.from({ length: 10 }, (_, n) => `t-${c}-${9 - n}`));
    }
  });
};

async function several(open: Harness['open'], n: number): Promise<Backend[]> {
  const connections: Backend[] = [];
  for (let i = 0; i < n; i++) connections.push(await open());
  return connections;
}

/** Each connection commits its request at the same time. */
function together(connections: readonly Backend[], request: (n: number) => TaskRequest): Promise<Outcome[]> {
  return Promise.all(connections.map((one, n) => commitOne(one, request(n))));
}

/** Checks that one outcome changed its task and all others were refused. @returns the index of that outcome */
function onlyWinner(outcomes: readonly Outcome[]): number {
  const winners = outcomes.flatMap((outcome, n) => (outcome.changed ? [n] : []));
  expect(winners).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome.refusal)).toHaveLength(outcomes.length - 1);
  return winners[0]!;
}
