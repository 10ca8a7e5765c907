import type { MessageProperties } from 'amqplib';
import { isMaxAttempts } from '../../../../core/task/retry.ts';
import { FORMAT } from './format.ts';

export type Headers = Readonly<Record<string, unknown>>;

/** The latest accepted time: the year 2248, ms since 1970. */
const LAST_MOMENT = 2 ** 43;

export const headersOf = (properties: MessageProperties): Headers => properties.headers ?? {};
export const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** A moment in whole ms since 1970; undefined for a value that is out of range, such as microseconds. */
export function readMoment(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < LAST_MOMENT ? Math.floor(value) : undefined;
}

/** When it was published, if the message states it: ms since 1970. AMQP's own timestamp counts seconds. */
export function momentOf(properties: MessageProperties): number | undefined {
  const { timestamp } = properties;
  return readMoment(headersOf(properties)['agentq-at']) ?? readMoment(Number(timestamp) * 1_000);
}

/** Whether it states that a newer agentq wrote it. */
export function saysNewer(headers: Headers): boolean {
  const version = headers['agentq-version'];
  return typeof version === 'number' && version > FORMAT;
}

/** The role's number of attempts; undefined for an invalid value. */
export function maxAttemptsOf(headers: Headers): number | undefined {
  const value = headers['agentq-max-attempts'];
  return isMaxAttempts(value) ? value : undefined;
}
