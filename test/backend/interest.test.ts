import { expect, test } from 'vitest';
import { topicsOf } from '../../src/backend/amqp/log/interest.ts';
import { START } from '../hostile/support/memory-log.ts';
import type { Event } from '../../src/core/task/event.ts';

const BASE = { task_id: 't', at: START } as const;
const ATTEMPT = { ...BASE, v: 1, attempt: 1, by: 'w1' } as const;

const topics = (event: Event) =>
  topicsOf({
    id: 'e1',
    at: START,
    author: 'coordinator',
    key: 'any',
    user: undefined,
    kind: 'events',
    events: [event],
    roles: ['coder'],
    role: undefined,
    signed: false,
  });

test('a task that is done again wakes the workers of its role', () => {
  expect(topics({ ...BASE, v: 2, type: 'redone', by: 'lead', reason: 'no' })).toContainEqual({ role: 'coder' });
});

test('a cost wakes those who wait for an end, whatever event reports it, because a budget may stop the task', () => {
  const events = [
    { ...ATTEMPT, type: 'stopped' },
    { ...ATTEMPT, type: 'released', reason: 'no' },
    { ...ATTEMPT, type: 'attempt-failed', reason: 'no', artifacts: [], retry_at: START },
  ] satisfies readonly Event[];
  for (const event of events) {
    expect(topics(event)).not.toContain('finished');
    expect(topics({ ...event, cost: { usd: 1 } })).toContain('finished');
  }
});
