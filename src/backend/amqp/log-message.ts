import { gunzipSync, gzipSync } from 'node:zlib';
import type { ConsumeMessage, MessageProperties } from 'amqplib';
import * as z from 'zod/mini';
import { type Envelope, loggedEnvelope } from '../../core/envelope.ts';
import { AgentqError } from '../../core/errors.ts';
import { Event, type EventOf } from '../../core/event.ts';
import { Evidence } from '../../core/evidence.ts';
import { ResultMessage } from '../../core/result-message.ts';
import { resultsQueue } from '../../core/reply-to.ts';
import { rankOf } from '../../core/priority.ts';
import { DEFAULT_PRIORITY, DEFAULT_TYPE } from '../../core/envelope.ts';
import { delayKey, eventKey, LONGEST_DELAY, type Names, RESERVED, workKey } from './names.ts';
import type { Outgoing } from './publisher.ts';

/** From what size on a message is compressed, in bytes, and how long it may be then: RabbitMQ 4 takes 16 MiB. */
const COMPRESSED_FROM = 32 * 1024;
const LONGEST_MESSAGE = 15 * 1024 * 1024;

/** The longest TTL that a broker takes, in ms. */
const LONGEST_TTL = 2 ** 32 - 1;

/** What agentq itself writes to the log: the events of one decision, or a note of one of its processes. */
const Body = z.object({
  v: z.literal(1),
  at: z.number(),
  /** Whom the events concern. */
  roles: z.array(z.string()),
  events: z.array(Event),
  /** A worker asked for work. */
  seen: z.optional(z.object({ worker: z.string(), role: z.string() })),
  /** The entry that ended a task, whose result message is out now, or whose dead letter is. */
  announced: z.optional(z.string()),
  /** Nobody could reach the broker meanwhile. */
  away: z.optional(z.object({ from: z.number(), to: z.number() })),
});
type Body = z.infer<typeof Body>;

/** One message of the log, read. */
export type LogEntry = { readonly id: string; readonly at: number } & (
  | ({ readonly kind: 'events' } & Omit<Body, 'v' | 'at'>)
  /** A delayed token has arrived. */
  | { readonly kind: 'due'; readonly task_id: string; readonly role: string }
  | { readonly kind: 'result'; readonly message: ResultMessage; readonly announces: string | undefined }
  /** Not ours, and nothing that we know how to read. */
  | { readonly kind: 'unreadable' }
);

/** What a message says that whoever published it did not think of. */
interface Fallback {
  readonly id: string;
  readonly at: number;
}

/**
 * Reads a message of the log.
 * @throws AgentqError `newer-schema` where a newer agentq wrote it: to pass over it would be to answer wrongly
 */
export function readLogMessage(
  { content, fields, properties }: ConsumeMessage,
  names: Names,
  last: Fallback,
): LogEntry {
  const id = typeof properties.messageId === 'string' ? properties.messageId : last.id;
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const at = numberOf(headers['agentq-at']) ?? secondsOf(properties) ?? last.at;
  const unreadable = { id, at, kind: 'unreadable' } as const;
  if ((numberOf(headers['agentq-version']) ?? 1) > 1) throw newer();
  const json = parse(content, properties);
  if (json === undefined) return unreadable;
  const key = fields.routingKey;
  if (key === eventKey('foreign-result')) return readResult(json, { id, at }, undefined) ?? unreadable;
  if (key.startsWith(`${RESERVED}event.`)) {
    if (isNewer(json)) throw newer();
    const body = Body.safeParse(json);
    return body.success ? { ...body.data, id, kind: 'events' } : unreadable;
  }
  if (key.startsWith(RESERVED)) {
    const envelope = readEnvelope(json);
    if (!envelope) return unreadable;
    // What comes out of the delay levels passes by a second time.
    if (fields.exchange !== names.exchange) {
      const due = numberOf(headers['agentq-due-at']) ?? at;
      return { id: `${id}:due`, at: due, kind: 'due', task_id: envelope.task_id, role: envelope.to };
    }
    return { id, at, kind: 'events', roles: [envelope.to], events: [submittedOf(envelope, headers, at)] };
  }
  const announces = headers['agentq-announces'];
  return readResult(json, { id, at }, typeof announces === 'string' ? announces : undefined) ?? unreadable;
}

function readResult(json: unknown, base: Fallback, announces: string | undefined): LogEntry | undefined {
  const message = ResultMessage.safeParse(json);
  return message.success ? { ...base, kind: 'result', message: message.data, announces } : undefined;
}

function newer(): AgentqError {
  return new AgentqError('newer-schema', 'the log holds events of a newer agentq', 'use that version');
}

function isNewer(json: unknown): boolean {
  const { v, events } = Object(json) as { v?: unknown; events?: unknown };
  if (typeof v === 'number' && v > 1) return true;
  return Array.isArray(events) && events.some((event) => Number((Object(event) as { v?: unknown }).v) > 1);
}

