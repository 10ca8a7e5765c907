import amqplib from 'amqplib';
import { inject } from 'vitest';

/** The broker that AGENTQ_TEST_AMQP_URL names, if any. Tests of a private broker are then skipped. */
export const otherBroker: string | undefined = process.env['AGENTQ_TEST_AMQP_URL'] || undefined;

/** The broker of this run. @throws in a test file for which vitest.config.ts provides no broker */
export function amqpUrl(): string {
  const url: string | undefined = inject('amqpUrl');
  if (url === undefined) throw new Error('only test files with amqp or rabbitmq in their path get a broker');
  return url;
}

/** The product name and version that the broker of this run reports. */
export async function brokerProduct(): Promise<{ readonly name: string; readonly version: string }> {
  const connection = await amqplib.connect(amqpUrl());
  const { product, version } = connection.connection.serverProperties;
  await connection.close();
  return { name: product, version };
}
