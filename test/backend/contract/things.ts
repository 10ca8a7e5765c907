import { expect } from 'vitest';
import type { ThingRequest } from '../../../src/backend/backend.ts';
import { noteOf } from '../../../src/core/note/note.ts';
import type { Theme } from './harness.ts';
import { commitOne, done, submit } from './checked-requests.ts';

const note = (id: string, text: string): ThingRequest => ({
  about: { kind: 'note', id: noteOf(id).id },
  command: { type: 'note', id, text, by: 'lead' },
});
const remove = (id: string): ThingRequest => ({
  about: { kind: 'note', id },
  command: { type: 'remove', id, by: 'lead' },
});

/** Things of other kinds than tasks. */
export const things: Theme = (check) => {
  check('a thing is changed by its commands, and every connection sees it', async ({ open, clock }) => {
    const backend = await open();
    expect(await backend.things('note')).toEqual([]);
    expect(await backend.thing('note', 'b')).toBeUndefined();
    for (const id of ['b', 'a'])
      expect(await commitOne(backend, note(id, `text of ${id}`))).toMatchObject({ changed: true });
    const other = await open();
    const state = { text: 'text of b', by: 'lead', at: clock.now() };
    expect(await other.thing('note', 'b')).toEqual(state);
    expect(await other.things('note')).toMatchObject([{ id: 'a' }, { id: 'b', state }]);
    expect(await commitOne(other, remove('b'))).toMatchObject({ changed: true });
    expect(await commitOne(backend, remove('b'))).toEqual({ task: undefined, changed: false });
    expect(await backend.thing('note', 'b')).toMatchObject({ text: '', removed_at: clock.now() });
  });

  check('a refused command changes nothing', async ({ open }) => {
    const backend = await open();
    expect(await commitOne(backend, remove('x'))).toMatchObject({ changed: false, refusal: { code: 'not-found' } });
    expect(await backend.things('note')).toEqual([]);
  });

  check('a batch about tasks and other things takes effect as a whole, or not at all', async ({ open }) => {
    const backend = await open();
    const outcomes = await backend.commit([submit('t'), note('n', 'one'), remove('n')]);
    expect(outcomes.map(({ changed }) => changed)).toEqual([true, true, true]);
    expect(await backend.thing('note', 'n')).toMatchObject({ text: '' });
    const undone = await backend.commit([submit('u'), note('m', 'one'), remove('missing')]);
    expect(undone.map(({ changed }) => changed)).toEqual([false, false, false]);
    expect([await backend.task('u'), await backend.thing('note', 'm')]).toEqual([undefined, undefined]);
    await done(backend, submit('u'));
  });

  check('of concurrent commands on one thing, one takes effect', async ({ open }) => {
    const connections = await Promise.all([open(), open(), open()]);
    const outcomes = await Promise.all(connections.map((one, n) => commitOne(one, note('n', `by ${n}`))));
    expect(outcomes.filter(({ changed }) => changed)).toHaveLength(1);
    const texts = await Promise.all(connections.map(async (one) => (await one.thing('note', 'n'))?.text));
    expect(new Set(texts).size).toBe(1);
  });
};
