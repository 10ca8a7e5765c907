import * as z from 'zod/mini';
import { brokerPolicy, type Config } from '../app/workspace/config.ts';
import type { BrokerOptions, QueueOptions } from '../backend/options.ts';
import { AgentqError } from '../core/errors.ts';

/** The schemes that a URL may have. Without a URL the queue is a file of the workspace. */
const scheme = () => z.enum(['amqp', 'amqps']);

/** Settings of the process, for a queue that is not in the workspace. */
export interface RemoteSettings extends Pick<BrokerOptions, 'say' | 'refOf' | 'machine' | 'snapshots'> {
  /** How long to wait for the queue, in ms; undefined for the value in the config. */
  readonly timeout: number | undefined;
}

/**
 * The backend that a URL names, with its settings.
 * @param url undefined for a queue in the workspace
 * @throws AgentqError `usage` for an unknown scheme; the URL is not repeated, because it may contain a password
 */
export function queueOptions(url: string | undefined, config: Config, settings: RemoteSettings): QueueOptions {
  if (url === undefined) return { scheme: 'file' };
  // Without the slashes, the text before the colon may be a user.
  const named = /^([a-z][a-z\d+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
  const parsed = scheme().safeParse(named);
  if (!parsed.success) throw unknownScheme(named);
  const { timeout, ...policy } = brokerPolicy(config);
  const { say, refOf, machine, snapshots } = settings;
  return { scheme: parsed.data, url, patience: settings.timeout ?? timeout, say, refOf, machine, snapshots, ...policy };
}

function unknownScheme(named: string | undefined): AgentqError {
  const problem = named === undefined ? 'it does not begin with amqp://' : `it begins with ${named}://`;
  const known = scheme()
    .options.map((one) => `${one}://`)
    .join(' and ');
  return new AgentqError(
    'usage',
    `the URL of the broker is wrong: ${problem}`,
    `agentq knows ${known}, such as amqp://USER:PASSWORD@HOST:5672/VHOST, with special characters as %XX`,
  );
}
