import { expect, test } from 'vitest';
import type { Task } from '../../src/core/task/task.ts';
import { MemoryLog, MINUTE, reading } from '../hostile/support/memory-log.ts';

/** Whether a machine that knows the task records that a coordinator has repeated it in this state. */
function recognizes(log: MemoryLog, id: string, repeated: Task): boolean {
  const event = { v: 1, type: 'carried', task_id: id, at: log.now, task: repeated } as const;
  log.note({ events: [event], roles: [repeated.envelope.to], after: log.length - 1 }, { role: null });
  return reading(log).cache.db.get('SELECT 1 FROM vouched') !== undefined;
}

/** A task that a worker holds, and a completion by another worker that was refused. */
function refusal(): { readonly log: MemoryLog; readonly task: Task } {
  const log = new MemoryLog();
  log.submit('x', 'r');
  const claim = { v: 1, type: 'claimed', task_id: 'x', at: log.now, attempt: 1, worker: 'r-1' } as const;
  log.append('r', { ...claim, expires_at: log.now + 5 * MINUTE, lease_seconds: 300 });
  log.now += MINUTE;
  const command = { command: 'complete', by: 'r-2', reason: 'r-1 has the task' };
  log.append('r', { v: 1, type: 'refused', task_id: 'x', at: log.now, ...command });
  const task = reading(log).task('x')!;
  expect(task.refused).toBe(1);
  return { log, task };
}

test('a repeat by a program that counts a refusal as an update is recognized', () => {
  const { log, task } = refusal();
  expect(task.updated_at).toBeLessThan(log.now);
  expect(recognizes(log, 'x', { ...task, updated_at: log.now })).toBe(true);
});

test('a repeat by a program that does not record the length of a lease is recognized', () => {
  const { log, task } = refusal();
  if (task.status !== 'working') throw new Error(task.status);
  const { seconds, ...lease } = task.lease;
  expect(seconds).toBeDefined();
  expect(recognizes(log, 'x', { ...task, lease })).toBe(true);
});

test('a repeat by a program that does not record when the end of a TTL was noticed is recognized', () => {
  const log = new MemoryLog();
  log.submit('x', 'r', { ttl_seconds: 60 });
  const at = log.now + MINUTE;
  log.now += 5 * MINUTE;
  log.append('r', { v: 1, type: 'expired', task_id: 'x', at, recorded_at: log.now });
  const task = reading(log).task('x')!;
  if (task.status !== 'expired') throw new Error(task.status);
  const { recorded_at, ...repeated } = task;
  expect(recorded_at).toBe(log.now);
  expect(recognizes(log, 'x', repeated)).toBe(true);
});

test('a repeat of another state is not recognized', () => {
  const { log, task } = refusal();
  expect(recognizes(log, 'x', { ...task, refused: task.refused + 1 })).toBe(false);
});
