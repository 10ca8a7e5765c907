import type { ConsumeMessage } from 'amqplib';
import { AgentqError } from '../../../core/errors.ts';

/** The position of a message in the log. */
export function offsetOf({ properties }: ConsumeMessage): number {
  const offset = Number(properties.headers?.['x-stream-offset']);
  if (Number.isInteger(offset)) return offset;
  throw new AgentqError('topology', 'the log is not a stream', 'check its x-queue-type');
}
