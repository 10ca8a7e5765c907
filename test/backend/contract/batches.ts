import { expect } from 'vitest';
import type { TaskRequest } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  claimed,
  complete,
  done,
  everything,
  idsOf,
  QUEUE,
  refused,
  submit,
  commitOne,
  typesOf,
} from './checked-requests.ts';

/** A backend records all requests of a batch, or none. */
export const batches: Theme = (check) => {
  check('a batch records all its requests and returns their outcomes in the same order', async ({ open }) => {
    const backend = await open();
    const ids = Array.from({ length: 300 }, (_, n) => `row-${String(n).padStart(3, '0')}`);
    const outcomes = await backend.commit(ids.map((id) => submit(id)));
    expect(outcomes.map(({ task, changed, refusal }) => [task?.id, changed, refusal])).toEqual(
      ids.map((id) => [id, true, undefined]),
    );
    const other = await open();
    expect(await idsOf(other.list({ limit: 1_000 }))).toEqual(ids.toReversed());
    expect(await typesOf(other.history('row-299'))).toEqual(['submitted']);
  });

  check('a batch may end hundreds of tasks of one role', async ({ open }) => {
    const backend = await open();
    const ids = Array.from({ length: 150 }, (_, n) => `row-${String(n).padStart(3, '0')}`);
    await backend.commit(ids.map((id) => submit(id)));
    const outcomes = await backend.commit(ids.map((id) => complete(id)));
    expect(outcomes.every(({ changed, task }) => changed && task?.status === 'completed')).toBe(true);
    const other = await open();
    expect((await other.counts()).roles[0]!.tasks).toMatchObject({ queued: 0, completed: 150 });
    expect(await idsOf(other.inbox(QUEUE, 1_000))).toEqual(ids);
  });

  check('a request of a batch sees the changes of the earlier requests in the batch', async ({ open }) => {
    const backend = await open();
    const outcomes = await backend.commit([submit('a'), complete('a'), submit('b'), submit('a'), complete('a')]);
    expect(outcomes.map((outcome) => outcome.changed)).toEqual([true, true, true, false, false]);
    expect(outcomes.at(-1)!.task).toMatchObject({ status: 'completed' });
    expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'completed']);
  });

  for (const [place, at] of [
    ['first', 0],
    ['middle', 2],
    ['last', 4],
  ] as const) {
    check(`a conflict in the ${place} row undoes the whole batch, the log included`, async ({ open }) => {
      const backend = await open();
      await done(backend, submit('taken'), submit('b'));
      const before = await everything(backend);
      const batch: TaskRequest[] = [submit('c'), complete('b'), submit('d'), submit('e')];
      batch.splice(at, 0, submit('taken', { instructions: 'something else' }));
      const outcomes = await backend.commit(batch);
      expect(outcomes).toHaveLength(5);
      expect(outcomes.map((outcome) => outcome.refusal?.code)).toEqual(
        batch.map((_, n) => (n === at ? 'conflict' : undefined)),
      );
      expect(await everything(backend)).toEqual(before);
      const other = await open();
      expect(await everything(other)).toEqual(before);
      expect(await other.history('c')).toEqual([]);
      expect(await other.history('b')).toHaveLength(1);
      expect(await other.audit(false)).toEqual([]);
    });
  }

  check('a refused batch can be committed again after it was corrected', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('taken'));
    await backend.commit([submit('a'), submit('taken', { instructions: 'something else' }), submit('b')]);
    const outcomes = await backend.commit([submit('a'), submit('taken'), submit('b')]);
    expect(outcomes.map((outcome) => outcome.changed)).toEqual([true, false, true]);
    expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['b', 'a', 'taken']);
  });

  check(
    'the history records the refusal of a single request, but not the refusal of a request in a batch',
    async ({ open }) => {
      const backend = await open();
      await done(backend, submit('a'));
      await claimed(backend);
      await done(backend, complete('a', 1, { summary: 'first' }));
      const late = complete('a', 1, { summary: 'second' });
      await backend.commit([submit('b'), late]);
      expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'claimed', 'completed']);
      await refused(backend, late, 'conflict');
      expect(await typesOf(backend.history('a'))).toEqual(['submitted', 'claimed', 'completed', 'refused']);
      expect(await backend.task('a')).toMatchObject({ refused: 1, completion: { summary: 'first' } });
    },
  );

  check('a batch that contains the same submit twice creates one task', async ({ open }) => {
    const backend = await open();
    const outcomes = await backend.commit([submit('a'), submit('a')]);
    expect(outcomes.map((outcome) => outcome.changed)).toEqual([true, false]);
    expect(await typesOf(backend.history('a'))).toEqual(['submitted']);
  });

  check('two different submits under one id undo the batch', async ({ open }) => {
    const backend = await open();
    await backend.commit([submit('b'), submit('a'), submit('a', { instructions: 'something else' })]);
    expect(await backend.list({ limit: 10 })).toEqual([]);
  });

  check('commit accepts any iterable of requests', async ({ open }) => {
    const backend = await open();
    function* requests() {
      for (const id of ['a', 'b']) yield submit(id);
    }
    expect(await backend.commit(requests())).toHaveLength(2);
    expect(await idsOf(backend.list({ limit: 10 }))).toEqual(['b', 'a']);
  });

  check('an iterable that throws leaves no change, and the backend still accepts requests', async ({ open }) => {
    const backend = await open();
    function* requests() {
      yield submit('a');
      throw new Error('the file ended');
    }
    await expect(backend.commit(requests())).rejects.toThrow('the file ended');
    expect(await backend.list({ limit: 10 })).toEqual([]);
    expect((await commitOne(backend, submit('a'))).changed).toBe(true);
  });

  check('an empty batch changes nothing', async ({ open }) => {
    const backend = await open();
    expect(await backend.commit([])).toEqual([]);
    expect(await backend.list({ limit: 10 })).toEqual([]);
  });

  check('a batch that was undone sends no messages', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await backend.commit([complete('a'), submit('a', { instructions: 'something else' })]);
    expect(await backend.inbox(QUEUE, 10)).toEqual([]);
    expect((await backend.counts()).roles[0]!.tasks).toMatchObject({ queued: 1, completed: 0 });
  });
};
