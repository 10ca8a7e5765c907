import { expect } from 'vitest';
import type { Backend, Filter } from '../../../src/backend/backend.ts';
import { statuses } from '../../../src/core/task/task.ts';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  dismiss,
  done,
  fail,
  idsOf,
  MINUTE,
  release,
  retry,
  submit,
} from './checked-requests.ts';

const ids = (backend: Backend, filter: Partial<Filter> = {}) => idsOf(backend.list({ limit: 100, ...filter }));

/** Which tasks a filter shows. */
export const lists: Theme = (check) => {
  check('a list begins with the newest task', async ({ open, clock }) => {
    const backend = await open();
    for (const id of ['b', 'c', 'a']) {
      await done(backend, submit(id));
      clock.advance(MINUTE);
    }
    await done(backend, complete('b'));
    expect(await ids(backend)).toEqual(['a', 'c', 'b']);
  });

  check('a list contains each task in its current state', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'));
    await claimed(backend);
    expect(await backend.list({ limit: 10 })).toEqual([await backend.task('b'), await backend.task('a')]);
  });

  check('a list contains no more tasks than its limit', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'));
    expect(await ids(backend, { limit: 2 })).toEqual(['c', 'b']);
    expect(await ids(backend, { limit: 3 })).toEqual(['c', 'b', 'a']);
  });

  check('pages neither omit nor repeat a task while new tasks arrive', async ({ open }) => {
    const backend = await open();
    for (let n = 0; n < 7; n++) await done(backend, submit(`t${n}`, { from: n % 2 === 0 ? 'even' : 'odd' }));
    const seen: string[] = [];
    for (let before: string | undefined; ;) {
      const page = await ids(backend, { limit: 3, ...(before !== undefined && { before }) });
      seen.push(...page);
      before = page.at(-1);
      await done(backend, submit(`new-${seen.length}`));
      if (page.length < 3) break;
    }
    expect(seen).toEqual(['t6', 't5', 't4', 't3', 't2', 't1', 't0']);
    expect(await ids(backend, { from: 'odd', before: 't5', limit: 1 })).toEqual(['t3']);
    expect(await ids(backend, { before: 't0' })).toEqual([]);
  });

  check('a list shows the tasks of one sender, or of one role', async ({ open }) => {
    const backend = await open();
    await done(
      backend,
      submit('a', { from: 'lead' }),
      submit('b', { from: 'lead.2' }),
      submit('c', { to: 'reviewer' }),
    );
    expect(await ids(backend, { from: 'lead' })).toEqual(['c', 'a']);
    expect(await ids(backend, { from: 'lead.2' })).toEqual(['b']);
    expect(await ids(backend, { from: 'Lead' })).toEqual([]);
    expect(await ids(backend, { role: 'coder' })).toEqual(['b', 'a']);
    expect(await ids(backend, { role: 'reviewer' })).toEqual(['c']);
    expect(await ids(backend, { role: 'no-such-role' })).toEqual([]);
  });

  check('a list shows the tasks in one status, or in one of several', async ({ open, clock }) => {
    const backend = await open();
    await inEveryStatus(backend, (ms) => clock.advance(ms));
    for (const status of statuses) expect(await ids(backend, { statuses: [status] })).toEqual([status]);
    expect(await ids(backend, { statuses: ['failed', 'queued'] })).toEqual(['queued', 'failed']);
    expect(await ids(backend, { statuses: ['queued', 'failed', 'queued'] })).toEqual(['queued', 'failed']);
    expect(await ids(backend, { statuses: ['queued', 'failed'], limit: 1 })).toEqual(['queued']);
    expect(await ids(backend, { statuses: ['queued', 'failed'], before: 'queued' })).toEqual(['failed']);
    expect((await ids(backend, { statuses })).toSorted()).toEqual([...statuses].toSorted());
  });

  check(
    'a list of dead letters contains failed and expired tasks until they are dismissed or retried',
    async (harness) => {
      const backend = await harness.open();
      await inEveryStatus(backend, (ms) => harness.clock.advance(ms));
      await done(backend, submit('second'), fail('second'));
      expect(await ids(backend, { dead: true })).toEqual(['second', 'expired', 'failed']);
      expect(await ids(backend, { dead: true, statuses: ['expired'] })).toEqual(['expired']);
      expect(await ids(backend, { dead: true, limit: 1, before: 'second' })).toEqual(['expired']);
      await done(backend, dismiss('failed'), retry('expired'));
      expect(await ids(backend, { dead: true })).toEqual(['second']);
      expect(await ids(backend, { statuses: ['failed'] })).toEqual(['second', 'failed']);
      expect(await ids(backend, { dead: false })).toHaveLength(statuses.length + 1);
    },
  );

  check('a list can be limited to ids with a prefix, and the prefix is not a pattern', async ({ open }) => {
    const backend = await open();
    for (const id of ['a_b-1', 'aXb-1', 'a', 'A_b-2', 'a.b', 'a-b', 'a_', 'zz']) await done(backend, submit(id));
    expect(await ids(backend, { id_prefix: 'a_' })).toEqual(['a_', 'a_b-1']);
    expect(await ids(backend, { id_prefix: 'a' })).toEqual(['a_', 'a-b', 'a.b', 'a', 'aXb-1', 'a_b-1']);
    expect(await ids(backend, { id_prefix: 'A' })).toEqual(['A_b-2']);
    expect(await ids(backend, { id_prefix: 'a_b-1' })).toEqual(['a_b-1']);
    expect(await ids(backend, { id_prefix: 'a.b' })).toEqual(['a.b']);
    for (const id_prefix of ['%', 'a%', '_', '*', 'a*', '?', '[a]', 'a_b-1x', "'", '\\', 'ü', '💥']) {
      expect(await ids(backend, { id_prefix })).toEqual([]);
    }
    expect(await ids(backend, { id_prefix: '' })).toHaveLength(8);
  });

  check('a list contains only tasks that match every part of its filter', async ({ open }) => {
    const backend = await open();
    for (const from of ['lead', 'boss'])
      for (const to of ['coder', 'reviewer'])
        for (const status of ['queued', 'cancelled']) {
          const id = `${from}-${to}-${status}`;
          await done(backend, submit(id, { from, to }));
          if (status === 'cancelled') await done(backend, cancel(id));
        }
    expect(await ids(backend, { from: 'boss', role: 'coder', statuses: ['cancelled'], id_prefix: 'boss-c' })).toEqual([
      'boss-coder-cancelled',
    ]);
    expect(await ids(backend, { from: 'boss', role: 'coder', id_prefix: 'lead' })).toEqual([]);
    expect(await ids(backend, { from: 'lead', statuses: ['queued'] })).toEqual([
      'lead-reviewer-queued',
      'lead-coder-queued',
    ]);
  });

  listsOfWork(check);
};

