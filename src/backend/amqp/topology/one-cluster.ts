import type { Channel } from 'amqplib';
import { AgentqError } from '../../../core/errors.ts';
import { isRefused } from '../connection/broker-error.ts';
import type { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { queuesExist } from './declare.ts';

/**
 * Checks that all hosts of a URL are nodes of one cluster: a temporary queue that is declared on one of them must exist
 * on all. Otherwise each broker would have its own log, and tasks would be on one of them at random.
 * @param nodes a client for each host
 * @param say gets one line for each host that does not answer
 * @throws AgentqError `topology` if a host belongs to another broker
 */
export async function refuseSeparateBrokers(
  client: ReconnectingClient,
  nodes: readonly ReconnectingClient[],
  say: (line: string) => void,
): Promise<void> {
  await client.withConnection(async (connection) => {
    const channel = await connection.channel();
    const queue = await temporaryQueue(channel);
    // A user who may declare nothing cannot check it: the user who has declared the queues has done so.
    if (queue === undefined) return;
    const answers = await Promise.all(nodes.map((node) => hasQueue(node, queue, say)));
    await channel.deleteQueue(queue);
    await channel.close();
    const separate = nodes.filter((_, index) => answers[index] === false).map(({ place }) => place);
    if (separate.length > 0) throw otherBroker(separate);
  });
}

/** The broker removes it at the end of the connection at the latest. @returns undefined if the user may not declare it */
async function temporaryQueue(channel: Channel): Promise<string | undefined> {
  try {
    return (await channel.assertQueue('', { exclusive: true })).queue;
  } catch (error) {
    if (isRefused(error)) return undefined;
    throw error;
  }
}

/** @returns undefined if the host does not answer */
async function hasQueue(
  node: ReconnectingClient,
  queue: string,
  say: (line: string) => void,
): Promise<boolean | undefined> {
  try {
    return await queuesExist(node, [queue]);
  } catch (error) {
    if (!(error instanceof AgentqError) || error.code !== 'unreachable') throw error;
    say(error.message);
    return undefined;
  }
}

function otherBroker(places: readonly string[]): AgentqError {
  return new AgentqError(
    'topology',
    `the hosts of the URL are not one cluster: ${places.join(' and ')} ${places.length === 1 ? 'is' : 'are'} another broker; nothing was changed`,
    'name only nodes of one cluster',
  );
}
