import type { BrokerOptions } from '../../../src/backend/options.ts';

/** How long a test waits for a broker, in ms. */
const TIME_LIMIT = 20_000;

/** The options of a queue on a broker. This file does not import vitest, because child processes import it. */
export function brokerOptions(url: string, more: Partial<BrokerOptions> = {}): BrokerOptions {
  return {
    scheme: 'amqp',
    url,
    patience: TIME_LIMIT,
    say: () => {},
    refOf: (path) => `file:///store/${path}`,
    // Tests may share a clock that is not the broker's.
    machine: () => ({ name: 'one', clock: 'one' }),
    replicated: false,
    retention: { days: 30, bytes: 1e9 },
    tokenGrace: 0,
    outageGrace: 0,
    ...more,
  };
}
