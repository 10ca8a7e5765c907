import { parseBrokerUrl } from '../../../src/backend/amqp/connection/broker-url.ts';
import { ReconnectingClient } from '../../../src/backend/amqp/connection/reconnecting-client.ts';

/** How long a test waits for a broker, in ms. */
const TIME_LIMIT = 20_000;

/** Runs the body on a new client, and then closes the client. */
export async function onClient<T>(url: string, body: (client: ReconnectingClient) => Promise<T>): Promise<T> {
  const client = new ReconnectingClient(parseBrokerUrl(url), {
    patience: TIME_LIMIT,
    say: () => {},
    clock: Date.now,
    random: Math.random,
  });
  try {
    return await body(client);
  } finally {
    await client.close();
  }
}
