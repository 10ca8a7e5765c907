import type { MessageProperties } from 'amqplib';
import { isMaxAttempts } from '../../../core/task/retry.ts';

export type Headers = Readonly<Record<string, unknown>>;

/** Nobody's clock goes further: the year 2248, ms since 1970. */
const LAST_MOMENT = 2 ** 43;

export const headersOf = (properties: MessageProperties): Headers => properties.headers ?? {};
export const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** A moment in whole ms since 1970; undefined for what can be none, such as microseconds. */
export function readMoment(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < LAST_MOMENT ? Math.floor(value) : undefined;
}

/** When it was published, as far as it says: ms since 1970. AMQP's own timestamp counts seconds. */
export function momentOf(properties: MessageProperties): number | undefined {
  const { timestamp } = properties;
  return readMoment(headersOf(properties)['agentq-at']) ?? readMoment(Number(timestamp) * 1_000);
}

/** Whether it says that a newer agentq wrote it. */
export function saysNewer(headers: Headers): boolean {
  const version = headers['agentq-version'];
  return typeof version === 'number' && version > 1;
}

/** The role's number of attempts; undefined for a value that is none. */
export function maxAttemptsOf(headers: Headers): number | undefined {
  const value = headers['agentq-max-attempts'];
  return isMaxAttempts(value) ? value : undefined;
}

/**
 * The id of a message. One that has another form than agentq's own ids, or those that others commonly use, is
 * marked: it must not be mistaken for an id that the fold derives from another.
 * @param fallback for one that has none
 */
export function idOf({ messageId }: MessageProperties, fallback: string): string {
  if (typeof messageId !== 'string') return fallback;
  return /^[\w.-]+$/.test(messageId) ? messageId : `message:${messageId}`;
}
