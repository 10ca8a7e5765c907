import { describe, expect, test } from 'vitest';
import type { Envelope } from '../../src/core/envelope/envelope.ts';
import { usedUpFor } from '../../src/core/budget/used-up.ts';
import { booksOf } from '../../src/core/log/books.ts';
import type { Budget } from '../../src/core/policy/document.ts';
import { decidePolicy, POLICY } from '../../src/core/policy/policy.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import type { Command } from '../../src/core/task/decision/command.ts';
import { FoldedLog } from './folded-log.ts';
import { backoff, claim, complete, fail, MINUTE, release, renew, retry, ROLE, submit, T0 } from './tasks.ts';

const DAY = 86_400_000;

/** A queue: commands are decided and folded as a backend does it. */
class Queue {
  readonly log = new FoldedLog();
  now = T0;

  do(id: string, command: Command) {
    const known = this.log.world.find('task', id);
    const usedUp = (task: Parameters<typeof usedUpFor>[1]) => usedUpFor(booksOf(this.log.world), task, this.now);
    const decision = decide(known, command, { now: this.now, random: () => 0.5, usedUp });
    const applied = decision.events.length > 0 ? this.log.add(...decision.events) : undefined;
    return { ...decision, applied, task: this.log.task(id) };
  }

  submit(id: string, more: Partial<Envelope> = {}): void {
    this.do(id, submit({ task_id: id, ...more }));
  }

  /** Submits, claims and completes a task. */
  spend(id: string, usd: number, more: Partial<Envelope> = {}): void {
    this.submit(id, more);
    this.do(id, claim());
    this.do(id, complete({ by: more.to ?? ROLE, cost: { usd } }));
  }

  apply(...budgets: readonly Budget[]): void {
    const state = this.log.world.find('policy', POLICY.id);
    this.log.add(
      ...decidePolicy(state, { type: 'apply', document: { budgets }, by: 'lead' }, { now: this.now }).events,
    );
  }
}

describe('what was spent', () => {
  test('is added up by role, by group and for all, in total and for the day in UTC, also without a policy', () => {
    const queue = new Queue();
    queue.spend('a', 0.1, { group: 'g' });
    queue.now += DAY;
    queue.spend('b', 0.2, { group: 'g' });
    queue.spend('c', 1, { to: 'other' });
    expect(queue.log.spending('group.g')).toEqual({
      micro_usd: 300_000,
      tokens: 0,
      days: [
        { date: '2027-01-31', micro_usd: 100_000 },
        { date: '2027-02-01', micro_usd: 200_000 },
      ],
    });
    expect(queue.log.spending('all')).toMatchObject({ micro_usd: 1_300_000, days: [{}, { micro_usd: 1_200_000 }] });
    expect(queue.log.spending('role.other')).toMatchObject({ micro_usd: 1_000_000 });
  });

  test('grows by the difference to the last report, and a repeated report changes nothing', () => {
    const queue = new Queue();
    queue.submit('a');
    queue.do('a', claim());
    for (const usd of [1, 3, 3, 2.5]) queue.do('a', renew({ cost: { usd, tokens: 10 } }));
    expect(queue.log.spending('all')).toMatchObject({ micro_usd: 2_500_000, tokens: 10 });
  });

  test('of a day is not less than nothing after a correction of what was spent the day before', () => {
    const queue = new Queue();
    queue.apply({ usd: 5, per: 'day' });
    queue.submit('a');
    queue.do('a', claim('w1', 2 * DAY));
    queue.do('a', renew({ cost: { usd: 4 } }));
    queue.now += DAY;
    queue.do('a', complete({ cost: { usd: 1 } }));
    expect(queue.log.spending('all')).toMatchObject({ micro_usd: 1_000_000, days: [{}, { micro_usd: 0 }] });
    queue.spend('b', 5);
    queue.submit('c');
    expect(queue.do('c', claim()).changed).toBe(false);
  });
});

