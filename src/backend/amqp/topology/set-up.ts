import { AgentqError } from '../../../core/errors.ts';
import type { BrokerOptions, Given } from '../../options.ts';
import type { BrokerReport, Topology, TopologyWish } from '../../topology.ts';
import { type BrokerUrl, parseBrokerUrl } from '../connection/broker-url.ts';
import { compare, declare, refuseDifferences, remove } from './declare.ts';
import { definitionsOf } from './definitions.ts';
import { guarantees, type Product, refuseOldBroker } from './guarantees.ts';
import { refuseSeparateBrokers } from './one-cluster.ts';
import { chooseQueueType, namesCluster, type QueueType } from './queue-type.ts';
import { ReconnectingClient } from '../connection/reconnecting-client.ts';
import { Names } from '../wire/names.ts';
import { noteMessage } from '../wire/message/encode.ts';
import { firstEntryId } from '../wire/entry-id.ts';
import { topologyOf } from './topology.ts';

/** How long to wait for each host when init checks all hosts of the URL, in ms. */
const ONE_HOST = 2_000;

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
    const { clock, random } = this.#given;
    return this.#withClient(async (client) => {
      const product = await client.withConnection(async (connection) => connection.product);
      const names = new Names(client.address.prefix);
      await this.#refuseSeparateBrokers(client);
      const { replicated, because } = await this.#queueType(client, names, wish, product);
      refuseOldBroker(product, replicated);
      const topology = this.#wanted(wish, replicated);
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
      return {
        product,
        place: client.place,
        queues: { type: replicated ? 'quorum' : 'classic', ...(because !== undefined && { because }) },
        declared: [...missing],
        guarantees: [...guarantees(product, replicated)],
      };
    });
  }

  async #queueType(
    client: ReconnectingClient,
    names: Names,
    { anyType, roles }: TopologyWish,
    product: Product,
  ): Promise<QueueType> {
    return anyType ? chooseQueueType(client, names, roles, product) : { replicated: this.#broker.replicated };
  }

  /** Hosts that do not answer are named to the user, and not checked. */
  async #refuseSeparateBrokers(client: ReconnectingClient): Promise<void> {
    const { address } = client;
    if (!namesCluster(address)) return;
    const patience = Math.min(ONE_HOST, this.#broker.patience);
    const nodes = address.hosts.map((host) => this.#client({ ...address, hosts: [host] }, { patience, say: () => {} }));
    try {
      await refuseSeparateBrokers(client, nodes, this.#broker.say);
    } finally {
      for (const node of nodes) await node.close();
    }
  }

  remove(wish: TopologyWish): Promise<void> {
    return this.#withClient((client) => remove(client, this.#wanted(wish, this.#broker.replicated)));
  }

  planned(wish: TopologyWish, as: 'topology' | 'definitions'): object {
    const address = parseBrokerUrl(this.#broker.url);
    const { vhost, prefix } = address;
    const replicated = wish.anyType ? namesCluster(address) : this.#broker.replicated;
    const topology = this.#wanted(wish, replicated);
    if (as === 'topology') return topology;
    return definitionsOf({ ...wish, vhost, names: new Names(prefix), replicated }, topology);
  }

  #wanted({ roles, coordinators }: TopologyWish, replicated: boolean) {
    const { url, retention } = this.#broker;
    const names = new Names(parseBrokerUrl(url).prefix);
    const replyTos = coordinators.map((agent) => `results.${agent}`);
    return topologyOf({ names, roles, replyTos, replicated, retention });
  }

  #client(address: BrokerUrl, options: Pick<BrokerOptions, 'patience' | 'say'>): ReconnectingClient {
    const { patience, say } = options;
    return new ReconnectingClient(address, { patience, say, ...this.#given });
  }

  async #withClient<T>(body: (client: ReconnectingClient) => Promise<T>): Promise<T> {
    const client = this.#client(parseBrokerUrl(this.#broker.url), this.#broker);
    try {
      return await body(client);
    } finally {
      await client.close();
    }
  }
}
