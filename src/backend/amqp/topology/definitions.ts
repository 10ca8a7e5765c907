import { resultsQueue } from '../../../core/envelope/reply-to.ts';
import {
  ALL_RESERVED_KEYS,
  COORDINATOR_KEYS,
  literal,
  workerDelayKeys,
  workerKeys,
  workerTokenKeys,
} from '../wire/key-permissions.ts';
import { lockOf, type Names } from '../wire/names.ts';
import type { Topology } from './topology.ts';

export interface DefinitionsOptions {
  readonly vhost: string;
  readonly names: Names;
  readonly roles: readonly string[];
  readonly coordinators: readonly string[];
  readonly replicated: boolean;
}

/**
 * The topology in the format of `rabbitmqctl import_definitions` (https://www.rabbitmq.com/docs/definitions), with a
 * user for each role and each coordinator. These users have no password yet, and only the permissions that they need
 * (https://www.rabbitmq.com/docs/access-control): a worker reads only the work of its own role, and cannot submit or
 * cancel.
 */
export function definitionsOf(options: DefinitionsOptions, { exchanges, queues, bindings }: Topology): object {
  const { vhost } = options;
  const users = usersOf(options);
  return {
    vhosts: [{ name: vhost }],
    users: users.map(({ name }) => ({
      name,
      password_hash: '',
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: '',
    })),
    permissions: users.map(({ name, configure, write, read }) => ({ user: name, vhost, configure, write, read })),
    topic_permissions: users.flatMap(({ name, keys }) =>
      Object.entries(keys).map(([exchange, write]) => ({ user: name, vhost, exchange, write, read: '.*' })),
    ),
    exchanges: exchanges.map(({ name, type }) => ({
      name,
      vhost,
      type,
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: {},
    })),
    queues: queues.map((queue) => ({
      name: queue.name,
      vhost,
      durable: true,
      auto_delete: false,
      arguments: queue.arguments,
    })),
    bindings: bindings.map(({ source, destination, to, key }) => ({
      source,
      vhost,
      destination,
      destination_type: to,
      routing_key: key,
      arguments: {},
    })),
  };
}

interface User {
  readonly name: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
  /** The routing keys that the user may publish with, by exchange. */
  readonly keys: Readonly<Record<string, string>>;
}

function usersOf({ names, roles, coordinators }: DefinitionsOptions): User[] {
  const { exchange, tokens, delays, log, deadLetters } = names;
  const write = oneOf([exchange, tokens, delays]);
  return [
    ...coordinators.map((agent) => {
      const results = names.results(resultsQueue(agent));
      return {
        name: `${names.prefix}-${agent}`,
        configure: oneOf([results, lockOf(results), lockOf(deadLetters)]),
        write: oneOf([exchange, tokens, delays, results]),
        read: oneOf([exchange, log, deadLetters, results]),
        keys: {
          [exchange]: COORDINATOR_KEYS,
          [tokens]: ALL_RESERVED_KEYS,
          [delays]: ALL_RESERVED_KEYS,
        },
      };
    }),
    ...roles.map((role) => ({
      name: `${names.prefix}-${role}`,
      configure: '^$',
      write,
      read: oneOf([log, ...names.workQueues(role, true).map(({ queue }) => queue)]),
      keys: {
        [exchange]: workerKeys(role),
        [tokens]: workerTokenKeys(role),
        [delays]: workerDelayKeys(role),
      },
    })),
  ];
}

/** A pattern that matches exactly these names. */
function oneOf(these: readonly string[]): string {
  return `^(${these.map(literal).join('|')})$`;
}
