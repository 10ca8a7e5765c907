import { expect } from 'vitest';
import type { Backend, EndedQuestion } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  dismiss,
  done,
  fail,
  MINUTE,
  requestOf,
  redo,
  retry,
  submit,
  untilSent,
} from './checked-requests.ts';

async function ends(backend: Backend, question: Partial<EndedQuestion> = { from: 'lead' }) {
  const { tasks, place, more, earlier } = await backend.ended({ limit: 100, ...question });
  return { ids: tasks.map(({ id }) => id), place, more, earlier };
}

/** Every end after a place, asked for in portions. */
async function portions(backend: Backend, after: string, limit: number): Promise<string[]> {
  const told: string[] = [];
  for (let place = after, more = true; more;) {
    const next = await ends(backend, { from: 'lead', after: place, limit });
    told.push(...next.ids);
    ({ place, more } = next);
  }
  return told;
}

/** Which tasks have ended since an earlier answer. */
export const endings: Theme = (check) => {
  check('an end is told once, in the order of the log', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'), submit('d', { from: 'other' }), submit('e'));
    await claimed(backend);
    const begin = await ends(backend);
    expect(begin).toMatchObject({ ids: [], more: false });
    await done(backend, complete('b'), cancel('a', 'no'));
    const first = await ends(backend, { from: 'lead', after: begin.place });
    expect(first.ids).toEqual(['b', 'a']);
    expect((await ends(backend, { from: 'lead', after: first.place })).ids).toEqual([]);
    // At the same time as the ends before, and dated before them.
    await backend.commit([{ ...complete('c'), at: clock.now() - MINUTE }]);
    await done(backend, complete('d'));
    const second = await ends(backend, { from: 'lead', after: first.place });
    expect(second.ids).toEqual(['c']);
    expect((await ends(backend, { from: 'lead', after: begin.place })).ids).toEqual(['b', 'a', 'c']);
    expect((await ends(backend, { ids: ['d', 'e'], after: first.place })).ids).toEqual(['d']);
    expect((await ends(backend)).ids.toSorted()).toEqual(['a', 'b', 'c']);
    expect((await ends(backend, { ids: ['a', 'd', 'e'] })).ids.toSorted()).toEqual(['a', 'd']);
  });

  check('the last ends are told first, with the number of those before', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'), submit('d'));
    for (const id of ['c', 'b', 'a']) {
      clock.advance(MINUTE);
      await done(backend, cancel(id));
    }
    const first = await ends(backend, { from: 'lead', limit: 2 });
    expect(first).toMatchObject({ ids: ['b', 'a'], more: false, earlier: 1 });
    expect(await ends(backend, { from: 'lead', limit: 3 })).toMatchObject({ ids: ['c', 'b', 'a'], earlier: 0 });
    await done(backend, cancel('d'));
    expect(await ends(backend, { from: 'lead', after: first.place })).toMatchObject({ ids: ['d'], earlier: 0 });
  });

  check('a task that was taken back and ends again is told again', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'), fail('a'), fail('b'));
    const { place } = await ends(backend);
    await done(backend, dismiss('b'), retry('a'));
    expect((await ends(backend, { from: 'lead', after: place })).ids).toEqual([]);
    await done(backend, cancel('a'), complete('c'), redo('c', 'not good'));
    expect((await ends(backend, { from: 'lead', after: place })).ids).toEqual(['a']);
    await claimed(backend);
    await done(backend, complete('c', 2));
    expect((await ends(backend, { from: 'lead', after: place })).ids).toEqual(['a', 'c']);
  });

  check('ends of one batch are all told, in portions too', async ({ open }) => {
    const backend = await open();
    const ids = ['a', 'b', 'c', 'd'];
    await backend.commit(ids.map((id) => submit(id)));
    const { place } = await ends(backend);
    await backend.commit(ids.slice(0, 3).map((id) => cancel(id)));
    await done(backend, complete('d'));
    expect((await portions(backend, place, 1)).toSorted()).toEqual(ids);
  });

  check('an end by time alone is told', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }), submit('b'));
    const { place, open: pending, next_due } = await backend.ended({ from: 'lead', limit: 1 });
    expect({ pending, next_due }).toEqual({ pending: 2, next_due: clock.now() + MINUTE });
    clock.advance(2 * MINUTE);
    expect((await ends(backend, { from: 'lead', after: place })).ids).toEqual(['a']);
  });

  check('a place holds for other connections, and after the last tasks were pruned', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'), complete('b'), complete('c'));
    await untilSent(backend);
    const { place } = await ends(backend);
    clock.advance(MINUTE);
    const prune = { type: 'prune', before: clock.now(), keep_dead: false, remember: 10 * MINUTE } as const;
    await backend.commit([requestOf('b', prune), requestOf('c', prune)]);
    const other = await open();
    await done(other, complete('a'));
    expect((await ends(backend, { from: 'lead', after: place })).ids).toEqual(['a']);
    expect((await ends(other, { from: 'lead', after: place })).ids).toEqual(['a']);
  });

  check('a place that is not of this queue is refused', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    for (const after of ['', 'x.y', '0.zzzzz', 'zzzzz', '-', '0.-5', '7.2'])
      await expect(ends(backend, { from: 'lead', after })).rejects.toMatchObject({ code: 'usage' });
  });
};
