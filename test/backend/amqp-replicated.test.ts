import { backendContract } from './contract.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';

/**
 * Where quorum queues make a difference: priorities, which are queues of their own there, delays, and what comes back
 * into a queue. A broker takes a second to make and delete the queues of one test, so the rest is left to classic ones.
 */
backendContract('AMQP with quorum queues', () => makeAmqpHarness({ replicated: true }), {
  only: ['claims', 'inbox'],
});
