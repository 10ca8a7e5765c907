import { AgentqError } from '../../../core/errors.ts';

/** A guarantee of agentq, and what provides it on a certain broker. */
export interface Guarantee {
  readonly promise: 'durability' | 'priority' | 'ttl' | 'delay' | 'dead-lettering' | 'replication';
  readonly by: 'broker' | 'agentq' | 'broker and agentq' | 'nobody';
  readonly how: string;
}

export interface Product {
  readonly name: string;
  readonly version: string;
}

/** RabbitMQ has streams since 3.9, and quorum queues with message TTLs since 3.10. */
const OLDEST = { stream: [3, 9], replicated: [3, 10] } as const;

/** @throws AgentqError `topology` if the broker is too old */
export function refuseOldBroker(product: Product, replicated: boolean): void {
  if (!isTooOld(product, replicated)) return;
  throw new AgentqError(
    'topology',
    `RabbitMQ ${product.version} is too old${replicated ? ' for --replicated' : ''}: ${oldest(replicated).join('.')} is the oldest supported version`,
    'use a newer broker',
  );
}

export function isTooOld({ name, version }: Product, replicated: boolean): boolean {
  if (name !== 'RabbitMQ') return false;
  const [oldMajor, oldMinor] = oldest(replicated);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < oldMajor || (major === oldMajor && minor < oldMinor);
}

const oldest = (replicated: boolean) => (replicated ? OLDEST.replicated : OLDEST.stream);

export function guarantees({ name }: Product, replicated: boolean): readonly Guarantee[] {
  const lavin = name === 'LavinMQ';
  return [
    {
      promise: 'durability',
      by: 'broker',
      how: 'queues and messages are durable; a publish is confirmed when log and work queue have it',
    },
    replicated
      ? { promise: 'priority', by: 'agentq', how: 'a work queue for each priority; claims look into the higher first' }
      : { promise: 'priority', by: 'broker', how: 'low, normal and high in one work queue' },
    {
      promise: 'ttl',
      by: 'broker and agentq',
      how: 'the broker drops the message; agentq records that the task expired, and makes it a dead letter',
    },
    {
      promise: 'delay',
      by: 'broker and agentq',
      how: 'queues of 1, 2, 4, … seconds hold a task up to 97 days; longer ones, and leases, are in the log',
    },
    {
      promise: 'dead-lettering',
      by: 'agentq',
      how: 'what failed for good goes to the dead letters with its reason in the headers',
    },
    replication(lavin, replicated),
  ];
}

function replication(lavin: boolean, replicated: boolean): Guarantee {
  if (lavin) {
    const how = 'LavinMQ takes quorum queues for classic ones: only its own clustering keeps a second copy';
    return { promise: 'replication', by: 'nobody', how };
  }
  return replicated
    ? { promise: 'replication', by: 'broker', how: 'quorum queues, and a stream with a replica on each node' }
    : { promise: 'replication', by: 'nobody', how: 'each queue lies on one node: --replicated makes quorum queues' };
}
