import { setTimeout as pause } from 'node:timers/promises';
import type { CommandOf } from '../../../core/task/decision/command.ts';
import { AgentqError } from '../../../core/errors.ts';
import type { EventOf } from '../../../core/task/event.ts';
import { monotonic } from '../connection/monotonic.ts';
import { isMissing, isRefused, Unroutable } from '../connection/broker-error.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import type { Names } from '../wire/names.ts';
import { isReserved, RESERVED } from '../wire/routing-key.ts';
import { closeQuietly, type BrokerConnection } from '../connection/broker-connection.ts';

export function unknownRole(role: string): AgentqError {
  return new AgentqError(
    'topology',
    `the broker has no queue for ${role}`,
    `declare it: agentq init --workers ${role}`,
  );
}

/** How often a submit is published again if its existing queue does not accept it, and after what wait, in ms. */
const TRIES = 20;
const AGAIN = 200;

/**
 * Publishes a submit. A queue that exists and accepts nothing is starting up.
 * @throws AgentqError `topology` if the role is not declared
 */
export async function routed<T>(
  { envelope }: EventOf<'submitted'>,
  client: ReconnectingClient,
  names: Names,
  publish: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await publish();
    } catch (error) {
      if (!(error instanceof Unroutable)) throw error;
      await checkRole(client, names, envelope.to);
      if (tries === TRIES) throw unknownRole(envelope.to);
      await pause(AGAIN);
    }
  }
}

/** @throws AgentqError `topology` if the role is not declared */
export async function checkRole(client: ReconnectingClient, names: Names, role: string): Promise<void> {
  await client.withConnection((connection) => checkWorkQueue(connection, names, role));
}

/** Whether the role has a work queue. A user without the permission to check learns that it has one. */
export async function hasWorkQueue(client: ReconnectingClient, names: Names, role: string): Promise<boolean> {
  try {
    await checkRole(client, names, role);
    return true;
  } catch (error) {
    if (error instanceof AgentqError && error.code === 'topology') return false;
    throw error;
  }
}

/** How long a queue that was found is not checked again, in ms: a process may submit many tasks. */
const FOUND_FOR = 1_000;

/** When each work queue was last found, by the monotonic clock. */
const found = new WeakMap<BrokerConnection, Map<string, number>>();

/**
 * The log may be bound to a role whose work queue was deleted: it would accept a submit that no worker gets.
 * @throws AgentqError `topology` if the role has no work queue
 */
export async function checkWorkQueue(connection: BrokerConnection, names: Names, role: string): Promise<void> {
  const queue = names.work(role);
  const foundAt = found.get(connection) ?? new Map<string, number>();
  found.set(connection, foundAt);
  if (monotonic() - (foundAt.get(queue) ?? -Infinity) < FOUND_FOR) return;
  const channel = await connection.channel();
  try {
    await channel.checkQueue(queue);
    foundAt.set(queue, monotonic());
  } catch (error) {
    // A user without the permission to check may still submit.
    if (isRefused(error)) return;
    throw isMissing(error) ? unknownRole(role) : error;
  }
  void closeQuietly(channel);
}

/** Such a queue name would be read as one of agentq's routing keys. */
export function refuseReserved({ envelope }: CommandOf<'submit'>): void {
  if (!isReserved(envelope.reply_to)) return;
  throw new AgentqError(
    'invalid-name',
    `${envelope.reply_to} cannot take result messages: names that begin with ${RESERVED} are agentq's own`,
    'name another queue with --reply-to',
  );
}
