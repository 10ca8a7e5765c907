import { describe, expect, test } from 'vitest';
import {
  type ConnectionEvent,
  type ConnectionState,
  nextState,
  NO_ANSWER,
  noticeOf,
} from '../../src/backend/amqp/connection/connection-state.ts';

type State = ConnectionState<string>;
type Event = ConnectionEvent<string>;

const opening = Promise.resolve('c');
const states = {
  idle: { status: 'idle' },
  connecting: { status: 'connecting', opening, deadline: 5 },
  retrying: { status: 'retrying', opening, deadline: 5, problem: 'refused' },
  unreachable: { status: 'unreachable', problem: 'refused' },
  open: { status: 'open', connection: 'c' },
  silent: { status: 'silent', connection: 'c' },
  closed: { status: 'closed' },
} as const satisfies Record<State['status'], State>;

const events = {
  begin: { type: 'begin', opening, deadline: 9 },
  joined: { type: 'joined', deadline: 9 },
  'round-failed': { type: 'round-failed', problem: 'reset' },
  ended: { type: 'ended' },
  opened: { type: 'opened', connection: 'c' },
  lost: { type: 'lost', connection: 'c' },
  'went-silent': { type: 'went-silent' },
  answered: { type: 'answered' },
  closed: { type: 'closed' },
} as const satisfies Record<Event['type'], Event>;

/** Every transition that changes the status; all other pairs leave it as it is. */
const transitions: Partial<Record<`${State['status']} ${Event['type']}`, State['status']>> = {
  'idle begin': 'connecting',
  'unreachable begin': 'retrying',
  'connecting round-failed': 'retrying',
  'connecting ended': 'idle',
  'connecting opened': 'open',
  'retrying ended': 'unreachable',
  'retrying opened': 'open',
  'open lost': 'idle',
  'open went-silent': 'silent',
  'silent lost': 'unreachable',
  'silent answered': 'open',
};

describe('the connection', () => {
  for (const [from, state] of Object.entries(states) as [State['status'], State][]) {
    for (const [type, event] of Object.entries(events) as [Event['type'], Event][]) {
      const to = type === 'closed' ? 'closed' : (transitions[`${from} ${type}`] ?? from);
      test(`${from}, ${type}: ${to}`, () => {
        expect(nextState(state, event).status).toBe(to);
      });
    }
  }

  test('is opened until the latest deadline of all callers', () => {
    expect(nextState(states.connecting, events.joined)).toEqual({ ...states.connecting, deadline: 9 });
    expect(nextState(states.retrying, { type: 'joined', deadline: 1 })).toEqual(states.retrying);
  });

  test('is not lost when an earlier connection ends', () => {
    expect(nextState<string>(states.open, { type: 'lost', connection: 'earlier' })).toEqual(states.open);
  });

  test('keeps the latest problem', () => {
    expect(nextState(states.retrying, events['round-failed'])).toEqual({ ...states.retrying, problem: 'reset' });
    expect(nextState(states.silent, events.lost)).toEqual({ status: 'unreachable', problem: NO_ANSWER });
  });
});

describe('the user', () => {
  const notice = (from: State['status'], type: Event['type']) =>
    noticeOf<string>(states[from], nextState<string>(states[from], events[type]));

  test('is told once that the broker is away, and once that it is back', () => {
    expect(notice('connecting', 'round-failed')).toBe('away');
    expect(notice('retrying', 'round-failed')).toBeUndefined();
    expect(notice('unreachable', 'begin')).toBeUndefined();
    expect(notice('retrying', 'opened')).toBe('back');
  });

  test('is told once that the broker does not answer, and once that it does', () => {
    expect(notice('open', 'went-silent')).toBe('silent');
    expect(notice('silent', 'went-silent')).toBeUndefined();
    expect(notice('silent', 'answered')).toBe('answers-again');
    expect(notice('silent', 'lost')).toBeUndefined();
  });

  test('is not told about a connection that opens at once or continues on another host', () => {
    expect(notice('idle', 'begin')).toBeUndefined();
    expect(notice('connecting', 'opened')).toBeUndefined();
    expect(notice('open', 'lost')).toBeUndefined();
    expect(notice('open', 'closed')).toBeUndefined();
  });
});
