/** What an adapter may want to know; each takes what it needs. */
export interface BackendOptions {
  /** The workspace's folder. */
  readonly dir: string;
  readonly fileMode: number;
  readonly folderMode: number;
  /** ms since 1970. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Absent: the queue lies in the workspace. */
  readonly broker?: BrokerOptions | undefined;
}

/** Whole segments of the log fall out of it, once it is older or longer than this. */
export interface Retention {
  readonly days: number;
  readonly bytes: number;
}

/** Where the queue lies on a broker. */
export interface BrokerOptions {
  readonly url: string;
  /** How long to wait for the broker, in ms. */
  readonly patience: number;
  /** Tells a person, in one line. */
  readonly say: (line: string) => void;
  /** Turns a path of the store into a reference that whoever reads a result message can open. */
  readonly refOf: (path: string) => string;
  readonly replicated: boolean;
  /** How much of the log is kept at least. */
  readonly retention: Retention;
  /** How long a task may be ready before a worker takes it that finds no token of it, in ms. */
  readonly tokenGrace?: number | undefined;
  /** How long to wait for word of an outage before a lease is ended that was over meanwhile, in ms. */
  readonly outageGrace?: number | undefined;
}

/** What is to be declared on a broker. */
export interface TopologyWish {
  readonly roles: readonly string[];
  /** The agents whose result messages get a queue from the beginning. */
  readonly coordinators: readonly string[];
}

/** What a broker is, and what became of it. */
export interface BrokerReport {
  readonly product: { readonly name: string; readonly version: string };
  /** Host, port and virtual host. */
  readonly place: string;
  /** What was missing, and is there now. */
  readonly declared: string[];
  /** Who sees to what there. */
  readonly guarantees: { readonly promise: string; readonly by: string; readonly how: string }[];
}
