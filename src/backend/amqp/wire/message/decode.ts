import { sha256Hex } from '../../../../core/sha256.ts';
import type { ConsumeMessage, MessageProperties } from 'amqplib';
import * as z from 'zod/mini';
import { DEFAULT_PRIORITY, DEFAULT_TYPE, type Envelope, envelopeSchema } from '../../../../core/envelope/envelope.ts';
import type { Forms } from '../../../../core/log/kind.ts';
import { readEvents } from '../../../../core/log/read-events.ts';
import type { LogEvent } from '../../../../core/log/rules.ts';
import { isTaskEvent } from '../../../../core/log/subject.ts';
import type { EventOf } from '../../../../core/task/event.ts';
import { Evidence, isInStore } from '../../../../core/evidence/evidence.ts';
import { resultsQueue } from '../../../../core/envelope/reply-to.ts';
import { ResultMessage } from '../../../../core/result/result-message.ts';
import { UNREADABLE } from '../../../../core/task/decision/unreadable.ts';
import { type Author, authorOf } from '../author.ts';
import {
  type BodyLimits,
  COMMON_LIMITS,
  COORDINATOR_LIMITS,
  giveBack,
  parseBounded,
  safeJson,
} from './bounded-json.ts';
import { dueEntryId, entryIdOf } from '../entry-id.ts';
import { FORMAT } from './format.ts';
import { LogBody, type Snapshot } from './log-body.ts';
import { type Headers, headersOf, maxAttemptsOf, momentOf, readMoment, saysNewer, textOf } from './message-headers.ts';
import type { Names } from '../names.ts';
import { isSound } from './sound-event.ts';
import {
  eventKey,
  FOREIGN_RESULT,
  FOUND,
  isReserved,
  keyWordOf,
  parseKey,
  type RoutingKey,
  SKIP,
  SNAPSHOT,
} from '../routing-key.ts';

/** One message of the log, decoded. */
export type LogEntry = {
  readonly id: string;
  readonly at: number;
  readonly author: Author;
  /** Its routing key, and the user that published it if the message names one: the broker has checked that. */
  readonly key: string;
  readonly user: string | undefined;
} & (
  | ({
      readonly kind: 'events';
      /** The role whose tasks it may be about; undefined for all. */
      readonly role: string | undefined;
      /** Whether its writer names the role that it works for in the body, as in the key. */
      readonly signed: boolean;
    } & Omit<LogBody, 'v' | 'at' | 'role' | 'skip' | 'snapshot'>)
  /** A delayed token has arrived. */
  | { readonly kind: 'due'; readonly task_id: string; readonly role: string }
  | {
      readonly kind: 'result';
      readonly message: ResultMessage;
      /** The entry that ended the task, if agentq wrote the message. */
      readonly announces: string | undefined;
      readonly digest: string;
    }
  /** Every reader passes over the entry at this offset. */
  | { readonly kind: 'skip'; readonly offset: number }
  /** A coordinator begins to write a snapshot, or has stored it. */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot | undefined }
  /** A newer agentq wrote it: a reader that skipped it would return wrong answers. */
  | { readonly kind: 'newer'; readonly reason: string }
  /** A third-party message in an unknown format. */
  | { readonly kind: 'unreadable'; readonly reason: string }
);

type Variant<E> = E extends LogEntry ? Omit<E, 'id' | 'at' | 'author' | 'key' | 'user'> : never;

/** The content of a message; `at` and `id` if they differ from its headers. Takes the time of the message. */
type Content = (at: number, stated: number) => Variant<LogEntry> & { readonly at?: number; readonly id?: string };

/**
 * Decodes a message of the log once, for any time that it may get. Any user who may publish can have written it: a
 * malformed message is unreadable.
 * @returns a function that creates the entry; takes the time of a message without one, ms since 1970
 */
export function readLogMessage(
  message: ConsumeMessage,
  names: Names,
  offset: number,
  forms: Forms,
): (at: number) => LogEntry {
  const { fields, properties } = message;
  const author = authorOf(fields.routingKey, fields.exchange, names);
  const sent = readMoment(headersOf(properties)['agentq-sent-at']);
  const stated = momentOf(properties);
  const id = entryIdOf(properties.messageId, offset);
  const content = readContent(message, names, author, id, forms);
  const base = { id, author, key: fields.routingKey, user: textOf(properties.userId) };
  return (time) => {
    const at = sent ?? stated ?? time;
    return { ...base, at, ...content(at, stated ?? time) };
  };
}

const unreadable =
  (reason: string): Content =>
  () => ({ kind: 'unreadable', reason });

/**
 * A message which states that a newer agentq wrote it. This is accepted only from authors who may change the format.
 */
const fromNewer = (author: Author, reason: string): Content =>
  author === 'coordinator' ? () => ({ kind: 'newer', reason }) : unreadable('it says that a newer agentq wrote it');

const OF_NEWER_FORMAT = 'says that a newer agentq wrote it';

