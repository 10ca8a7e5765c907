import type { ConsumeMessage } from 'amqplib';
import { COMMON_LIMITS } from './bounded-json.ts';
import { type LogEntry, readLogMessage } from './decode.ts';
import { momentOf } from './message-headers.ts';
import type { Names } from './names.ts';

/** A message of the log. */
export interface LogMessage {
  readonly offset: number;
  /** Its length in bytes. */
  readonly size: number;
  /** How much memory it may take to read it, in bytes. */
  readonly cost: number;
  /** When it was published, as far as it says: ms since 1970. */
  readonly at: number | undefined;
  /** Where it does not say it: when the next message was published that does. */
  readonly next?: number;
  /** @param at for a message that does not say when it was published */
  readonly read: (at: number) => LogEntry;
}

/**
 * A message of the log, which is read when it is first asked for. What is compressed may become as long as its key
 * allows to one who is no coordinator; longer batches are rare.
 */
export function logMessageOf(message: ConsumeMessage, offset: number, names: Names): LogMessage {
  const { content, properties } = message;
  let reading: ((at: number) => LogEntry) | undefined;
  return {
    offset,
    size: content.length,
    cost: properties.contentEncoding === 'gzip' ? COMMON_LIMITS.bytes : content.length,
    at: momentOf(properties),
    read: (at) => (reading ??= readLogMessage(message, names, `offset:${offset}`))(at),
  };
}
