import { AgentqError } from '../../../core/errors.ts';
import type { BrokerOptions, Given } from '../../options.ts';
import type { BrokerReport, Topology, TopologyWish } from '../../topology.ts';
import { parseBrokerUrl } from '../connection/broker-url.ts';
import { compare, declare, refuseDifferences, remove } from './declare.ts';
import { definitionsOf } from './definitions.ts';
import { guarantees, refuseOldBroker } from './guarantees.ts';
import { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { Names } from '../wire/names.ts';
import { noteMessage } from '../wire/encode.ts';
import { firstEntryId } from '../wire/entry-id.ts';
import { topologyOf } from './topology.ts';

/** The exchanges, queues and bindings of a queue on a broker. */
export class AmqpTopology implements Topology {
  readonly #broker: BrokerOptions;
  readonly #given: Given;

  constructor(broker: BrokerOptions, given: Given) {
    this.#broker = broker;
    this.#given = given;
  }

  /** @throws AgentqError `topology` that names the objects which differ; then nothing was changed */
  declare(wish: TopologyWish): Promise<BrokerReport> {
    const { replicated } = this.#broker;
    const { clock, random } = this.#given;
    return this.#withClient(async (client) => {
      const product = await client.withConnection(async (connection) => connection.product);
      refuseOldBroker(product, replicated);
      const names = new Names(client.address.prefix);
      const topology = this.#wanted(wish);
      const { missing, differences } = await compare(client, topology);
      refuseDifferences(differences, client.place);
      try {
        await declare(client, topology);
      } catch (error) {
        // For users who may not declare anything, it is enough that everything exists.
        if (missing.length > 0 || !(error instanceof AgentqError) || error.code !== 'denied') throw error;
      }
      // From then on the log has a time, also for messages without a time of publication.
      const begin = noteMessage(names, firstEntryId(random), clock(), {});
      if (missing.includes(names.log)) await client.withConnection(async (connection) => connection.publish(begin));
      return { product, place: client.place, declared: [...missing], guarantees: [...guarantees(product, replicated)] };
    });
  }

  remove(wish: TopologyWish): Promise<void> {
    return this.#withClient((client) => remove(client, this.#wanted(wish)));
  }

  planned(wish: TopologyWish, as: 'topology' | 'definitions'): object {
    const topology = this.#wanted(wish);
    if (as === 'topology') return topology;
    const { vhost, prefix } = parseBrokerUrl(this.#broker.url);
    const { replicated } = this.#broker;
    return definitionsOf({ vhost, names: new Names(prefix), replicated, ...wish }, topology);
  }

  #wanted({ roles, coordinators }: TopologyWish) {
    const { url, replicated, retention } = this.#broker;
    const names = new Names(parseBrokerUrl(url).prefix);
    const replyTos = coordinators.map((agent) => `results.${agent}`);
    return topologyOf({ names, roles, replyTos, replicated, retention });
  }

  async #withClient<T>(body: (client: ReconnectingClient) => Promise<T>): Promise<T> {
    const { url, patience, say } = this.#broker;
    const { clock, random } = this.#given;
    const client = new ReconnectingClient(parseBrokerUrl(url), { patience, say, clock, random });
    try {
      return await body(client);
    } finally {
      await client.close();
    }
  }
}