function readContent(
  { content, fields, properties }: ConsumeMessage,
  names: Names,
  author: Author,
  id: string,
  forms: Forms,
): Content {
  const headers = headersOf(properties);
  if (saysNewer(headers)) return fromNewer(author, OF_NEWER_FORMAT);
  const limits = author === 'coordinator' ? COORDINATOR_LIMITS : COMMON_LIMITS;
  const { json, problem } = parseBounded(content, properties.contentEncoding, limits);
  if (problem !== undefined) {
    giveBack(content);
    return unreadable(problem);
  }
  const key = parseKey(fields.routingKey);
  if (fields.routingKey === eventKey(FOREIGN_RESULT)) return readResult(json, content, undefined);
  if (key.kind === 'event') return readNote(json, key, author, limits, forms);
  if (key.kind === 'result') return readResult(json, content, textOf(headers['agentq-announces']));
  const envelope = key.kind === 'reserved' ? undefined : readEnvelope(json, key.role);
  if (!envelope) return unreadable('it is not a task envelope for the role of its key');
  // A message from the delay levels appears in the log for the second time.
  if (fields.exchange !== names.exchange) {
    const due = readMoment(headers['agentq-due-at']);
    const { task_id, to: role } = envelope;
    return (at) => ({ id: dueEntryId(id), at: due ?? at, kind: 'due', task_id, role });
  }
  const { to } = envelope;
  return (_, at) => {
    const events = [submittedOf(envelope, headers, at)];
    return { kind: 'events', role: to, signed: false, roles: [to], events };
  };
}

function readNote(
  json: unknown,
  { keyWord, role }: RoutingKey & { readonly kind: 'event' },
  author: Author,
  limits: BodyLimits,
  forms: Forms,
): Content {
  const { v, events: listed = [] } = Object(json) as { v?: unknown; events?: unknown };
  if (typeof v === 'number' && v > FORMAT) return fromNewer(author, OF_NEWER_FORMAT);
  if (Array.isArray(listed) && listed.length > limits.events) {
    return unreadable(`it holds more than ${limits.events} events`);
  }
  const known = readEvents(forms, Array.isArray(listed) ? listed : []);
  if (known.newer !== undefined) return fromNewer(author, known.newer);
  const parsed = LogBody.safeParse(json);
  if (!parsed.success || !known.events) return unreadable('it is not an entry of the log');
  const { skip, snapshot, role: signer, v: _v, ...body } = parsed.data;
  const { events } = known;
  if (keyWord === SKIP && skip !== undefined && events.length === 0) return () => ({ kind: 'skip', offset: skip });
  if (keyWord === SNAPSHOT && events.length === 0 && (!snapshot || isInStore(snapshot.file))) {
    return () => ({ kind: 'snapshot', snapshot });
  }
  const rightful = keyWord === FOUND ? role !== undefined && isFound(events) : keyWord === keyWordOf(events);
  if (!rightful) return unreadable('its key does not match its content');
  const single = events.length === 1 || events.every(({ type }) => type !== 'carried');
  if (!single || !events.every((event) => !isTaskEvent(event) || isSound(event, author)))
    return unreadable('it contains an event that agentq does not write');
  return () => ({ ...body, events, kind: 'events', role, signed: signer !== undefined && signer === role });
}

/** A task that was only in the work queue, or a message that is not a task. */
function isFound([first, second, ...more]: readonly LogEvent[]): boolean {
  if (first?.type !== 'submitted' || more.length > 0) return false;
  return second === undefined || (second.type === 'attempt-failed' && first.envelope.type === UNREADABLE);
}

function readResult(json: unknown, content: Buffer, announces: string | undefined): Content {
  const message = ResultMessage.safeParse(json);
  if (!message.success) return unreadable('it is not a result message');
  const digest = digestOf(content);
  return () => ({ kind: 'result', message: message.data, announces, digest });
}

export function digestOf(content: Buffer): string {
  return sha256Hex(content);
}

const EnvelopeSchema = envelopeSchema();

/**
 * An envelope, with defaults for the fields that a third-party submitter omitted; undefined if it is malformed, or
 * belongs to another role.
 */
function readEnvelope(json: unknown, role: string | undefined): Envelope | undefined {
  if (json === null || typeof json !== 'object') return undefined;
  const from = textOf((json as { from?: unknown }).from) ?? 'unknown';
  const defaults = { type: DEFAULT_TYPE, priority: DEFAULT_PRIORITY, from, reply_to: resultsQueue(from) };
  const parsed = EnvelopeSchema.safeParse({ ...defaults, ...json });
  if (!parsed.success || parsed.data.to !== role || isReserved(parsed.data.reply_to)) return undefined;
  return parsed.data;
}

const Context = z.optional(Evidence);

function submittedOf(envelope: Envelope, headers: Headers, at: number): EventOf<'submitted'> {
  const text = textOf(headers['agentq-context']);
  const context = Context.safeParse(text === undefined ? undefined : safeJson(text));
  const max_attempts = maxAttemptsOf(headers);
  const due_at =
    headers['agentq-version'] === undefined ? askedFor(envelope, at) : readMoment(headers['agentq-due-at']);
  return {
    v: 1,
    type: 'submitted',
    task_id: envelope.task_id,
    at,
    envelope,
    ...(context.success && context.data && isInStore(context.data) && { context: context.data }),
    ...(due_at !== undefined && due_at > at && { due_at }),
    ...(max_attempts !== undefined && { max_attempts }),
  };
}

/** The start time that a third-party submitter asks for if it did not publish to the delay. */
function askedFor({ delay_seconds, not_before }: Envelope, at: number): number | undefined {
  if (not_before !== undefined) return Date.parse(not_before);
  return delay_seconds === undefined ? undefined : at + Math.ceil(delay_seconds * 1_000);
}

/**
 * The submit that a message of a work queue contains; undefined if the message is unreadable.
 * @param now ms since 1970, for a message without a time of publication
 */
export function readToken(
  { content, properties }: { readonly content: Buffer; readonly properties: MessageProperties },
  role: string,
  now: number,
): EventOf<'submitted'> | undefined {
  const { json } = parseBounded(content, properties.contentEncoding, COMMON_LIMITS);
  const envelope = readEnvelope(json, role);
  return envelope && submittedOf(envelope, headersOf(properties), momentOf(properties) ?? now);
}
