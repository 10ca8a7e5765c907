import { backendContract } from './contract.ts';
import { makeAmqpHarness } from './support/amqp-harness.ts';

backendContract('AMQP', makeAmqpHarness);
