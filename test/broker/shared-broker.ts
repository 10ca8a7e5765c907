import amqplib from 'amqplib';
import { inject } from 'vitest';

/** Set where the tests are to meet a broker of somebody's choice: nothing about a private one is asked for then. */
export const otherBroker: string | undefined = process.env['AGENTQ_TEST_AMQP_URL'] || undefined;

/** The broker of this run. @throws in a test file that vitest.config.ts does not take for one that needs a broker */
export function amqpUrl(): string {
  const url: string | undefined = inject('amqpUrl');
  if (url === undefined) throw new Error('only test files with amqp or rabbitmq in their path are given a broker');
  return url;
}

/** What the broker of this run says that it is. */
export async function brokerProduct(): Promise<{ readonly name: string; readonly version: string }> {
  const connection = await amqplib.connect(amqpUrl());
  const { product, version } = connection.connection.serverProperties;
  await connection.close();
  return { name: product, version };
}
