import { readFileSync, statSync } from 'node:fs';
import { AgentqError } from '../../../core/errors.ts';
import { DEFAULT_PREFIX } from '../wire/names.ts';

/** One node of a broker. An IPv6 address has no brackets. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** The address of a broker, and the login. */
export interface BrokerUrl {
  readonly secure: boolean;
  /** The nodes of a cluster, or one broker; at least one. */
  readonly hosts: readonly Host[];
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
 * with two additions: several hosts, with commas between them (`amqp://u:p@h1,h2:5673,[::1]/vhost`), and the parameter
 * `prefix`: names begin with it instead of `agentq`.
 * @throws AgentqError `usage`, `unreadable-file`; neither repeats the URL, which may contain a password
 */
export function parseBrokerUrl(text: string): BrokerUrl {
  const { first, others } = splitHosts(text);
  const url = parse(first);
  const secure = url.protocol === 'amqps:';
  const hosts = [url, ...others.map((host) => parse(`${url.protocol}//${host}`))].map((one) => hostOf(one, secure));
  if (new Set(hosts.map(nameOf)).size < hosts.length) throw wrong('it names a host twice');
  const query = url.searchParams;
  const unknown = [...query.keys()].find((key) => !URL_PARAMETERS.includes(key));
  if (unknown !== undefined) throw wrong(unknownParameter(unknown, `${url.search}${url.hash}`));
  const prefix = query.get('prefix') ?? DEFAULT_PREFIX;
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(prefix)) throw wrong('its prefix is not a name');
  return {
    secure,
    hosts,
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

/** Splits a URL with several hosts: a URL with the first one, and the others as HOST or HOST:PORT. */
function splitHosts(text: string): { readonly first: string; readonly others: readonly string[] } {
  const [, before, named, after] = /^([^:/?#]*:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s.exec(text) ?? [];
  if (named === undefined || !named.includes(',')) return { first: text, others: [] };
  const [host, ...others] = named.split(',');
  if ([host, ...others].includes('')) throw wrong('it has a comma without a host');
  return { first: `${before}${host}${after}`, others };
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw wrong('it is not a URL');
  }
}

function hostOf({ hostname, port }: URL, secure: boolean): Host {
  if (hostname === '') throw wrong('it names no host');
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (secure ? 5671 : 5672)) };
}

/** The parameters of a broker's URL, after the question mark. */
export const URL_PARAMETERS: readonly string[] = [
  'prefix',
  'heartbeat',
  'cacertfile',
  'certfile',
  'keyfile',
  'server_name_indication',
  'verify',
];

/**
 * The name is quoted only if it looks like one and no @ follows: it may be the rest of a password that contains a
 * question mark.
 * @param rest the URL from the question mark on
 */
function unknownParameter(name: string, rest: string): string {
  if (rest.includes('@') || !/^[a-z_]+$/.test(name) || !rest.includes(`${name}=`))
    return 'it contains an unknown parameter after the question mark';
  return `it has the unknown parameter ${name}; the known ones are ${URL_PARAMETERS.join(', ')}`;
}

function wrong(problem: string): AgentqError {
  return new AgentqError(
    'usage',
    `the URL of the broker is wrong: ${problem}`,
    'it is like amqp://USER:PASSWORD@HOST:5672/VHOST, with special characters as %XX; a cluster: @HOST1,HOST2/',
  );
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw wrong('it contains a % that does not begin a character');
  }
}

function wholeNumber(text: string | null): number | undefined {
  if (text === null) return undefined;
  if (!/^\d{1,5}$/.test(text)) throw wrong('its heartbeat is not a number of seconds');
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

/** The address without its secrets, for messages: hosts, ports and the virtual host. */
export function placeOf({ hosts, vhost }: Pick<BrokerUrl, 'hosts' | 'vhost'>): string {
  return `${hosts.map(nameOf).join(',')}${vhost === '/' ? '' : `/${vhost}`}`;
}

/** Distinguishes a broker and virtual host from others, in whatever order the URL names the hosts. */
export function identityOf({ hosts, vhost }: BrokerUrl): string {
  return placeOf({ hosts: hosts.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)), vhost });
}

function nameOf({ host, port }: Host): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
