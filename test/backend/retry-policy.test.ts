import { describe, expect, test } from 'vitest';
import { ConnectionLost, Unroutable } from '../../src/backend/amqp/connection/broker-error.ts';
import {
  afterRequest,
  afterRound,
  connectTimeout,
  patienceOf,
} from '../../src/backend/amqp/connection/retry-policy.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
const denied = new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED"');
const noVhost = Object.assign(new Error('NOT_ALLOWED - vhost none not found'), { code: 530 });
const untrusted = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });

describe('after a round of tries', () => {
  test('the wait doubles up to one second, with a random part of half of it', () => {
    const waits = (random: number) =>
      [0, 1, 2, 3, 4, 20].map((round) => afterRound([refused], round, Infinity, random));
    expect(waits(0.5)).toEqual([100, 200, 400, 800, 1_000, 1_000].map((wait) => ({ next: 'round', wait })));
    expect(waits(0)).toEqual([50, 100, 200, 400, 500, 500].map((wait) => ({ next: 'round', wait })));
  });

  test('no other follows if the deadline comes before it', () => {
    expect(afterRound([refused], 0, 100, 0.5)).toEqual({ next: 'give-up' });
    expect(afterRound([refused], 0, 101, 0.5)).toEqual({ next: 'round', wait: 100 });
    expect(afterRound([refused], 0, -1, 0)).toEqual({ next: 'give-up' });
  });

  test.for([
    ['user or password', denied],
    ['virtual host', noVhost],
    ['certificate', untrusted],
  ] as const)('no other follows if a host refuses: %s', ([, error]) => {
    expect(afterRound([error], 0, Infinity, 0)).toEqual({ next: 'fail', host: 0 });
    expect(afterRound([refused, error, refused], 3, Infinity, 0)).toEqual({ next: 'fail', host: 1 });
  });
});

describe('the time-out of one try', () => {
  test('of one host is ten seconds, or the remaining time', () => {
    const one = { untried: 1, all: 1 };
    expect(connectTimeout(0, one, Infinity)).toBe(10_000);
    expect(connectTimeout(9, one, 700)).toBe(700);
    expect(connectTimeout(0, one, -5)).toBe(1);
  });

  test('of several hosts leaves time for the others', () => {
    expect([3, 2, 1].map((untried) => connectTimeout(0, { untried, all: 3 }, 3_000))).toEqual([1_000, 1_500, 2_000]);
    expect([0, 1, 2, 3, 9].map((round) => connectTimeout(round, { untried: 3, all: 3 }, Infinity))).toEqual([
      2_000, 4_000, 8_000, 10_000, 10_000,
    ]);
  });
});

describe('after a request', () => {
  test('that lost its connection it is repeated at once, up to the deadline', () => {
    const lost = new ConnectionLost('reset');
    expect(afterRequest(lost, true, 1)).toEqual({ next: 'repeat', wait: 0 });
    expect(afterRequest(lost, true, 0)).toEqual({ next: 'give-up' });
  });

  test('that came before the queues are available it is repeated later', () => {
    const comingUp = new Unroutable('agentq.event.x');
    expect(afterRequest(comingUp, false, 1)).toEqual({ next: 'repeat', wait: 200 });
    expect(afterRequest(comingUp, false, 0)).toEqual({ next: 'give-up' });
  });

  test('that the broker refused it is not repeated', () => {
    const missing = Object.assign(new Error('NOT_FOUND - no queue'), { code: 404 });
    expect(afterRequest(missing, false, Infinity)).toEqual({ next: 'fail' });
  });
});

test('after a wait without a connection, requests wait half a second at most', () => {
  expect(patienceOf(10_000, false)).toBe(10_000);
  expect(patienceOf(10_000, true)).toBe(500);
  expect(patienceOf(100, true)).toBe(100);
});
