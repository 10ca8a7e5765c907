import type { TestProject } from 'vitest/node';
import { startRabbitMq } from './private-rabbitmq.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of the broker that all tests of one run share. Each test uses its own names on it. */
    amqpUrl: string;
  }
}

/** A broker for the whole run: the one in AGENTQ_TEST_AMQP_URL, or a private RabbitMQ. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const named = process.env['AGENTQ_TEST_AMQP_URL'];
  if (named) {
    project.provide('amqpUrl', named);
    return undefined;
  }
  const broker = await startRabbitMq();
  project.provide('amqpUrl', broker.url);
  return () => broker.stop();
}
