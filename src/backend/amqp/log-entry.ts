import { sha256Hex } from '../../core/sha256.ts';
import type { ConsumeMessage, MessageProperties } from 'amqplib';
import * as z from 'zod/mini';
import { DEFAULT_PRIORITY, DEFAULT_TYPE, type Envelope, envelopeSchema } from '../../core/envelope.ts';
import { AgentqError } from '../../core/errors.ts';
import type { Event, EventOf } from '../../core/event.ts';
import { Evidence, isInStore } from '../../core/evidence.ts';
import { isName } from '../../core/identifiers.ts';
import { resultsQueue } from '../../core/reply-to.ts';
import { ResultMessage } from '../../core/result-message.ts';
import type { Task } from '../../core/task.ts';
import { UNREADABLE } from '../../core/unreadable.ts';
import { LogBody } from './log-body.ts';
import { DELAY_LEVELS, eventKey, type Names, RESERVED } from './names.ts';
import { FOREIGN_RESULT, FOUND, subjectOf } from './subject.ts';

/** One message of the log, read. */
export type LogEntry = { readonly id: string; readonly at: number } & (
  | ({
      readonly kind: 'events';
      /** The one whose tasks it may be about; undefined for all. */
      readonly role: string | undefined;
    } & Omit<LogBody, 'v' | 'at'>)
  /** A delayed token has arrived. */
  | { readonly kind: 'due'; readonly task_id: string; readonly role: string }
  | {
      readonly kind: 'result';
      readonly message: ResultMessage;
      /** The entry that ended the task, where the message is ours. */
      readonly announces: string | undefined;
      readonly digest: string;
    }
  /** Not ours, and nothing that we know how to read. */
  | { readonly kind: 'unreadable' }
);

/** Nobody's clock goes further: the year 2248, ms since 1970. */
const LAST_MOMENT = 2 ** 43;

/** The longest that a compressed message may become, in bytes. */
const LONGEST_BODY = 256 * 1024 * 1024;

/** What holds where whoever published a message did not think of it. */
interface Fallback {
  readonly id: string;
  /** ms since 1970. */
  readonly at: number;
}

/**
 * Reads a message of the log. Anybody who may publish can have written it: what is not as it must be is unreadable.
 * @throws AgentqError `newer-schema` where a newer agentq wrote it: to pass over it would be to answer wrongly
 */
export function readLogMessage(
  { content, fields, properties }: ConsumeMessage,
  names: Names,
  last: Fallback,
): LogEntry {
  const id = typeof properties.messageId === 'string' ? properties.messageId : last.id;
  const headers = headersOf(properties);
  const said = momentOf(properties) ?? last.at;
  const base = { id, at: readMoment(headers['agentq-sent-at']) ?? said };
  if ((numberOf(headers['agentq-version']) ?? 1) > 1) throw newer();
  const json = parse(content, properties);
  const key = fields.routingKey;
  return readKey(key) ?? { ...base, kind: 'unreadable' };

  function readKey(key: string): LogEntry | undefined {
    if (json === undefined) return undefined;
    if (key === eventKey(FOREIGN_RESULT)) return readResult(json, content, base, undefined);
    if (key.startsWith(eventKey(''))) return readEvents(json, key, base);
    if (!key.startsWith(RESERVED)) return readResult(json, content, base, textOf(headers['agentq-announces']));
    const envelope = readEnvelope(json, roleOf(key));
    if (!envelope) return undefined;
    // What comes out of the delay levels passes by a second time.
    if (fields.exchange !== names.exchange) {
      const at = readMoment(headers['agentq-due-at']) ?? base.at;
      return { id: `${id}:due`, at, kind: 'due', task_id: envelope.task_id, role: envelope.to };
    }
    const event = submittedOf(envelope, headers, said);
    return { ...base, kind: 'events', role: envelope.to, roles: [envelope.to], events: [event] };
  }
}

/** Of a key of work or of a delay: `agentq.work.ROLE.PRIORITY`. */
function roleOf(key: string): string | undefined {
  const words = key.split('.');
  return words[1] === 'work' ? words[2] : words[2 + DELAY_LEVELS];
}

function readEvents(json: unknown, key: string, base: Fallback): LogEntry | undefined {
  if (isNewer(json)) throw newer();
  const parsed = LogBody.safeParse(json);
  if (!parsed.success) return undefined;
  const { events } = parsed.data;
  const [subject, role] = key.slice(eventKey('').length).split('.');
  const rightful = subject === FOUND ? role !== undefined && isFound(events) : subject === subjectOf(events);
  if (!rightful || !events.every(hasNames)) return undefined;
  return { ...parsed.data, ...base, at: parsed.data.at, kind: 'events', role };
}

