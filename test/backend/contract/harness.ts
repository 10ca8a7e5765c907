import type { Backend } from '../../../src/backend/backend.ts';

/** One queue. It is empty at first, and only one test uses it. */
export interface Harness {
  /** Opens a new connection to the queue, as another process does. The test may close it; `close` closes the rest. */
  readonly open: () => Promise<Backend>;
  readonly clock: Clock;
  /** Opens a connection whose outages the test begins and ends. Absent if the queue is a local file. */
  readonly outage?: () => Promise<Outage>;
  /** Closes all open connections and removes the queue. */
  readonly close: () => Promise<void>;
}

/** The clock of every connection, in ms since 1970. The time changes only when the test advances it. */
export interface Clock {
  readonly now: () => number;
  readonly advance: (ms: number) => void;
}

export interface Outage {
  readonly backend: Backend;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

export type MakeHarness = () => Promise<Harness>;

/** One test of the contract. */
export type Body = (harness: Harness) => Promise<void>;

/** Passes its tests to `check`: the name of each test, and its body. */
export type Theme = (check: (sentence: string, body: Body) => void) => void;
