import { AgentqError } from '../../../core/errors.ts';
import type { EventOf } from '../../../core/task/event.ts';
import { rankOf } from '../../../core/envelope/priority.ts';
import type { ResultMessage } from '../../../core/result/result-message.ts';
import type { Task } from '../../../core/task/task.ts';
import { authorOf } from './author.ts';
import { COMMON_LIMITS, COORDINATOR_LIMITS } from './bounded-json.ts';
import type { LogBody, Note } from './log-body.ts';
import { delayKey, eventKey, FOREIGN_RESULT, RESERVED, keyWordOf, workKey } from './routing-key.ts';
import { LONGEST_DELAY, type Names } from './names.ts';
import type { Publication } from './publication.ts';

/** From what size on a message is compressed, in bytes, and how long it may be then: RabbitMQ 4 takes 16 MiB. */
const COMPRESSED_FROM = 32 * 1024;
const LONGEST_MESSAGE = 15 * 1024 * 1024;

/** The longest TTL that a broker takes, in ms. */
const LONGEST_TTL = 2 ** 32 - 1;

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/**
 * The submit of one task: log and work queue, or log and delay, take one and the same message, the plain envelope.
 * @param now when it is published, ms since 1970: the log's time goes by that, and it may have been said long before
 */
export function submitMessage(names: Names, id: string, event: EventOf<'submitted'>, now: number): Publication {
  const { envelope, at, due_at } = event;
  const delay = due_at === undefined ? 0 : due_at - at;
  const ttl = envelope.ttl_seconds === undefined ? undefined : envelope.ttl_seconds * 1_000;
  const { options, ...message } = tokenMessage(names, id, event, delay, ttl);
  const headers = { ...options.headers, 'agentq-sent-at': now };
  return { ...message, exchange: names.exchange, options: { ...options, headers } };
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
): Publication {
  const { envelope, at, context, due_at, max_attempts } = event;
  const { to, priority } = envelope;
  const seconds = Math.ceil(delay / 1_000);
  // The time that it waits in the delay would count against it there: whoever claims it looks at the clock.
  const expiration = seconds > 0 || ttl === undefined || ttl > LONGEST_TTL ? undefined : Math.max(1, Math.ceil(ttl));
  return {
    exchange: seconds > 0 ? names.delays : names.tokens,
    key: seconds > 0 ? delayKey(seconds, to, priority) : workKey(to, priority),
    content: json(envelope),
    options: {
      ...common(id, at),
      priority: rankOf(priority),
      ...(expiration !== undefined && { expiration: String(expiration) }),
      headers: {
        'agentq-version': 1,
        'agentq-at': at,
        ...(context && { 'agentq-context': JSON.stringify(context) }),
        ...(due_at !== undefined && { 'agentq-due-at': due_at }),
        ...(max_attempts !== undefined && { 'agentq-max-attempts': max_attempts }),
      },
    },
  };
}

function common(id: string, at: number): Publication['options'] {
  return { messageId: id, contentType: 'application/json', timestamp: Math.floor(at / 1_000) };
}

/** What the routing key of an entry says beside its events. */
export interface Under {
  /** What it is about; that of its events where it is not said. */
  readonly keyWord?: string | undefined;
  /** The role whose tasks it is about: that of the note where it names one alone, and none with `null`. */
  readonly role?: string | null | undefined;
}

/**
 * Anything else for the log.
 * @throws AgentqError `too-large`
 */
export function noteMessage(names: Names, id: string, at: number, note: Note, under: Under = {}): Publication {
  const { events = [], roles = [] } = note;
  const { keyWord = keyWordOf(events), role = roles.length === 1 ? roles[0] : null } = under;
  const body: LogBody = { ...note, v: 1, at, events, roles };
  const whole = json(body);
  const key = eventKey([keyWord, ...(role === null ? [] : [role])].join('.'));
  const { bytes } = authorOf(key, names.exchange, names) === 'coordinator' ? COORDINATOR_LIMITS : COMMON_LIMITS;
  if (whole.length > bytes) {
    throw new AgentqError(
      'too-large',
      `an entry of ${whole.length} bytes is more than readers of the log take`,
      'split the batch, or bring fewer artifacts',
    );
  }
  const content = whole.length < COMPRESSED_FROM ? whole : process.getBuiltinModule('node:zlib').gzipSync(whole);
  if (content.length > LONGEST_MESSAGE) {
    throw new AgentqError(
      'too-large',
      `${events.length} tasks are more than a broker takes at once`,
      'split the batch',
    );
  }
  return {
    exchange: names.exchange,
    key,
    content,
    options: { ...common(id, at), ...(content !== whole && { contentEncoding: 'gzip' }) },
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
): Publication {
  return {
    exchange: names.exchange,
    key: replyTo,
    content: json(message),
    options: {
      ...common(id, at),
      headers: { 'agentq-version': 1, 'agentq-at': at, 'agentq-announces': ending },
    },
  };
}

/** A result message that somebody wrote to its queue alone, for the log. */
export function foreignMessage(names: Names, id: string, at: number, content: Buffer): Publication {
  const options = { ...common(id, at), headers: { 'agentq-at': at } };
  return { exchange: names.exchange, key: eventKey(FOREIGN_RESULT), content, options };
}

/** A message for the dead letters, with the reason in its headers. */
export function deadMessage(
  names: Names,
  id: string,
  role: string,
  content: Buffer,
  headers: Readonly<Record<string, string | number>>,
): Publication {
  return { exchange: names.tokens, key: `${RESERVED}dead.${role}`, content, options: { messageId: id, headers } };
}

/** Where the broker can't keep it so long, the log alone knows of the task until it is due. */
export function isTooLong({ due_at, at }: EventOf<'submitted'>): boolean {
  return due_at !== undefined && due_at - at > LONGEST_DELAY * 1_000;
}

/** The submit of a task as a token tells of it. */
export function submissionOf(task: Task): EventOf<'submitted'> {
  const { id, envelope, context, max_attempts, submitted_at } = task;
  return {
    v: 1,
    type: 'submitted',
    task_id: id,
    at: submitted_at,
    envelope,
    ...(context && { context }),
    ...(max_attempts !== undefined && { max_attempts }),
    ...(task.status === 'scheduled' && { due_at: task.due_at }),
  };
}
