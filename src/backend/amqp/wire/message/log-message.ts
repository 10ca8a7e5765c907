import type { ConsumeMessage } from 'amqplib';
import type { Forms } from '../../../../core/log/kind.ts';
import { COMMON_LIMITS } from './bounded-json.ts';
import { type LogEntry, readLogMessage } from './decode.ts';
import { momentOf } from './message-headers.ts';
import type { Names } from '../names.ts';

/** A message of the log. */
export interface LogMessage {
  readonly offset: number;
  /** Its length in bytes. */
  readonly size: number;
  /** The approximate memory that it takes to decode it, in bytes. */
  readonly cost: number;
  /** When it was published, if the message states it: ms since 1970. */
  readonly at: number | undefined;
  /** If it does not: when the next message with a time was published. */
  readonly next?: number;
  /** @param at for a message without a time of publication */
  readonly read: (at: number) => LogEntry;
}

/**
 * A message of the log, which is decoded on first use. A compressed message may expand to the limit that its key allows
 * to users who are not coordinators; longer batches are rare.
 */
export function logMessageOf(message: ConsumeMessage, offset: number, names: Names, forms: Forms): LogMessage {
  const { content, properties } = message;
  let reading: ((at: number) => LogEntry) | undefined;
  return {
    offset,
    size: content.length,
    cost: properties.contentEncoding === 'gzip' ? COMMON_LIMITS.bytes : content.length,
    at: momentOf(properties),
    read: (at) => (reading ??= readLogMessage(message, names, offset, forms))(at),
  };
}
