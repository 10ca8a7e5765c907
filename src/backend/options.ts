/** The options of all adapters; each uses those that it needs. */
export interface BackendOptions {
  /** The workspace's folder. */
  readonly dir: string;
  readonly fileMode: number;
  readonly folderMode: number;
  /** ms since 1970. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Absent: the queue is in the workspace. */
  readonly broker?: BrokerOptions | undefined;
}

/** The broker deletes whole segments of the log once it is older or longer than this. */
export interface Retention {
  readonly days: number;
  readonly bytes: number;
}

/** The broker of the queue. */
export interface BrokerOptions {
  readonly url: string;
  /** How long to wait for the broker, in ms. */
  readonly patience: number;
  /** Prints one line for the user. */
  readonly say: (line: string) => void;
  /** Turns a path of the store into a reference that the reader of a result message can open. */
  readonly refOf: (path: string) => string;
  readonly replicated: boolean;
  /** The part of the log that is kept at least. */
  readonly retention: Retention;
  /** How long a task may be ready before a worker that finds no token for it takes it, in ms. */
  readonly tokenGrace?: number | undefined;
  /** How long to wait for reports of an outage before a lease is ended that ran out during it, in ms. */
  readonly outageGrace?: number | undefined;
}

/** What is to be declared on a broker. */
export interface TopologyWish {
  readonly roles: readonly string[];
  /** The agents whose result messages get a queue from the beginning. */
  readonly coordinators: readonly string[];
}

/** A broker's product, and the result of its setup. */
export interface BrokerReport {
  readonly product: { readonly name: string; readonly version: string };
  /** Host, port and virtual host. */
  readonly place: string;
  /** What was missing, and now exists. */
  readonly declared: string[];
  /** What provides each guarantee there. */
  readonly guarantees: { readonly promise: string; readonly by: string; readonly how: string }[];
}