/** A task that lay in the work queue alone, or a message that is none. */
function isFound([first, second, ...more]: readonly Event[]): boolean {
  if (first?.type !== 'submitted' || more.length > 0) return false;
  return second === undefined || (second.type === 'attempt-failed' && first.envelope.type === UNREADABLE);
}

/** Names and paths end up in folders, queue names and routing keys, whoever wrote them. */
function hasNames(event: Event): boolean {
  if (!isName('task id', event.task_id)) return false;
  switch (event.type) {
    case 'restored': // what lies on a broker is not restored from a backup
      return false;
    case 'submitted':
      return (
        event.attempts_above === undefined &&
        isWellNamed(event.task_id, event.envelope) &&
        (!event.context || isInStore(event.context))
      );
    case 'carried':
      return isWellNamed(event.task_id, event.task.envelope) && evidenceIn(event.task).every(isInStore);
    case 'completed':
      return [...event.artifacts, ...(event.result ? [event.result] : [])].every(isInStore);
    case 'attempt-failed':
      return event.artifacts.every(isInStore);
    default:
      return true;
  }
}

function isWellNamed(id: string, { task_id, to, from, reply_to }: Envelope): boolean {
  const named = isName('role', to) && isName('agent name', from) && isName('queue name', reply_to);
  return task_id === id && named && !reply_to.startsWith(RESERVED);
}

function evidenceIn(task: Task): readonly Evidence[] {
  const { context, attempts } = task;
  return [
    ...(context ? [context] : []),
    ...attempts.flatMap((attempt) => (attempt.outcome ? (attempt.artifacts ?? []) : [])),
  ];
}

function readResult(
  json: unknown,
  content: Buffer,
  base: Fallback,
  announces: string | undefined,
): LogEntry | undefined {
  const message = ResultMessage.safeParse(json);
  if (!message.success) return undefined;
  return { ...base, kind: 'result', message: message.data, announces, digest: digestOf(content) };
}

export function digestOf(content: Buffer): string {
  return sha256Hex(content);
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
    return safeJson(
      (contentEncoding === 'gzip'
        ? process.getBuiltinModule('node:zlib').gunzipSync(content, { maxOutputLength: LONGEST_BODY })
        : content
      ).toString('utf8'),
    );
  } catch {
    return undefined;
  }
}

export function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Headers = Readonly<Record<string, unknown>>;
const headersOf = (properties: MessageProperties): Headers => properties.headers ?? {};
const numberOf = (value: unknown) => (typeof value === 'number' ? value : undefined);

/** A moment in whole ms since 1970; undefined for what can be none, such as microseconds. */
function readMoment(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < LAST_MOMENT ? Math.floor(value) : undefined;
}
const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** When it was published, as far as it says: ms since 1970. AMQP's own timestamp counts seconds. */
export function momentOf(properties: MessageProperties): number | undefined {
  const { timestamp } = properties;
  return readMoment(headersOf(properties)['agentq-at']) ?? readMoment(Number(timestamp) * 1_000);
}

const EnvelopeSchema = envelopeSchema();

/**
 * An envelope, with what a foreign submitter left out filled in; undefined where it is not as it must be, or is
 * another role's.
 */
function readEnvelope(json: unknown, role: string | undefined): Envelope | undefined {
  if (json === null || typeof json !== 'object') return undefined;
  const from = textOf((json as { from?: unknown }).from) ?? 'unknown';
  const defaults = { type: DEFAULT_TYPE, priority: DEFAULT_PRIORITY, from, reply_to: resultsQueue(from) };
  const parsed = EnvelopeSchema.safeParse({ ...defaults, ...json });
  if (!parsed.success || parsed.data.to !== role || parsed.data.reply_to.startsWith(RESERVED)) return undefined;
  return parsed.data;
}

const Context = z.optional(Evidence);

function submittedOf(envelope: Envelope, headers: Headers, at: number): EventOf<'submitted'> {
  const text = textOf(headers['agentq-context']);
  const context = Context.safeParse(text === undefined ? undefined : safeJson(text));
  const max_attempts = numberOf(headers['agentq-max-attempts']);
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

/** When a foreign submitter wants it to begin, who did not send it through the delay. */
function askedFor({ delay_seconds, not_before }: Envelope, at: number): number | undefined {
  if (not_before !== undefined) return Date.parse(not_before);
  return delay_seconds === undefined ? undefined : at + Math.ceil(delay_seconds * 1_000);
}

/**
 * The submit that a message of a work queue stands for; undefined where nobody can read it.
 * @param now ms since 1970, for one that does not say when it was published
 */
export function readToken(
  { content, properties }: { readonly content: Buffer; readonly properties: MessageProperties },
  role: string,
  now: number,
): EventOf<'submitted'> | undefined {
  const envelope = readEnvelope(parse(content, properties), role);
  return envelope && submittedOf(envelope, headersOf(properties), momentOf(properties) ?? now);
}
