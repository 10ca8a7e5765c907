import { AgentqError, MayTakeEffect } from '../../../core/errors.ts';
import { parseKey } from '../wire/routing-key.ts';

/** The connection is lost; it is unknown whether the pending operation took effect. */
export class ConnectionLost extends Error {}

/** A message that no queue accepts: the broker has returned it. */
export class Unroutable extends Error {
  readonly key: string;

  constructor(key: string) {
    super(`no queue accepts messages for ${key}`);
    this.key = key;
  }
}

/**
 * A message for the log that no binding routes to it. A submit may be in its work queue; then the worker that takes it
 * adds it to the log.
 */
export function unbound(key: string): AgentqError {
  const parsed = parseKey(key);
  const role = parsed.kind === 'work' || parsed.kind === 'delay' ? parsed.role : undefined;
  const problem = `the broker has no binding that brings ${key} to the log`;
  if (role === undefined) return new AgentqError('topology', problem, 'declare it: agentq init');
  const hint = `declare it: agentq init --workers ${role}; the task may take effect anyway`;
  return new MayTakeEffect('topology', problem, hint);
}

/**
 * Whether the queue will be available in a moment: right after a start, the broker's queues, especially the log, become
 * available one after another. Until then they are not found, and messages to them are returned.
 */
export function isComingUp(error: unknown): boolean {
  if (error instanceof Unroutable) return parseKey(error.key).kind === 'event';
  const { code, message = '', name } = error as { code?: unknown; message?: string; name?: string };
  // A queue that could not accept the message now, or a channel that the broker closed for another reason.
  if (code === undefined && (name === 'IllegalOperationError' || /nacked|Channel (closed|ended)/i.test(message)))
    return true;
  return (code === NOT_FOUND && /down or inaccessible/.test(message)) || /does not have a replica/.test(message);
}

/** Whether the object does not exist on the broker. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === NOT_FOUND && !isComingUp(error);
}

/** Whether the user lacks the permission. */
export function isRefused(error: unknown): boolean {
  return (error as { code?: unknown }).code === ACCESS_REFUSED || isDenied(error);
}

/** Same, for an error from {@link explain}. */
export function isDenied(error: unknown): boolean {
  return error instanceof AgentqError && error.code === 'denied';
}

/** Reply codes of AMQP 0-9-1, https://www.rabbitmq.com/amqp-0-9-1-reference#constants */
const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
const PRECONDITION_FAILED = 406;
const NOT_ALLOWED = 530;

/** The driver's error if the broker closes a connection because of its virtual host. */
const NO_VHOST = /Expected ConnectionOpenOk; got <ConnectionClose/;

/** Whether another try would fail in the same way. */
export function isFinal(error: unknown): boolean {
  if (error instanceof AgentqError) return true;
  const { code, message = '' } = error as { code?: unknown; message?: string };
  if (NO_VHOST.test(message)) return true;
  if (code === NOT_ALLOWED || code === ACCESS_REFUSED || /ACCESS[-_]REFUSED/.test(message)) return true;
  return typeof code === 'string' && /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code);
}

/** What an error of the driver means to a user. The result never contains the login data. */
export function explain(error: unknown, place: string): unknown {
  if (error instanceof AgentqError || error instanceof Unroutable) return error;
  const { code, message = '' } = error as { code?: unknown; message?: string };
  const detail = /(?:with message|message:?) "?([^"]*)"?/.exec(message)?.[1] ?? message;
  if (code === ACCESS_REFUSED || /ACCESS[-_]REFUSED/.test(message)) {
    const login = /login|Handshake/i.test(message);
    return new AgentqError(
      'denied',
      login
        ? `the broker at ${place} refuses the user or the password`
        : `the broker at ${place} does not allow it: ${detail}`,
      login
        ? 'check the user and the password in AGENTQ_URL'
        : 'compare with the permissions of agentq init --definitions',
    );
  }
  if (code === NOT_ALLOWED || NO_VHOST.test(message)) {
    return new AgentqError(
      'denied',
      `the broker at ${place} does not give access to this virtual host`,
      'does it exist, and may the user access it?',
    );
  }
  if (code === NOT_FOUND) {
    return new AgentqError(
      'topology',
      `the broker at ${place} does not have what is needed: ${detail}`,
      'declare it: agentq init --url …',
    );
  }
  if (code === PRECONDITION_FAILED) {
    return new AgentqError(
      'topology',
      `the broker at ${place} has other settings: ${detail}`,
      'agentq init lists the differences',
    );
  }
  if (isFinal(error)) return untrusted(message, place);
  if (typeof code === 'number') return new AgentqError('topology', `the broker at ${place} refuses: ${detail}`);
  return error;
}

function untrusted(message: string, place: string): AgentqError {
  if (/wrong version number|packet length too long/.test(message)) {
    return new AgentqError(
      'denied',
      `the broker at ${place} does not use TLS on this port`,
      'amqp:// instead of amqps://, or another port?',
    );
  }
  if (/alert (certificate required|bad certificate|handshake failure|unknown ca)/.test(message)) {
    return new AgentqError(
      'denied',
      `the broker at ${place} requires a client certificate that it trusts`,
      'name it in the URL: certfile and keyfile',
    );
  }
  const plain = message.replace(/^.*?:error:[^:]*:/, '').split('\n')[0]!;
  return new AgentqError(
    'denied',
    `the broker at ${place} cannot be trusted: ${plain}`,
    'name the certificate of its authority in the URL: cacertfile',
  );
}

/** The driver's error for bytes that are not an AMQP frame, such as the answer of a web server. */
const NO_AMQP = /^(Frame size \d+ exceeds maxFrameSize|Invalid frame|Unknown frame type)/;

/** Why a connection could not be opened, in one line for a user. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (NO_AMQP.test(message)) return 'the server is not an AMQP 0-9-1 broker';
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined)?.message : undefined;
  return typeof code === 'string' && message === '' ? (first ?? code) : message.split('\n')[0]!;
}
