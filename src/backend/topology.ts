/**
 * The port of a backend whose queues must be declared before they are used: an optional capability. Declaring needs
 * other rights than using the queue, and may be done on another machine.
 */
export interface Topology {
  /**
   * Declares what is missing. Harmless if everything exists.
   * @throws AgentqError `topology` that names the objects which differ; then nothing was changed
   */
  declare(wish: TopologyWish): Promise<BrokerReport>;
  /** Removes everything that `declare` declares for the same wish, including its content. */
  remove(wish: TopologyWish): Promise<void>;
  /**
   * What `declare` would declare, without a connection: as agentq declares it, or in the broker's own format of
   * definitions, with users and permissions.
   */
  planned(wish: TopologyWish, as: 'topology' | 'definitions'): object;
}

/** The queues that a workspace asks for. */
export interface TopologyWish {
  readonly roles: readonly string[];
  /** The agents whose result messages get a queue from the beginning. */
  readonly coordinators: readonly string[];
  /** Whether the backend may choose the type of the queues, because the user has not. */
  readonly anyType?: boolean;
}

/** A broker's product, and the result of its setup. */
export interface BrokerReport {
  readonly product: { readonly name: string; readonly version: string };
  /** Hosts, ports and virtual host. */
  readonly place: string;
  /** The type of the queues. `because` is present if the user did not choose it and it is not the default. */
  readonly queues: { readonly type: 'classic' | 'quorum'; readonly because?: string };
  /** What was missing, and now exists. */
  readonly declared: string[];
  /** What provides each guarantee there. */
  readonly guarantees: { readonly promise: string; readonly by: string; readonly how: string }[];
}
