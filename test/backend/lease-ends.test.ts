import { expect, onTestFinished, test } from 'vitest';
import { Cache } from '../../src/backend/amqp/cache/cache.ts';
import type { BrokerClock } from '../../src/backend/amqp/log/broker-clock.ts';
import { LeaseEnds } from '../../src/backend/amqp/tasks/lease-ends.ts';
import { insert } from '../../src/backend/projection/rows.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import type { Task } from '../../src/core/task/task.ts';
import { envelope } from './contract/checked-requests.ts';
import { scratchFolder } from './support/scratch.ts';

/** The entries before this offset are old enough for the lease to have ended, by the clock of the broker. */
const AGED_BEFORE = 10;

/** A running task, and the entry, the clock and the length in ms of its lease. */
function running(lease: { readonly offset: number; readonly clock: string; readonly span: number }) {
  const given = { now: 1_000, random: () => 0 };
  const { task: submitted } = decide(undefined, { type: 'submit', envelope: envelope('t') }, given);
  const task = decide(submitted, { type: 'claim', worker: 'w', lease: lease.span }, given).task as Task;
  const cache = new Cache(scratchFolder(), 'broker', 0o600);
  onTestFinished(() => cache.close());
  insert(cache.db, task, 1);
  cache.db.run(
    'INSERT INTO lease (task, offset, span, clock) VALUES (1, ?, ?, ?)',
    lease.offset,
    lease.span,
    lease.clock,
  );
  const asked: number[] = [];
  const agedBefore = async (seconds: number) => {
    asked.push(seconds);
    return AGED_BEFORE;
  };
  const brokerClock = { agedBefore, ahead: 0 } as unknown as BrokerClock;
  return { task, asked, cache, ends: new LeaseEnds({ cache, brokerClock, clockId: () => 'here', onAhead: () => {} }) };
}

test('a lease that this machine granted is over by its own clock, and the broker is not asked', async () => {
  const { task, asked, ends } = running({ offset: 99, clock: 'here', span: 60_000 });
  expect(ends.isOver(task)).toBe(true);
  expect(await ends.judge([task])).toBe(false);
  expect(asked).toEqual([]);
});

for (const clock of ['there', '']) {
  const whose = clock === '' ? 'an unnamed clock' : 'another clock';

  test(`a lease by ${whose} is over if its entry is old enough for the broker`, async () => {
    const { task, asked, ends } = running({ offset: AGED_BEFORE - 1, clock, span: 1_500 });
    expect(ends.isOver(task)).toBeUndefined();
    expect(await ends.judge([task])).toBe(true);
    expect(ends.isOver(task)).toBe(true);
    expect(await ends.judge([task])).toBe(false);
    expect(asked).toEqual([2]);
  });

  test(`a lease by ${whose} is live if its entry is younger`, async () => {
    const { task, ends } = running({ offset: AGED_BEFORE, clock, span: 60_000 });
    expect(await ends.judge([task])).toBe(true);
    expect(ends.isOver(task)).toBe(false);
    expect(await ends.judge([task])).toBe(false);
  });
}

test('a lease that the broker never shows as over ends after its length', async () => {
  const { task, ends } = running({ offset: AGED_BEFORE, clock: 'there', span: 300 });
  await ends.judge([task]);
  await expect.poll(() => ends.isOver(task), { timeout: 10_000 }).toBe(true);
});

test('a lease that was over is judged again when it was extended', async () => {
  const { task, cache, asked, ends } = running({ offset: AGED_BEFORE - 1, clock: 'there', span: 1_000 });
  await ends.judge([task]);
  expect(ends.isOver(task)).toBe(true);
  cache.db.run('UPDATE lease SET span = span + 60000');
  expect(ends.isOver(task)).toBeUndefined();
  await ends.judge([task]);
  expect(asked).toEqual([1, 61]);
});
