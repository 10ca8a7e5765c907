import { counted } from '../../../core/counted.ts';
import type { Channel } from 'amqplib';
import { AgentqError } from '../../../core/errors.ts';
import { argumentDifferences, namesArgument } from './argument-differences.ts';
import { isMissing } from '../connection/broker-error.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { BrokerConnection } from '../connection/broker-connection.ts';
import type { Arguments, Exchange, Queue, Topology } from './topology.ts';

/** How many requests run at once, each on its own channel. */
const AT_ONCE = 8;

/** An object on the broker that differs from what agentq needs. */
export interface Difference {
  readonly name: string;
  readonly problem: string;
}

/**
 * Compares the topology with the broker, and changes nothing.
 * @returns what is missing, and what differs
 */
export async function compare(
  client: ReconnectingClient,
  { exchanges, queues }: Topology,
): Promise<{ readonly missing: readonly string[]; readonly differences: readonly Difference[] }> {
  return client.withConnection(async (connection) => {
    const missing: string[] = [];
    const differences: Difference[] = [];
    await inTurns(exchanges, async (exchange) => {
      if (!(await isThere(connection, (channel) => channel.checkExchange(exchange.name)))) missing.push(exchange.name);
      else differences.push(...(await exchangeDifferences(connection, exchange)));
    });
    await inTurns(queues, async (queue) => {
      if (!(await isThere(connection, (channel) => channel.checkQueue(queue.name)))) missing.push(queue.name);
      else differences.push(...(await queueDifferences(connection, queue)));
    });
    return { missing, differences };
  });
}

/** Declares everything; existing objects are left as they are. */
export async function declare(client: ReconnectingClient, { exchanges, queues, bindings }: Topology): Promise<void> {
  await client.withConnection(async (connection) => {
    await onChannels(connection, exchanges, assertExchange);
    await onChannels(connection, queues, (channel, queue) => assertQueue(channel, queue.name, queue.arguments));
    await onChannels(connection, bindings, (channel, { source, destination, to, key }) =>
      to === 'queue' ? channel.bindQueue(destination, source, key) : channel.bindExchange(destination, source, key),
    );
  });
}

export async function remove(client: ReconnectingClient, { exchanges, queues }: Topology): Promise<void> {
  await client.withConnection(async (connection) => {
    await onChannels(connection, queues, (channel, { name }) => channel.deleteQueue(name));
    await onChannels(connection, exchanges, (channel, { name }) => channel.deleteExchange(name));
  });
}

const assertExchange = (channel: Channel, { name, type }: Exchange) =>
  channel.assertExchange(name, type, { durable: true });

const assertQueue = (channel: Channel, name: string, args: Arguments) =>
  channel.assertQueue(name, { durable: true, arguments: args });

/** Whether all of these queues exist. A user without any permission may ask too. */
export async function queuesExist(client: ReconnectingClient, names: readonly string[]): Promise<boolean> {
  return client.withConnection(async (connection) => {
    for (const name of names) if (!(await isThere(connection, (channel) => channel.checkQueue(name)))) return false;
    return true;
  });
}

/** The broker closes a channel after it refuses a request: so each request has its own. */
async function isThere(connection: BrokerConnection, ask: (channel: Channel) => Promise<unknown>): Promise<boolean> {
  const channel = await connection.channel();
  try {
    await ask(channel);
    await channel.close();
    return true;
  } catch (error) {
    const { code } = error as { code?: number };
    if (isMissing(error)) return false;
    if (code === 405) return true; // exclusive to another connection
    throw error;
  }
}

async function differencesOf(
  connection: BrokerConnection,
  name: string,
  ask: (channel: Channel) => Promise<unknown>,
): Promise<Difference[]> {
  const channel = await connection.channel();
  try {
    await ask(channel);
    await channel.close();
    return [];
  } catch (error) {
    // A user who may not declare it cannot compare it either: its existence is enough.
    if ((error as { code?: number }).code === 403) return [];
    const problem = refusedAs(error);
    if (problem === undefined) throw error;
    return [{ name, problem }];
  }
}

async function exchangeDifferences(connection: BrokerConnection, exchange: Exchange): Promise<Difference[]> {
  const found = await differencesOf(connection, exchange.name, (channel) => assertExchange(channel, exchange));
  return found.map((difference) => inFull(difference, `a durable exchange of type ${exchange.type}`));
}

/** LavinMQ reports only that there is a difference: add the arguments that it should have. */
function inFull(difference: Difference, wanted: string): Difference {
  return namesArgument(difference.problem)
    ? difference
    : { ...difference, problem: `${difference.problem}: it should be ${wanted}` };
}

async function queueDifferences(
  connection: BrokerConnection,
  { name, arguments: wanted }: Queue,
): Promise<Difference[]> {
  const problems = await argumentDifferences(wanted, async (args) => {
    const [difference] = await differencesOf(connection, name, (channel) => assertQueue(channel, name, args));
    return difference?.problem;
  });
  const all = Object.entries(wanted).map(([key, value]) => `${key} '${value}'`);
  return problems.map((problem) => inFull({ name, problem }, `a durable queue with ${all.join(', ')}`));
}

/** The text of a 406 error without its fixed parts; undefined for any other error. */
function refusedAs(error: unknown): string | undefined {
  const { code, message = '' } = error as { code?: number; message?: string };
  if (code === 405) return 'it belongs to another connection alone';
  if (code !== 406) return undefined;
  return (/PRECONDITION_FAILED - (.*?)"?$/s.exec(message)?.[1] ?? message).replace(/^inequivalent /, '');
}

async function inTurns<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, items.length) }, async () => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await body(item);
    }),
  );
}

async function onChannels<T>(
  connection: BrokerConnection,
  items: readonly T[],
  body: (channel: Channel, item: T) => Promise<unknown>,
): Promise<void> {
  const rest = [...items];
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, items.length) }, async () => {
      const channel = await connection.channel();
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await body(channel, item);
      await channel.close();
    }),
  );
}

/** @throws AgentqError `topology` that names each difference */
export function refuseDifferences(differences: readonly Difference[], place: string): void {
  if (differences.length === 0) return;
  const named = differences.map(({ name, problem }) => `${name}: ${problem}`);
  throw new AgentqError(
    'topology',
    `the broker at ${place} has ${counted(differences.length, 'thing')} otherwise; nothing was changed: ${named.join('; ')}`,
    'delete what is not needed any more, or use another virtual host, or ?prefix=NAME in the URL',
  );
}
