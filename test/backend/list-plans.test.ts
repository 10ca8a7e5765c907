import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cacheSchema } from '../../src/backend/amqp/cache/tables/schema.ts';
import type { Filter } from '../../src/backend/backend.ts';
import { Connection } from '../../src/backend/projection/connection.ts';
import type { Form } from '../../src/backend/projection/form.ts';
import { list } from '../../src/backend/projection/questions/list.ts';
import type { ReadyIndex } from '../../src/backend/projection/questions/list-parts.ts';
import { insert } from '../../src/backend/projection/rows.ts';
import { storeSchema } from '../../src/backend/sqlite/schema.ts';
import { openStatuses, statuses, type Task } from '../../src/core/task/task.ts';
import { backoff, cancel, claim, complete, elapse, fail, ID, MINUTE, story, submit } from '../core/tasks.ts';
import { makeFolder, removeFolder } from './support/scratch.ts';

const inEveryStatus: readonly Task[] = [
  story(submit()),
  story(submit({ delay_seconds: 60 })),
  story(submit(), claim()),
  story(submit(), complete()),
  story(submit(), fail()),
  story(submit(), cancel()),
  story(submit({ ttl_seconds: 60 }), MINUTE, elapse),
].map(({ task }) => ({ ...task, id: `${ID}-${task.status}` }));

const byTwoWorkers = {
  ...story(submit(), claim('w1'), fail({ attempt: 1, backoff }), MINUTE, elapse, claim('w2'), complete({ attempt: 2 }))
    .task,
  id: 'two',
};

/** Every combination of the filters of `agentq list` and `agentq dlq`. */
const filters: readonly Partial<Filter>[] = [
  {},
  ...statuses.map((status) => ({ statuses: [status] })),
  { dead: true },
  { dead: true, statuses: ['failed'] as const },
]
  .flatMap((filter) => [filter, { ...filter, from: 'coordinator' }])
  .flatMap((filter) => [filter, { ...filter, role: 'implementer' }])
  .flatMap((filter) => [filter, { ...filter, before: inEveryStatus[0]!.id }]);

/** Filters that may match few of many finished tasks, with statuses of every kind. */
const rare: readonly Partial<Filter>[] = [
  { group: 'g' },
  { worker: 'w1' },
  { type: 'review' },
  { since: 1 },
  { since: 1, worker: 'w1', type: 'review' },
]
  .flatMap((filter) => [
    filter,
    { ...filter, statuses: openStatuses },
    { ...filter, statuses: ['completed'] as const },
    { ...filter, statuses: ['queued', 'failed'] as const },
  ])
  .flatMap((filter) => [filter, { ...filter, role: 'implementer', from: 'coordinator' }]);

/** The plans of all queries of a list, by their SQL. */
function plansOf(db: Connection, filter: Partial<Filter>, ready: ReadyIndex): Map<string, string[]> {
  const plans = new Map<string, string[]>();
  const note = (sql: string, values: (string | number | null)[]) => {
    const steps = db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...values);
    plans.set(
      sql,
      steps.map(({ detail }) => detail),
    );
  };
  const watched = new Proxy(db, {
    get:
      (_, name: 'all' | 'get') =>
      (sql: string, ...values: (string | number | null)[]) => {
        note(sql, values);
        return db[name](sql, ...values);
      },
  });
  list(watched, { limit: 500, ...filter }, ready);
  return plans;
}

describe.for<[string, Form, ReadyIndex]>([
  ['a store', storeSchema, 'task_open'],
  ['a cache', cacheSchema, 'task_ready'],
])('a page of a list in %s', ([, form, ready]) => {
  let db: Connection;
  beforeAll(() => {
    const folder = makeFolder();
    db = Connection.create(join(folder, 'db'), 0o600, form);
    for (const task of [...inEveryStatus, byTwoWorkers]) insert(db, task);
    return () => {
      db.close();
      removeFolder(folder);
    };
  });

  test.for(filters)('is found in the order of an index: %j', (filter) => {
    const isOpen = filter.statuses?.every((status) => status !== 'completed') ?? false;
    const plans = plansOf(db, filter, ready);
    expect(plans.size).toBeGreaterThan(0);
    for (const [sql, steps] of plans) {
      expect(steps, sql).not.toContainEqual(expect.stringMatching(/TEMP B-TREE/));
      if (isOpen) expect(steps, sql).not.toContainEqual(expect.stringMatching(/^SCAN tasks$/));
    }
  });

  test.for(rare)('is found without a look at other finished tasks: %j', (filter) => {
    const plans = plansOf(db, filter, ready);
    expect(plans.size).toBeGreaterThan(0);
    for (const [sql, steps] of plans) {
      expect(steps, sql).not.toContainEqual(expect.stringMatching(/^SCAN tasks/));
      // Only the tasks that have changed are sorted.
      if (!sql.includes('task_finished')) expect(steps, sql).not.toContainEqual(expect.stringMatching(/TEMP B-TREE/));
    }
  });

  test('is found without sorting many tasks that have changed since a moment', () => {
    const completed = inEveryStatus.find((task) => task.status === 'completed');
    const since = completed!.updated_at + 10 * MINUTE;
    const many = Array.from({ length: 10_001 }, (_, n) => ({ ...completed!, id: `many-${n}`, updated_at: since }));
    db.transaction(() => {
      for (const task of many) insert(db, task);
      insert(db, { ...completed!, id: 'before' });
      return { keep: true };
    });
    expect(list(db, { since, limit: 2 }, ready).map(({ id }) => id)).toEqual(['many-10000', 'many-9999']);
    expect(list(db, { since, limit: 9, before: 'many-1' }, ready).map(({ id }) => id)).toEqual(['many-0']);
    expect(list(db, { since: since + 1, limit: 9 }, ready)).toEqual([]);
    const paged = [...plansOf(db, { since }, ready)].filter(([sql]) => sql.includes('ORDER BY n DESC'));
    for (const [sql, steps] of paged) expect(steps, sql).not.toContainEqual(expect.stringMatching(/TEMP B-TREE/));
  });
});
