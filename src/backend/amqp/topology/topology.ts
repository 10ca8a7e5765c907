import type { Retention } from '../../options.ts';
import { DELAY_LEVELS, type Names } from '../wire/names.ts';
import { anyDelayKey, deadKey, delayDigitKey, EVERY_EVENT, workKey } from '../wire/routing-key.ts';

export type Arguments = Readonly<Record<string, string | number>>;

export interface Exchange {
  readonly name: string;
  readonly type: 'topic';
}

export interface Queue {
  readonly name: string;
  /** Its type and further `x-` arguments. */
  readonly arguments: Arguments;
  readonly what: string;
}

export interface Binding {
  readonly source: string;
  readonly destination: string;
  readonly to: 'queue' | 'exchange';
  readonly key: string;
}

/** Everything that agentq needs on a broker; all of it durable. */
export interface Topology {
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
}

export interface TopologyOptions {
  readonly names: Names;
  readonly roles: readonly string[];
  /** The `reply_to` queues to declare in advance. */
  readonly replyTos: readonly string[];
  /** Use quorum queues in place of classic ones. */
  readonly replicated: boolean;
  readonly retention: Retention;
}

/** The highest of `priorities`, as a queue's x-max-priority. */
const HIGHEST = 2;

/** The TTL of a level, in ms. */
const ttlOf = (level: number) => 2 ** level * 1_000;

/**
 * What `init` declares for these roles. The log is bound to each role by name: a message to an undeclared role matches
 * no binding, and is returned.
 */
export function topologyOf(options: TopologyOptions): Topology {
  const { names, roles, replyTos } = options;
  const parts = [
    theLog(options),
    ...roles.map((role) => workOf(role, options)),
    ...replyTos.map((replyTo) => resultsOf(replyTo, options)),
    delays(options),
    deadLettersOf(options),
  ] satisfies Partial<Topology>[];
  return {
    exchanges: [names.exchange, names.tokens, names.due, ...levels().map((level) => names.delay(level))].map(
      (name) => ({ name, type: 'topic' }),
    ),
    queues: parts.flatMap((part: Partial<Topology>) => part.queues ?? []),
    bindings: parts.flatMap((part: Partial<Topology>) => part.bindings ?? []),
  };
}

const levels = () => Array.from({ length: DELAY_LEVELS }, (_, level) => level);

function typeOf({ replicated }: Pick<TopologyOptions, 'replicated'>): Arguments {
  // A scan of a queue counts as a delivery of each of its messages; none must be dropped for that.
  return replicated ? { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 ** 31 - 1 } : { 'x-queue-type': 'classic' };
}

function theLog({ names, retention }: TopologyOptions): Partial<Topology> {
  const { log, exchange, due } = names;
  return {
    queues: [
      {
        name: log,
        what: 'the log of all events',
        arguments: {
          'x-queue-type': 'stream',
          'x-max-age': `${retention.days}D`,
          'x-max-length-bytes': retention.bytes,
          'x-stream-max-segment-size-bytes': Math.max(
            1_000_000,
            Math.min(100_000_000, Math.floor(retention.bytes / 20)),
          ),
        },
      },
    ],
    bindings: [
      { source: exchange, destination: log, to: 'queue', key: EVERY_EVENT },
      { source: due, destination: log, to: 'queue', key: '#' },
    ],
  };
}

export function deadLettersOf(
  options: Pick<TopologyOptions, 'names' | 'replicated'>,
): Pick<Topology, 'queues' | 'bindings'> {
  const { deadLetters, tokens } = options.names;
  return {
    queues: [{ name: deadLetters, what: 'dead letters', arguments: typeOf(options) }],
    bindings: [{ source: tokens, destination: deadLetters, to: 'queue', key: deadKey('*') }],
  };
}

function workOf(role: string, options: TopologyOptions): Partial<Topology> {
  const { names, replicated } = options;
  const { exchange, tokens, due, log, delays } = names;
  const places = names.workQueues(role, replicated);
  return {
    queues: places.map(({ queue: name, priority }) => ({
      name,
      what: `work of ${role}${replicated ? `, ${priority}` : ''}`,
      arguments: { ...typeOf(options), ...(!replicated && { 'x-max-priority': HIGHEST }) },
    })),
    bindings: [
      { source: exchange, destination: log, to: 'queue', key: workKey(role, '*') },
      {
        source: exchange,
        destination: log,
        to: 'queue',
        key: anyDelayKey(role, '*'),
      },
      {
        source: exchange,
        destination: delays,
        to: 'exchange',
        key: anyDelayKey(role, '*'),
      },
      ...places.flatMap(({ queue, priority }): Binding[] => [
        { source: exchange, destination: queue, to: 'queue', key: workKey(role, priority) },
        { source: tokens, destination: queue, to: 'queue', key: workKey(role, priority) },
        {
          source: due,
          destination: queue,
          to: 'queue',
          key: anyDelayKey(role, priority),
        },
      ]),
    ],
  };
}

/** A queue for result messages. The log receives them too, including those of third-party workers. */
export function resultsOf(replyTo: string, options: Pick<TopologyOptions, 'names' | 'replicated'>): Partial<Topology> {
  const { names } = options;
  const name = names.results(replyTo);
  return {
    queues: [{ name, what: `result messages for ${replyTo}`, arguments: typeOf(options) }],
    bindings: [name, names.log].map((destination) => ({
      source: names.exchange,
      destination,
      to: 'queue',
      key: replyTo,
    })),
  };
}

/**
 * A cascade of queues with TTLs of 1, 2, 4, … seconds: a message waits in the queues whose digit in its key is 1, and
 * skips the others, down to the exchange that routes it to its role.
 */
function delays(options: TopologyOptions): Partial<Topology> {
  const { names } = options;
  const below = (level: number) => (level === 0 ? names.due : names.delay(level - 1));
  return {
    queues: levels().map((level) => ({
      name: names.delay(level),
      what: `a delay of ${2 ** level} s`,
      arguments: {
        ...typeOf(options),
        'x-message-ttl': ttlOf(level),
        'x-dead-letter-exchange': below(level),
        ...(options.replicated && { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' }),
      },
    })),
    bindings: levels().flatMap((level): Binding[] => {
      const source = names.delay(level);
      return [
        { source, destination: source, to: 'queue', key: delayDigitKey(level, '1') },
        { source, destination: below(level), to: 'exchange', key: delayDigitKey(level, '0') },
      ];
    }),
  };
}