function parse(content: Buffer, { contentEncoding }: MessageProperties): unknown {
  try {
    return safeJson((contentEncoding === 'gzip' ? gunzipSync(content) : content).toString('utf8'));
  } catch {
    return undefined;
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const numberOf = (value: unknown) => (typeof value === 'number' ? value : undefined);
const secondsOf = ({ timestamp }: MessageProperties) => (typeof timestamp === 'number' ? timestamp * 1_000 : undefined);

const Logged = loggedEnvelope();

/** An envelope as a foreign submitter may have written it, with what it left out filled in. */
export function readEnvelope(json: unknown): Envelope | undefined {
  if (json === null || typeof json !== 'object') return undefined;
  const { from } = json as { from?: unknown };
  const known = {
    type: DEFAULT_TYPE,
    priority: DEFAULT_PRIORITY,
    from: 'unknown',
    reply_to: resultsQueue(typeof from === 'string' ? from : 'unknown'),
  };
  const parsed = Logged.safeParse({ ...known, ...json });
  return parsed.success ? parsed.data : undefined;
}

const Context = z.optional(Evidence);

function submittedOf(envelope: Envelope, headers: Record<string, unknown>, at: number): EventOf<'submitted'> {
  const text = headers['agentq-context'];
  const context = Context.safeParse(typeof text === 'string' ? safeJson(text) : undefined);
  const due_at = numberOf(headers['agentq-due-at']);
  const max_attempts = numberOf(headers['agentq-max-attempts']);
  return {
    v: 1,
    type: 'submitted',
    task_id: envelope.task_id,
    at,
    envelope,
    ...(context.success && context.data && { context: context.data }),
    ...(due_at !== undefined && { due_at }),
    ...(max_attempts !== undefined && { max_attempts }),
  };
}

/** A token from a work queue; undefined where nobody can read it. */
export function readToken({
  content,
  properties,
}: {
  content: Buffer;
  properties: MessageProperties;
}): EventOf<'submitted'> | undefined {
  const envelope = readEnvelope(parse(content, properties));
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  return envelope && submittedOf(envelope, headers, numberOf(headers['agentq-at']) ?? secondsOf(properties) ?? 0);
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/** The submit of one task: log and work queue, or log and delay, take one and the same message, the plain envelope. */
export function submitMessage(names: Names, id: string, event: EventOf<'submitted'>): Outgoing {
  const { envelope, at, due_at } = event;
  const delay = due_at === undefined ? 0 : Math.ceil((due_at - at) / 1_000);
  const { to, priority, ttl_seconds } = envelope;
  return {
    exchange: names.exchange,
    key: delay > 0 ? delayKey(Math.min(delay, LONGEST_DELAY), to, priority) : workKey(to, priority),
    content: json(envelope),
    options: tokenOptions(id, event, delay > 0 ? undefined : ttl_seconds && ttl_seconds * 1_000),
  };
}

/**
 * The same envelope for the work queue alone, or for the delay levels.
 * @param delay in ms; 0 for now
 * @param ttl in ms, from when it is ready
 */
export function tokenMessage(
  names: Names,
  id: string,
  event: EventOf<'submitted'>,
  delay: number,
  ttl?: number,
): Outgoing {
  const { to, priority } = event.envelope;
  const seconds = Math.ceil(delay / 1_000);
  return {
    exchange: seconds > 0 ? names.delays : names.tokens,
    key: seconds > 0 ? delayKey(seconds, to, priority) : workKey(to, priority),
    content: json(event.envelope),
    options: tokenOptions(id, event, seconds > 0 ? undefined : ttl),
  };
}

function tokenOptions(id: string, event: EventOf<'submitted'>, ttl: number | undefined): Outgoing['options'] {
  const { envelope, at, context, due_at, max_attempts } = event;
  const expiration = ttl === undefined || ttl > LONGEST_TTL ? undefined : Math.max(1, Math.ceil(ttl));
  return {
    messageId: id,
    contentType: 'application/json',
    timestamp: Math.floor(at / 1_000),
    priority: rankOf(envelope.priority),
    ...(expiration !== undefined && { expiration: String(expiration) }),
    headers: {
      'agentq-version': 1,
      'agentq-at': at,
      ...(context && { 'agentq-context': JSON.stringify(context) }),
      ...(due_at !== undefined && { 'agentq-due-at': due_at }),
      ...(max_attempts !== undefined && { 'agentq-max-attempts': max_attempts }),
    },
  };
}

export type Note = Partial<Pick<Body, 'seen' | 'announced' | 'away' | 'events' | 'roles'>>;

/**
 * Anything else for the log.
 * @throws AgentqError `too-large`
 */
export function noteMessage(names: Names, id: string, at: number, note: Note): Outgoing {
  const { events = [], roles = [] } = note;
  const body: Body = { ...note, v: 1, at, events, roles };
  const whole = json(body);
  const content = whole.length < COMPRESSED_FROM ? whole : gzipSync(whole);
  if (content.length > LONGEST_MESSAGE) {
    throw new AgentqError(
      'too-large',
      `${events.length} tasks are more than a broker takes at once`,
      'split the batch',
    );
  }
  const what = events.length === 0 ? 'note' : events.length === 1 ? events[0]!.type : 'several';
  return {
    exchange: names.exchange,
    key: eventKey([what, ...(roles.length === 1 ? roles : [])].join('.')),
    content,
    options: {
      messageId: id,
      contentType: 'application/json',
      timestamp: Math.floor(at / 1_000),
      ...(content !== whole && { contentEncoding: 'gzip' }),
    },
  };
}

/** The plain result message of a task; the log hears that it is out. */
export function announcement(
  names: Names,
  id: string,
  at: number,
  replyTo: string,
  message: ResultMessage,
  ending: string,
): Outgoing {
  return {
    exchange: names.exchange,
    key: replyTo,
    content: json(message),
    options: {
      messageId: id,
      contentType: 'application/json',
      timestamp: Math.floor(at / 1_000),
      headers: { 'agentq-version': 1, 'agentq-at': at, 'agentq-announces': ending },
    },
  };
}

/** A result message that somebody wrote to its queue alone, for the log. */
export function foreignMessage(names: Names, id: string, at: number, message: ResultMessage): Outgoing {
  return {
    exchange: names.exchange,
    key: eventKey('foreign-result'),
    content: json(message),
    options: { messageId: id, contentType: 'application/json', headers: { 'agentq-at': at } },
  };
}
