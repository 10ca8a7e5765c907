import { describe, expect, test } from 'vitest';
import {
  ALL_RESERVED_KEYS,
  COORDINATOR_KEYS,
  workerDelayKeys,
  workerKeys,
  workerTokenKeys,
} from '../../src/backend/amqp/wire/key-permissions.ts';
import { LONGEST_DELAY } from '../../src/backend/amqp/wire/names.ts';
import {
  anyDelayKey,
  deadKey,
  delayDigitKey,
  delayKey,
  EVERY_EVENT,
  eventKey,
  parseKey,
  type RoutingKey,
  workKey,
} from '../../src/backend/amqp/wire/routing-key.ts';

const role = 'code-reviewer_2';

describe('a routing key', () => {
  const event = (keyWord: string, of?: string, extra = false): RoutingKey => ({
    kind: 'event',
    keyWord,
    role: of,
    extra,
  });
  const keys: [string, RoutingKey][] = [
    [eventKey('note'), event('note')],
    [eventKey('claimed', role), event('claimed', role)],
    [`${eventKey('claimed', role)}.more`, event('claimed', role, true)],
    [eventKey(''), event('')],
    ['agentq.event', { kind: 'reserved' }],
    [workKey(role, 'high'), { kind: 'work', role }],
    ['agentq.work', { kind: 'work', role: undefined }],
    [delayKey(1, role, 'low'), { kind: 'delay', role }],
    [delayKey(LONGEST_DELAY, role, 'low'), { kind: 'delay', role }],
    ['agentq.delay.1.0.x.low', { kind: 'delay', role: undefined }],
    [deadKey(role), { kind: 'reserved' }],
    ['agentq.', { kind: 'reserved' }],
    ['results.coordinator', { kind: 'result' }],
    ['agentq', { kind: 'result' }],
    ['', { kind: 'result' }],
  ];
  test.for(keys)('%s', ([key, parsed]) => expect(parseKey(key)).toEqual(parsed));
});

/** Whether a topic exchange matches a key with a binding: `*` is one word, `#` any number of words. */
function matches(binding: string, key: string): boolean {
  const words = binding.split('.').map((word) => (word === '#' ? '.*' : word === '*' ? '[^.]+' : word));
  return new RegExp(`^${words.join('\\.')}$`).test(key);
}

describe('the bindings', () => {
  test.for([1, 2, 5, 4_097, LONGEST_DELAY])('lead a delay of %d s through the levels of its digits', (seconds) => {
    const key = delayKey(seconds, role, 'normal');
    const ones = Array.from({ length: 23 }, (_, level) => matches(delayDigitKey(level, '1'), key));
    const zeros = Array.from({ length: 23 }, (_, level) => matches(delayDigitKey(level, '0'), key));
    expect(ones.reduce((sum, one, level) => sum + (one ? 2 ** level : 0), 0)).toBe(seconds);
    expect(zeros).toEqual(ones.map((one) => !one));
    expect(matches(anyDelayKey(role, 'normal'), key)).toBe(true);
    expect(matches(anyDelayKey('another', '*'), key)).toBe(false);
  });

  test('route only events to the log', () => {
    for (const key of [eventKey('note'), eventKey('claimed', role)]) expect(matches(EVERY_EVENT, key)).toBe(true);
    for (const key of [workKey(role, 'low'), deadKey(role)]) expect(matches(EVERY_EVENT, key)).toBe(false);
  });
});

describe('the permissions to publish', () => {
  const work = workKey(role, 'normal');
  const delay = delayKey(5, role, 'normal');
  const cases: [string, string, readonly string[], readonly string[]][] = [
    [
      'a coordinator',
      COORDINATOR_KEYS,
      [eventKey('submitted', role), work, delay, 'results.x'],
      [deadKey(role), 'other'],
    ],
    ['a coordinator, elsewhere', ALL_RESERVED_KEYS, [work, delay, deadKey(role)], ['results.x', 'agentqx.y']],
    [
      'a worker',
      workerKeys(role),
      [eventKey('claimed', role), eventKey('note'), 'results.x'],
      [eventKey('claimed', 'other'), eventKey('submitted', role), eventKey('claimed'), work, delay],
    ],
    [
      'a worker, tokens',
      workerTokenKeys(role),
      [work, deadKey(role)],
      [workKey('other', 'low'), deadKey('other'), delay],
    ],
    ['a worker, delays', workerDelayKeys(role), [delay], [work, delayKey(5, 'other', 'low')]],
  ];
  test.for(cases)('of %s', ([, pattern, may, mayNot]) => {
    const allowed = new RegExp(pattern);
    expect(may.filter((key) => !allowed.test(key))).toEqual([]);
    expect(mayNot.filter((key) => allowed.test(key))).toEqual([]);
  });
});
