import { counted } from '../../../../core/counted.ts';
import { AgentqError } from '../../../../core/errors.ts';
import type { EventOf } from '../../../../core/task/event.ts';
import { rankOf } from '../../../../core/envelope/priority.ts';
import type { ResultMessage } from '../../../../core/result/result-message.ts';
import type { Task } from '../../../../core/task/task.ts';
import { authorOf } from '../author.ts';
import { COMMON_LIMITS, COORDINATOR_LIMITS } from './bounded-json.ts';
import { FORMAT, formatOf } from './format.ts';
import type { LogBody, Note } from './log-body.ts';
import { deadKey, delayKey, eventKey, FOREIGN_RESULT, keyWordOf, workKey } from '../routing-key.ts';
import { LONGEST_DELAY, type Names } from '../names.ts';
import type { Publication } from './publication.ts';

/** The size from which a message is compressed, and its maximum size then, in bytes: RabbitMQ 4 accepts 16 MiB. */
const COMPRESSED_FROM = 32 * 1024;
const LONGEST_MESSAGE = 15 * 1024 * 1024;

/** The longest TTL that a broker accepts, in ms. */
const LONGEST_TTL = 2 ** 32 - 1;

const json = (value: unknown) => Buffer.from(JSON.stringify(value));

/**
 * The submit of one task. The log and the work queue, or the log and the delay, get the same message: the plain
 * envelope.
 * @param now when it is published, ms since 1970: it sets the time of the log, and the event may be much older
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
 * The same envelope for the work queue only, or for the delay levels.
 * @param delay in ms; 0 for none
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
  // The broker would count the time in the delay against the TTL: the worker that claims the task checks the time
  // instead.
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
        'agentq-version': FORMAT,
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

/** What the routing key of an entry states in addition to its events. */
export interface Under {
  /** What the entry is about; the key word of its events if this is absent. */
  readonly keyWord?: string | undefined;
  /** The role whose tasks it is about. If absent: the role of the note if it names exactly one. `null` for none. */
  readonly role?: string | null | undefined;
}

/**
 * Any other message for the log.
 * @throws AgentqError `too-large`
 */
export function noteMessage(names: Names, id: string, at: number, note: Note, under: Under = {}): Publication {
  const { events = [], roles = [] } = note;
  const { keyWord = keyWordOf(events), role = roles.length === 1 ? roles[0] : null } = under;
  const key = eventKey(keyWord, role ?? undefined);
  const author = authorOf(key, names.exchange, names);
  const body: LogBody = { ...note, v: formatOf(author), at, events, roles };
  const whole = json(body);
  const { bytes } = author === 'coordinator' ? COORDINATOR_LIMITS : COMMON_LIMITS;
  if (whole.length > bytes) {
    throw new AgentqError(
      'too-large',
      `an entry of ${counted(whole.length, 'byte')} is more than readers of the log take`,
      'split the batch, or bring fewer artifacts',
    );
  }
  const content = whole.length < COMPRESSED_FROM ? whole : process.getBuiltinModule('node:zlib').gzipSync(whole);
  if (content.length > LONGEST_MESSAGE) {
    throw new AgentqError(
      'too-large',
      `more than a broker takes at once: ${counted(events.length, 'task')}`,
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

/** The plain result message of a task. The log gets it too, as a record that it was sent. */
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

/** A result message that was written only to its queue, for the log. */
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
  return { exchange: names.tokens, key: deadKey(role), content, options: { messageId: id, headers } };
}

/** Whether the delay is too long for the broker: then only the log contains the task until it is due. */
export function isTooLong({ due_at, at }: EventOf<'submitted'>): boolean {
  return due_at !== undefined && due_at - at > LONGEST_DELAY * 1_000;
}

/** The submit of a task as a token contains it. */
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