describe('a task with its own budget', () => {
  test('is stopped by the report that takes it above, and not by one that uses all of it', () => {
    const queue = new Queue();
    queue.submit('a', { budget_usd: 5 });
    queue.do('a', claim());
    expect(queue.do('a', renew({ cost: { usd: 5 } })).task.status).toBe('working');
    const { task, applied } = queue.do('a', renew({ cost: { usd: 5.2 } }));
    expect(task).toMatchObject({
      status: 'cancelled',
      by: 'budget',
      reason: 'the budget of the task is used up: $5.20 of $5',
      attempts: [{ outcome: 'cancelled', cost: { usd: 5.2 } }],
    });
    expect(applied?.messages).toMatchObject([{ type: 'result', state: 'due' }]);
  });

  test('counts the cost of all attempts, and is not begun again with nothing left', () => {
    const queue = new Queue();
    queue.submit('a', { budget_usd: 1 });
    queue.do('a', claim());
    queue.do('a', fail({ backoff, cost: { usd: 0.4 } }));
    queue.now += MINUTE;
    queue.do('a', claim());
    expect(queue.do('a', release({ attempt: 2, cost: { usd: 0.6 } })).task).toMatchObject({
      status: 'cancelled',
      reason: 'the budget of the task is used up: $1 of $1',
    });
  });

  test.for<[string, Command, number]>([
    ['repeats the cost', fail({ backoff, cost: { usd: 5 } }), 0],
    ['reports no cost', fail({ backoff }), 0],
    ['gives it back', release(), 0],
    ['loses its lease', { type: 'elapse' }, MINUTE],
  ])('that was used exactly is cancelled if the end of the attempt %s', ([, end, wait]) => {
    const queue = new Queue();
    queue.submit('a', { budget_usd: 5 });
    queue.do('a', claim());
    queue.do('a', renew({ cost: { usd: 5 } }));
    queue.now += wait;
    const { task, applied } = queue.do('a', end);
    expect(task).toMatchObject({ status: 'cancelled', by: 'budget', attempts: [{ cost: { usd: 5 } }] });
    expect(task).toMatchObject({ reason: 'the budget of the task is used up: $5 of $5' });
    expect(applied?.messages).toMatchObject([{ type: 'result', state: 'due' }]);
    expect(queue.log.spending('all')).toMatchObject({ micro_usd: 5_000_000 });
  });

  test('stays completed, and a retried dead letter gets a new budget', () => {
    const queue = new Queue();
    queue.submit('a', { budget_usd: 1 });
    queue.do('a', claim());
    expect(queue.do('a', complete({ cost: { usd: 9 } })).task.status).toBe('completed');

    queue.submit('b', { budget_usd: 1 });
    queue.do('b', claim());
    expect(queue.do('b', fail({ cost: { usd: 9 } })).task.status).toBe('failed');
    queue.do('b', retry);
    expect(queue.do('b', claim()).task.status).toBe('working');
    expect(queue.do('b', renew({ attempt: 2, cost: { usd: 2 } })).task.status).toBe('cancelled');
  });
});

describe('a budget of the policy', () => {
  test.for<[string, Budget, string]>([
    ['a role', { role: ROLE, usd: 5 }, `role ${ROLE}`],
    ['a group', { group: 'g', usd: 5 }, 'group g'],
    ['all tasks', { usd: 5, per: 'day' }, 'all tasks for 2027-01-31'],
  ])('of %s stops the task whose report takes it above, and refuses the next claim', ([, budget, name]) => {
    const queue = new Queue();
    queue.spend('before', 3, { group: 'g' });
    queue.apply(budget);
    for (const id of ['a', 'b', 'c']) queue.submit(id, { group: 'g' });
    for (const id of ['a', 'b']) queue.do(id, claim());
    expect(queue.do('a', renew({ cost: { usd: 2.5 } })).task).toMatchObject({
      status: 'cancelled',
      by: 'budget',
      reason: `the budget of ${name} is used up: $5.50 of $5`,
    });
    expect(queue.log.task('b').status).toBe('working');
    expect(queue.do('c', claim())).toMatchObject({
      changed: false,
      task: { status: 'queued' },
      refusal: { message: `c cannot begin: the budget of ${name} is used up: $5.50 of $5` },
    });
  });

  test('does not cover other roles and groups, and a day ends at midnight in UTC', () => {
    const queue = new Queue();
    queue.apply({ group: 'g', usd: 1 }, { role: 'other', usd: 1 }, { role: ROLE, usd: 1, per: 'day' });
    queue.spend('a', 1, { group: 'g', to: 'other' });
    queue.submit('b');
    expect(queue.do('b', claim()).task.status).toBe('working');
    queue.do('b', complete({ cost: { usd: 1 } }));
    queue.submit('c');
    expect(queue.do('c', claim()).refusal?.message).toContain('2027-01-31');
    queue.now = Date.UTC(2027, 1, 1);
    expect(queue.do('c', claim()).task.status).toBe('working');
  });

  test('of a day ends at midnight also after reports with a wrong date', () => {
    const queue = new Queue();
    queue.apply({ usd: 2, per: 'day' });
    const days = Array.from({ length: 20 }, (_none, day) => T0 + day * DAY);
    for (const [n, day] of days.entries()) {
      queue.now = Date.UTC(2099, 0, 1);
      if (n === 0) queue.spend('wrong', 2);
      for (const id of ['x', 'y']) {
        queue.now = day;
        queue.spend(`${id}${n}`, 1);
      }
      queue.submit(`z${n}`);
      expect(queue.do(`z${n}`, claim())).toMatchObject({ changed: false });
      queue.now = day - DAY;
      expect(queue.do(`z${n}`, claim()).changed).toBe(n === 0);
    }
    expect(queue.log.spending('all')!.days.length).toBeLessThan(10);
  });

  test('lets a task that has failed wait for its next attempt', () => {
    const queue = new Queue();
    queue.apply({ role: ROLE, usd: 1 });
    queue.submit('a');
    queue.do('a', claim());
    expect(queue.do('a', fail({ backoff, cost: { usd: 2 } })).task.status).toBe('scheduled');
    queue.now += MINUTE;
    queue.do('a', { type: 'elapse' });
    expect(queue.do('a', claim()).changed).toBe(false);
    queue.apply({ role: ROLE, usd: 3 });
    expect(queue.do('a', claim()).task.status).toBe('working');
  });

  test('is judged by the fold: a claim that did not know of it has no effect, and leaves no trace', () => {
    const queue = new Queue();
    queue.spend('before', 1);
    queue.submit('a');
    const { events } = decide(queue.log.task('a'), claim(), { now: queue.now, random: () => 0.5 });
    queue.apply({ usd: 1 });
    expect(queue.log.add(...events)).toMatchObject({ accepted: false, events: [] });
    expect(queue.log.task('a')).toMatchObject({ status: 'queued', attempts: [] });
  });
});
