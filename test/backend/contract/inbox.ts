import { expect } from 'vitest';
import type { Backend } from '../../../src/backend/backend.ts';
import type { Theme } from './harness.ts';
import {
  cancel,
  claimed,
  complete,
  done,
  fail,
  idsOf,
  MINUTE,
  QUEUE,
  refused,
  release,
  retry,
  submit,
} from './checked-requests.ts';

const ALL = 100;

/** The ids of the tasks in a queue. Checks that `inbox` and `inboxIds` return the same. */
async function ids(backend: Backend, queue = QUEUE, limit = ALL): Promise<readonly string[]> {
  const found = await idsOf(backend.inbox(queue, limit));
  if (limit === ALL) expect(await backend.inboxIds(queue)).toEqual(new Set(found));
  return found;
}

async function acknowledge(backend: Backend, limit = 100, queue = QUEUE): Promise<void> {
  await (await backend.take(queue, limit)).acknowledge();
}

/** The result messages that wait for a coordinator. */
export const inbox: Theme = (check) => {
  check('every task that ends sends one message: completed, failed, cancelled or expired', async ({ open, clock }) => {
    const backend = await open();
    await done(backend, submit('completed'), complete('completed'));
    await done(backend, submit('failed'), fail('failed'));
    await done(backend, submit('cancelled'), cancel('cancelled'));
    await done(backend, submit('expired', { ttl_seconds: 60 }));
    clock.advance(MINUTE);
    const tasks = await backend.inbox(QUEUE, 10);
    expect(tasks.map((task) => [task.id, task.status])).toEqual(
      ['completed', 'failed', 'cancelled', 'expired'].map((status) => [status, status]),
    );
    expect(tasks[0]).toEqual(await backend.task('completed'));
  });

  check('each task that ended in one batch sends a message', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'));
    await backend.commit([complete('a'), cancel('b'), fail('c')]);
    expect((await ids(backend)).toSorted()).toEqual(['a', 'b', 'c']);
    await acknowledge(backend);
    expect(await ids(backend)).toEqual([]);
  });

  check(
    'a dead letter that is retried and cancelled in one batch sends a message with its new status',
    async ({ open }) => {
      const backend = await open();
      await done(backend, submit('a'), fail('a'));
      await acknowledge(backend);
      await backend.commit([retry('a'), cancel('a')]);
      expect((await backend.inbox(QUEUE, 10)).map(({ id, status }) => [id, status])).toEqual([['a', 'cancelled']]);
      await acknowledge(backend);
      expect(await ids(backend)).toEqual([]);
    },
  );

  check('a task that has not ended sends no message', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('queued'), submit('scheduled', { delay_seconds: 60 }));
    await done(backend, submit('back', { priority: 'high' }));
    await claimed(backend);
    await done(backend, release('back', 1));
    await claimed(backend);
    const backoff = { base: MINUTE, factor: 2, max: MINUTE, jitter: 0 };
    await done(backend, fail('back', 2, { backoff }));
    expect(await ids(backend)).toEqual([]);
  });

  check('messages come in the order in which the tasks ended', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), submit('b'), submit('c'));
    await done(backend, complete('b'), cancel('c'), complete('a'));
    expect(await ids(backend)).toEqual(['b', 'c', 'a']);
  });

  check('messages stay until they are acknowledged, for every reader', async ({ open }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'), complete('a'), submit('b'), complete('b'));
    for (const reader of [here, there, here]) expect(await ids(reader)).toEqual(['a', 'b']);
    await acknowledge(here);
    expect(await ids(here)).toEqual([]);
    expect(await ids(there)).toEqual([]);
    expect(await here.task('a')).toMatchObject({ status: 'completed' });
  });

  check('an acknowledgement removes the messages that were read, and no later ones', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), complete('a'));
    const read = await backend.take(QUEUE, 10);
    await done(backend, submit('b'), complete('b'));
    await read.acknowledge();
    expect(await ids(backend)).toEqual(['b']);
    await read.acknowledge();
    expect(await ids(backend)).toEqual(['b']);
  });

  check('no other reader sees the messages that one reader has taken, until it releases them', async ({ open }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'), complete('a'), submit('b'), complete('b'));
    const read = await here.take(QUEUE, 1);
    expect(read.tasks).toMatchObject([{ id: 'a' }]);
    for (const other of [there, here]) expect(await ids(other)).toEqual(['b']);
    const second = await there.take(QUEUE, 10);
    expect(second.tasks).toMatchObject([{ id: 'b' }]);
    expect((await here.take(QUEUE, 10)).tasks).toEqual([]);
    await second.release();
    await read.release();
    for (const reader of [there, here]) expect((await ids(reader)).toSorted()).toEqual(['a', 'b']);
    await acknowledge(there);
    expect(await ids(here)).toEqual([]);
  });

  check('of four readers at once, exactly one gets each message', async ({ open }) => {
    const readers = [await open(), await open(), await open(), await open()];
    const sent = Array.from({ length: 20 }, (_, n) => `t${String(n).padStart(2, '0')}`);
    for (const id of sent) await done(readers[0]!, submit(id), complete(id));
    for (const limit of [3, 100]) {
      const taken = await Promise.all(readers.map((reader) => reader.take(QUEUE, limit)));
      const shown = taken.flatMap(({ tasks }) => tasks.map(({ id }) => id));
      expect(new Set(shown).size).toBe(shown.length);
      expect(shown).toHaveLength(limit === 3 ? 12 : 8);
      await Promise.all(taken.map((one) => one.acknowledge()));
    }
    expect(await ids(readers[0]!)).toEqual([]);
  });

  check(
    'messages that a reader took and did not acknowledge before its connection closed are shown again',
    async ({ open, clock }) => {
      const here = await open();
      const there = await open();
      await done(here, submit('a'), complete('a'));
      expect((await here.take(QUEUE, 10)).tasks).toHaveLength(1);
      await here.close();
      clock.advance(MINUTE);
      expect(await ids(there)).toEqual(['a']);
      const read = await there.take(QUEUE, 10);
      expect(read.tasks).toMatchObject([{ id: 'a' }]);
      await read.acknowledge();
      expect(await ids(there)).toEqual([]);
    },
  );

  check('a late release does not take a message from the reader that took it since', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'), complete('a'));
    const read = await here.take(QUEUE, 10);
    clock.advance(MINUTE);
    const taken = await there.take(QUEUE, 10);
    await read.release();
    const again = await here.take(QUEUE, 10);
    expect(taken.tasks.length + again.tasks.length).toBe(1);
    await Promise.all([taken.acknowledge(), again.acknowledge()]);
    expect(await ids(here)).toEqual([]);
  });

  check('a late acknowledgement removes no unread message', async ({ open, clock }) => {
    const here = await open();
    const there = await open();
    await done(here, submit('a'), complete('a'));
    const read = await here.take(QUEUE, 10);
    clock.advance(MINUTE);
    await acknowledge(there);
    await done(there, submit('b'), complete('b'));
    await read.acknowledge();
    expect(await ids(here)).toEqual(['b']);
  });

  check(
    'a read with a limit returns the oldest messages, and after their acknowledgement the next ones',
    async ({ open }) => {
      const backend = await open();
      for (const id of ['a', 'b', 'c', 'd', 'e']) await done(backend, submit(id), complete(id));
      expect(await ids(backend, QUEUE, 2)).toEqual(['a', 'b']);
      await acknowledge(backend, 2);
      expect(await ids(backend, QUEUE, 2)).toEqual(['c', 'd']);
      await acknowledge(backend, 2);
      await acknowledge(backend, 2);
      expect(await ids(backend)).toEqual([]);
      await acknowledge(backend);
    },
  );

  check('each queue has its own messages', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a', { reply_to: 'team.1' }), complete('a'));
    await done(backend, submit('b', { reply_to: 'team.10' }), complete('b'));
    await done(backend, submit('c'), complete('c'));
    expect(await ids(backend, 'team.1')).toEqual(['a']);
    await acknowledge(backend, 100, 'team.1');
    expect(await ids(backend, 'team.10')).toEqual(['b']);
    expect(await ids(backend)).toEqual(['c']);
    expect(await ids(backend, 'no-such-queue')).toEqual([]);
  });

  check('a refused or repeated command sends no second message', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'));
    await claimed(backend);
    await done(backend, complete('a', 1));
    await backend.commit([complete('a', 1)]);
    await refused(backend, complete('a', 1, { summary: 'other' }), 'conflict');
    await refused(backend, cancel('a'), 'conflict');
    expect(await ids(backend)).toEqual(['a']);
    await acknowledge(backend);
    await backend.commit([complete('a', 1)]);
    expect(await ids(backend)).toEqual([]);
  });

  check('a retried task sends another message when it ends again', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), fail('a'));
    await acknowledge(backend);
    await done(backend, retry('a'));
    expect(await ids(backend)).toEqual([]);
    await claimed(backend);
    await done(backend, complete('a', 2));
    expect(await ids(backend)).toEqual(['a']);
  });

  check('the inbox hides the message of a retried task until the task ends again', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), fail('a'), submit('b'), complete('b'), retry('a'));
    expect(await ids(backend)).toEqual(['b']);
    await claimed(backend);
    expect(await ids(backend)).toEqual(['b']);
    await done(backend, complete('a', 2));
    const tasks = await backend.inbox(QUEUE, 10);
    expect(tasks.find((task) => task.id === 'a')).toMatchObject({ status: 'completed' });
  });

  check(
    'the inbox shows a retried task once after it ended again, also if the first message was not read',
    async ({ open }) => {
      const backend = await open();
      await done(backend, submit('a'), fail('a'), retry('a'));
      await claimed(backend);
      await done(backend, complete('a', 2));
      expect(await ids(backend)).toEqual(['a']);
      await acknowledge(backend);
      expect(await ids(backend)).toEqual([]);
    },
  );

  check('a read with a limit returns the messages after the hidden message of a retried task', async ({ open }) => {
    const backend = await open();
    await done(backend, submit('a'), fail('a'), submit('b'), complete('b'), retry('a'));
    expect(await ids(backend, QUEUE, 1)).toEqual(['b']);
  });

  check(
    'an acknowledgement of the first message of a task does not remove the message of its second end',
    async (harness) => {
      const backend = await harness.open();
      await done(backend, submit('a'), fail('a'));
      const read = await backend.take(QUEUE, 10);
      await done(backend, retry('a'));
      await claimed(backend);
      await done(backend, complete('a', 2));
      await read.acknowledge();
      expect(await backend.inbox(QUEUE, 10)).toMatchObject([{ id: 'a', status: 'completed' }]);
    },
  );
};
