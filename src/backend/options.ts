import type { SnapshotFiles } from './snapshot-files.ts';

/** What every backend is opened with. */
export interface BackendOptions extends Given {
  /** The workspace's folder. */
  readonly dir: string;
  readonly fileMode: number;
  readonly folderMode: number;
  /** The backend, with its own settings. */
  readonly queue: QueueOptions;
}

/** Clock and randomness of the process. */
export interface Given {
  /** ms since 1970. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** The backends, by the scheme of their URL, with the settings that each alone has. */
export type QueueOptions = FileOptions | BrokerOptions;

export type Scheme = QueueOptions['scheme'];

/** The queue is a file in the workspace. */
export interface FileOptions {
  readonly scheme: 'file';
}

export interface Machine {
  readonly name: string;
  /** Identifies its clock: the same in all processes that share the clock. */
  readonly clock: string;
}

/** The broker deletes whole segments of the log once it is older or longer than this. */
export interface Retention {
  readonly days: number;
  readonly bytes: number;
}

/** The queue is on a broker. */
export interface BrokerOptions {
  readonly scheme: 'amqp' | 'amqps';
  readonly url: string;
  /** How long to wait for the broker, in ms. */
  readonly patience: number;
  /** Prints one line for the user. */
  readonly say: (line: string) => void;
  /** Turns a path of the store into a reference that the reader of a result message can open. */
  readonly refOf: (path: string) => string;
  /** The machine on which this process runs. */
  readonly machine: () => Machine;
  /** Where snapshots of the log are. Undefined for no snapshots. */
  readonly snapshots?: (() => Promise<SnapshotFiles>) | undefined;
  readonly replicated: boolean;
  /** The part of the log that is kept at least. */
  readonly retention: Retention;
  /** How long a task may be ready before a worker that finds no token for it takes it, in ms. */
  readonly tokenGrace?: number | undefined;
  /** How long to wait for reports of an outage before a lease is ended that ran out during it, in ms. */
  readonly outageGrace?: number | undefined;
}
