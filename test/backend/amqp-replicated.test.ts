import { backendContract } from './contract.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';

/**
 * The themes in which quorum queues differ: priorities, which are separate queues there, delays, and messages that
 * return to a queue. A broker needs a second to declare and delete the queues of one test, so the other themes run
 * only on classic queues.
 */
backendContract('AMQP with quorum queues', () => makeAmqpHarness({ replicated: true }), {
  only: ['claims', 'inbox'],
});
