import type { Backend } from '../../../src/backend/backend.ts';

/** One queue, empty at first, that nobody else uses. */
export interface Harness {
  /** A connection of its own to the queue, as another process would have it. A test may close it, and need not. */
  readonly open: () => Promise<Backend>;
  readonly clock: Clock;
  /** A connection whose outages the test begins and ends. Absent where the queue is a local file. */
  readonly outage?: () => Promise<Outage>;
  /** Closes what is still open, and removes the queue. */
  readonly close: () => Promise<void>;
}

/** What every connection takes for the time, in ms since 1970. It stands still until a test moves it. */
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

/** Hands in its tests: a sentence that is true of every backend, and what shows it. */
export type Theme = (check: (sentence: string, body: Body) => void) => void;