/** Filters by the work on a task, and by what its submitter has said about it. */
const listsOfWork: Theme = (check) => {
  check('a list shows the tasks of one type, or of one group', async ({ open }) => {
    const backend = await open();
    await done(
      backend,
      submit('plain'),
      submit('review', { type: 'review' }),
      submit('grouped', { group: 'release' }),
      submit('both', { type: 'review', group: 'release' }),
      complete('both'),
    );
    expect(await ids(backend, { type: 'review' })).toEqual(['both', 'review']);
    expect(await ids(backend, { type: 'task' })).toEqual(['grouped', 'plain']);
    expect(await ids(backend, { group: 'release' })).toEqual(['both', 'grouped']);
    expect(await ids(backend, { group: 'release', type: 'review' })).toEqual(['both']);
    expect(await ids(backend, { group: 'release', statuses: ['queued'], before: 'both' })).toEqual(['grouped']);
    expect(await ids(backend, { group: 'release', limit: 1 })).toEqual(['both']);
    expect(await ids(backend, { group: 'rel' })).toEqual([]);
    expect(await ids(backend, { type: 'review', statuses: ['queued'] })).toEqual(['review']);
  });

  check('a list of a worker contains the tasks that it holds or held in any attempt', async ({ open }) => {
    const backend = await open();
    const by = async (worker: string) => (await claimed(backend, { worker })).lease.attempt;
    await done(backend, submit('shared'));
    await by('w1');
    await done(backend, release('shared', 1));
    await by('w2');
    await done(backend, complete('shared', 2));
    await done(backend, submit('ended'));
    await by('w1');
    await done(backend, complete('ended', 1), submit('held'));
    await by('w1');
    await done(backend, submit('waits'));
    expect(await ids(backend, { worker: 'w1' })).toEqual(['held', 'ended', 'shared']);
    expect(await ids(backend, { worker: 'w2' })).toEqual(['shared']);
    expect(await ids(backend, { worker: 'w1', statuses: ['working', 'queued'] })).toEqual(['held']);
    expect(await ids(backend, { worker: 'w1', statuses: ['completed'], limit: 1 })).toEqual(['ended']);
    expect(await ids(backend, { worker: 'w1', before: 'ended' })).toEqual(['shared']);
    expect(await ids(backend, { worker: 'w' })).toEqual([]);
  });

  check('a list can be limited to the tasks that have changed since a moment', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('old'), complete('old'), submit('dead'), fail('dead'), submit('waits'), submit('late'));
    clock.advance(MINUTE);
    const since = clock.now();
    await done(backend, complete('late'), submit('new'), dismiss('dead'));
    expect(await ids(backend, { since })).toEqual(['new', 'late', 'dead']);
    expect(await ids(backend, { since: since + 1 })).toEqual([]);
    expect(await ids(backend, { since: since - MINUTE })).toHaveLength(5);
    expect(await ids(backend, { since, statuses: ['completed', 'queued'] })).toEqual(['new', 'late']);
    expect(await ids(backend, { since, before: 'new', limit: 1 })).toEqual(['late']);
    expect(await ids(backend, { since, statuses: ['completed'], role: 'no-such-role' })).toEqual([]);
  });
};

/** Creates one task in each status. Its id is the name of the status. */
async function inEveryStatus(backend: Backend, advance: (ms: number) => void): Promise<void> {
  await done(backend, submit('failed'), fail('failed'));
  await done(backend, submit('expired', { ttl_seconds: 60 }));
  advance(MINUTE);
  await done(backend, submit('completed'), complete('completed'), submit('cancelled'), cancel('cancelled'));
  await done(backend, submit('working'));
  await claimed(backend);
  await done(backend, submit('queued'), submit('scheduled', { delay_seconds: 3_600 }));
}
