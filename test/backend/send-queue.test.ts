import { describe, expect, test } from 'vitest';
import { SendQueue } from '../../src/backend/amqp/tasks/messages/send-queue.ts';
import { AgentqError } from '../../src/core/errors.ts';

function setUp() {
  const reported: string[] = [];
  const begun: string[] = [];
  const queue = new SendQueue((line) => reported.push(line));
  /** A job that the test confirms or fails. */
  const job = (name: string, to?: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const send = () => {
      begun.push(name);
      return promise;
    };
    queue.add({ name, ...(to !== undefined && { queue: to }), send });
    return { resolve, reject, send };
  };
  return { reported, begun, queue, job };
}

/** Runs all jobs that can run. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the send queue', () => {
  test('begins a job when the one before it is confirmed', async () => {
    const { begun, job, queue } = setUp();
    const [a, b] = [job('a'), job('b')];
    await turn();
    expect(begun).toEqual(['a']);
    a.resolve();
    await turn();
    expect(begun).toEqual(['a', 'b']);
    b.resolve();
    await queue.settled();
  });

  test('does not wait for jobs to a queue that another job has reached', async () => {
    const { begun, job, queue } = setUp();
    const first = job('first', 'q');
    const more = [job('second', 'q'), job('third', 'q'), job('other', 'r'), job('last', 'q')];
    await turn();
    expect(begun).toEqual(['first']);
    first.resolve();
    await turn();
    expect(begun).toEqual(['first', 'second', 'third', 'other']);
    for (const one of more) one.resolve();
    await queue.settled();
    expect(begun).toEqual(['first', 'second', 'third', 'other', 'last']);
  });

  test('has at most 100 unconfirmed jobs, and then waits for the next', async () => {
    const { begun, job } = setUp();
    job('first', 'q').resolve();
    for (let n = 0; n < 150; n++) job(`n${n}`, 'q');
    await turn();
    expect(begun).toHaveLength(102);
  });

  test('reports a failure and runs the next job', async () => {
    const { reported, job, queue } = setUp();
    job('a').reject(new AgentqError('unreachable', 'no broker'));
    job('b').reject(new TypeError('a fault'));
    job('c').resolve();
    await queue.settled();
    expect(reported).toEqual([
      'a: the change took effect, and its messages follow later: no broker',
      'b: its messages could not be sent: TypeError: a fault',
    ]);
  });

  test('is settled when the last job is confirmed, and then accepts another job', async () => {
    const { begun, job, queue } = setUp();
    for (const name of ['a', 'b', 'c']) {
      const { resolve } = job(name, 'q');
      let settled = false;
      const settling = queue.settled().then(() => (settled = true));
      await turn();
      expect(settled).toBe(false);
      resolve();
      await settling;
      expect(begun.at(-1)).toBe(name);
    }
  });

  test('knows whether a job waits', async () => {
    const { job, queue } = setUp();
    const [a, b] = [job('a'), job('b')];
    expect([a, b].map(({ send }) => queue.holds(send))).toEqual([false, true]);
    a.resolve();
    b.resolve();
    await queue.settled();
    expect(queue.holds(b.send)).toBe(false);
  });
});
