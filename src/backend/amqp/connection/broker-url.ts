import { readFileSync, statSync } from 'node:fs';
import { AgentqError } from '../../../core/errors.ts';
import { DEFAULT_PREFIX } from '../wire/names.ts';

/** The address of a broker, and the login. */
export interface BrokerUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly user: string;
  readonly password: string;
  readonly prefix: string;
  /** In seconds. */
  readonly heartbeat: number;
  readonly tls: {
    readonly ca?: Buffer | undefined;
    readonly cert?: Buffer | undefined;
    readonly key?: Buffer | undefined;
    readonly servername?: string | undefined;
    readonly rejectUnauthorized: boolean;
  };
}

/** Short, so that a silent broker is noticed at about the time when a command gives up. */
const DEFAULT_HEARTBEAT = 5;

/**
 * Reads a URL as https://www.rabbitmq.com/docs/uri-spec and https://www.rabbitmq.com/docs/uri-query-parameters specify,
 * with agentq's own parameter `prefix`: names begin with it instead of `agentq`.
 * @throws AgentqError `usage`, `unreadable-file`; neither repeats the URL, which may contain a password
 */
export function parseBrokerUrl(text: string): BrokerUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong('it is no URL');
  }
  const secure = url.protocol === 'amqps:';
  if (url.hostname === '') throw wrong('it names no host');
  const query = url.searchParams;
  const unknown = [...query.keys()].find((key) => !known.has(key));
  // Not quoted: it may be the rest of a password that contains a question mark.
  if (unknown !== undefined) throw wrong('it holds an unknown parameter after the question mark');
  const prefix = query.get('prefix') ?? DEFAULT_PREFIX;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(prefix)) throw wrong('its prefix is no name');
  return {
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 5671 : 5672)),
    vhost: url.pathname === '' || url.pathname === '/' ? '/' : decode(url.pathname.slice(1)),
    user: url.username === '' ? 'guest' : decode(url.username),
    password: url.username === '' && url.password === '' ? 'guest' : decode(url.password),
    prefix,
    heartbeat: wholeNumber(query.get('heartbeat')) ?? DEFAULT_HEARTBEAT,
    tls: {
      ca: fileOf(query, 'cacertfile'),
      cert: fileOf(query, 'certfile'),
      key: fileOf(query, 'keyfile'),
      servername: query.get('server_name_indication') ?? undefined,
      rejectUnauthorized: query.get('verify') !== 'verify_none',
    },
  };
}

const known = new Set(['prefix', 'heartbeat', 'cacertfile', 'certfile', 'keyfile', 'server_name_indication', 'verify']);

function wrong(problem: string): AgentqError {
  return new AgentqError(
    'usage',
    `the URL of the broker is wrong: ${problem}`,
    'it is like amqp://USER:PASSWORD@HOST:5672/VHOST, with special characters as %XX',
  );
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong('it holds a % that begins no character');
  }
}

function wholeNumber(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^\d{1,5}$/.test(text)) throw wrong('its heartbeat is no number of seconds');
  return Number(text);
}

function fileOf(query: URLSearchParams, parameter: string): Buffer | undefined {
  const path = query.get(parameter);
  if (path === null) return undefined;
  try {
    // A read of a FIFO or a device might never end.
    if (!statSync(path).isFile()) throw new Error(`${path} is not a regular file`);
    return readFileSync(path);
  } catch (error) {
    throw new AgentqError('unreadable-file', `${parameter}: ${(error as Error).message}`, 'check the path');
  }
}

/** The address without its secrets, for messages: the host, the port and the virtual host. */
export function placeOf({ host, port, vhost }: BrokerUrl): string {
  return `${host}:${port}${vhost === '/' ? '' : `/${vhost}`}`;
}
