import { expect } from 'vitest';
import type { Backend, TaskRequest } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  claimRequest,
  claimed,
  complete,
  done,
  everything,
  fail,
  idsOf,
  QUEUE,
  refused,
  retry,
  requestOf,
  untilSent,
  submit,
  commitOne,
  typesOf,
} from './checked-requests.ts';

const DAY = 86_400_000;
const YEAR = 365 * DAY;

const prune = (id: string, before: number, keep_dead = false): TaskRequest =>
  requestOf(id, { type: 'prune', before, keep_dead, remember: YEAR });

/** Prunes these tasks in one batch. @returns the ids of the tasks that were pruned */
async function pruned(backend: Backend, before: number, ...ids: readonly string[]): Promise<string[]> {
  const outcomes = await backend.commit(ids.map((id) => prune(id, before)));
  expect(outcomes.map(({ refusal }) => refusal)).toEqual(ids.map(() => undefined));
  return ids.filter((_, n) => outcomes[n]!.changed);
}

/** Old finished tasks are removed; their ids stay known. */
export const pruning: Theme = (check) => {
  check('neither a refused change nor a purge makes an ended task younger', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('late'), submit('purged'), fail('late'), fail('purged'));
    await untilSent(backend);
    const ended = clock.now();
    clock.advance(DAY);
    await refused(backend, complete('late'), 'conflict');
    expect(await backend.task('late')).toMatchObject({ refused: 1, updated_at: ended });
    await done(backend, requestOf('purged', { type: 'dismiss', by: 'lead' }));
    expect(await pruned(backend, clock.now(), 'late', 'purged')).toEqual(['late', 'purged']);
  });

  check('the age of an expired task counts from when its end was recorded', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a', { ttl_seconds: 60 }));
    const expired_at = clock.now() + 60_000;
    clock.advance(DAY);
    const recorded_at = clock.now();
    expect(await pruned(backend, recorded_at, 'a')).toEqual([]);
    expect(await backend.task('a')).toMatchObject({ status: 'expired', expired_at, recorded_at });
    await untilSent(backend);
    clock.advance(1);
    expect(await idsOf(backend.inbox(QUEUE, 10))).toEqual(['a']);
    expect(await pruned(backend, recorded_at, 'a')).toEqual([]);
    expect(await pruned(backend, clock.now(), 'a')).toEqual(['a']);
  });

  check('no answer on any connection contains a pruned task', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('old'), submit('open'), complete('old'));
    await untilSent(backend);
    clock.advance(DAY);
    expect(await pruned(backend, clock.now(), 'old', 'open', 'missing')).toEqual(['old']);
    for (const one of [backend, await open()]) {
      expect(await one.task('old')).toBeUndefined();
      expect(await one.history('old')).toEqual([]);
      expect(await idsOf(one.list({ limit: 10 }))).toEqual(['open']);
      expect(await idsOf(one.inbox(QUEUE, 10))).toEqual([]);
      expect((await one.counts()).roles).toMatchObject([{ tasks: { queued: 1, completed: 0 } }]);
      expect(await one.audit(false)).toEqual([]);
      expect(await one.pruned('old')).toEqual({
        id: 'old',
        status: 'completed',
        pruned_at: clock.now(),
        known_until: clock.now() + YEAR,
      });
      expect(await one.pruned('open')).toBeUndefined();
    }
  });

  check(
    'prune removes only finished tasks of the given age, and keeps dead letters if the request says so',
    async (harness) => {
      const { open, clock } = harness;
      const backend = await open();
      await done(backend, submit('young'), submit('dead'), fail('dead'));
      clock.advance(DAY);
      await done(backend, complete('young'));
      const outcomes = await backend.commit([prune('young', clock.now()), prune('dead', clock.now(), true)]);
      expect(outcomes.map(({ changed, task }) => [changed, task?.id])).toEqual([
        [false, 'young'],
        [false, 'dead'],
      ]);
      expect(await pruned(backend, clock.now(), 'young', 'dead')).toEqual(['dead']);
      expect((await backend.counts()).dead).toBe(0);
    },
  );

  check('a repeated submit of a pruned task creates no second task', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), complete('a'));
    clock.advance(DAY);
    await pruned(backend, clock.now(), 'a');
    clock.advance(DAY);
    for (const one of [backend, await open()]) {
      const { refusal, task } = await refused(one, submit('a'), 'conflict');
      expect({ task, message: refusal!.message }).toEqual({
        task: undefined,
        message: expect.stringMatching(/^a \(completed\) was pruned on \d{4}-\d\d-\d\d$/) as string,
      });
      await refused(one, complete('a', 1), 'not-found');
    }
    const batch = await backend.commit([submit('b'), submit('a')]);
    expect(batch.map(({ refusal }) => refusal?.code)).toEqual([undefined, 'conflict']);
    expect(await backend.list({ limit: 10 })).toEqual([]);
  });

  check('the id of a pruned task can be used again after the time to remember it', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), complete('a'));
    clock.advance(DAY);
    await pruned(backend, clock.now(), 'a');
    clock.advance(YEAR);
    expect(await backend.pruned('a')).toBeUndefined();
    await done(backend, submit('a', { instructions: 'something new' }));
    const other = await open();
    expect(await typesOf(other.history('a'))).toEqual(['submitted']);
    expect(await claimed(other)).toMatchObject({ id: 'a', envelope: { instructions: 'something new' } });
    expect(await other.audit(false)).toEqual([]);
  });

  check('a request of a batch sees that an earlier request pruned the task', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('a'), complete('a'));
    clock.advance(DAY);
    const before = await everything(backend);
    const outcomes = await backend.commit([prune('a', clock.now()), submit('a')]);
    expect(outcomes.map(({ refusal }) => refusal?.code)).toEqual([undefined, 'conflict']);
    expect(await everything(backend)).toEqual(before);
    const again = await backend.commit([prune('a', clock.now()), prune('a', clock.now())]);
    expect(again.map(({ changed }) => changed)).toEqual([true, false]);
  });

  check(
    'the backend returns the evidence of pruned tasks until it was told that the evidence is removed',
    async ({ open, clock }) => {
      const backend = await open();
      await done(backend, submit('a'), submit('b'), complete('a', undefined, { summary: 'kept' }), complete('b'));
      clock.advance(DAY);
      await pruned(backend, clock.now(), 'a', 'b');
      expect(await backend.prunedEvidence(10)).toMatchObject([
        { id: 'a', completion: { summary: 'kept' } },
        { id: 'b', status: 'completed' },
      ]);
      expect(await idsOf(backend.prunedEvidence(1))).toEqual(['a']);
      await backend.evidenceRemoved(['a']);
      expect(await idsOf(backend.prunedEvidence(10))).toEqual(['b']);
      await backend.evidenceRemoved(['b']);
      expect(await backend.prunedEvidence(10)).toEqual([]);
      await refused(backend, submit('a'), 'conflict');
    },
  );

  check('other connections submit, claim and complete while tasks are pruned', async ({ open, clock }) => {
    const [one, two, three] = [await open(), await open(), await open()];
    const ids = (prefix: string) => Array.from({ length: 40 }, (_, n) => `${prefix}-${n}`);
    await one.commit(ids('old').map((id) => submit(id)));
    await one.commit(ids('old').map((id) => complete(id)));
    clock.advance(DAY);
    const before = clock.now();
    const work = async (backend: Backend, prefix: string) => {
      for (const id of ids(prefix)) {
        await done(backend, submit(id));
        const { task } = await backend.claim(claimRequest());
        if (task) await done(backend, complete(task.id, task.lease.attempt));
      }
    };
    const prunes = async () => {
      const gone: string[] = [];
      for (let n = 0; n < 40; n += 4) gone.push(...(await pruned(one, before, ...ids('old').slice(n, n + 4))));
      return gone;
    };
    const [gone] = await Promise.all([prunes(), work(two, 'b'), work(three, 'c')]);
    expect(gone).toEqual(ids('old'));
    const all = await one.list({ limit: 1_000 });
    expect(all.map(({ id }) => id).toSorted()).toEqual([...ids('b'), ...ids('c')].toSorted());
    expect(all.every(({ attempts }) => attempts.length <= 1)).toBe(true);
    expect(await one.audit(false)).toEqual([]);
  });

  check(
    'a dead letter that is retried and pruned at the same time is either retried or pruned',
    async ({ open, clock }) => {
      const [one, two] = [await open(), await open()];
      for (const id of ['a', 'b', 'c']) await done(one, submit(id), fail(id));
      clock.advance(DAY);
      const [gone, answer] = await Promise.all([pruned(one, clock.now(), 'a', 'b', 'c'), commitOne(two, retry('b'))]);
      expect(gone).toEqual(answer.changed ? ['a', 'c'] : ['a', 'b', 'c']);
      const third = await open();
      expect(await idsOf(third.list({ limit: 10 }))).toEqual(answer.changed ? ['b'] : []);
      expect(await third.audit(false)).toEqual([]);
    },
  );
};
