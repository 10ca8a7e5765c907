import type { BrokerConnection } from './broker-connection.ts';
import { monotonic } from './monotonic.ts';

/** How often to check whether the patience with a silent broker has ended, in ms. */
const INTERVAL = 100;

/** The broker accepts no messages, or does not answer, on an open connection. */
export class NoAnswer extends Error {
  /** Why the broker accepts no messages; undefined if it does not answer. */
  readonly blocked: string | undefined;

  constructor(blocked: string | undefined) {
    super(blocked);
    this.blocked = blocked;
  }
}

/**
 * Waits for a request, beyond the deadline as long as the broker is active on the connection. A broker that is short of
 * memory or disk blocks publishing, and a frozen one sends nothing.
 * @param deadline by monotonic()
 * @param patience how long the broker may be silent after the deadline, in ms
 * @throws NoAnswer
 */
export async function whileAnswering<T>(
  connection: BrokerConnection,
  { deadline, patience }: { readonly deadline: number; readonly patience: number },
  request: Promise<T>,
): Promise<T> {
  const over = Promise.withResolvers<never>();
  let { activity } = connection;
  // Counted in checks, not in time: a process that was suspended has not read what has arrived.
  let silence = 0;
  const looking = setInterval(() => {
    silence = connection.activity === activity ? silence + INTERVAL : 0;
    activity = connection.activity;
    if (monotonic() < deadline) return;
    const { blocked } = connection;
    if (blocked !== undefined || silence >= patience) over.reject(new NoAnswer(blocked));
  }, INTERVAL);
  return Promise.race([request, over.promise]).finally(() => clearInterval(looking));
}
