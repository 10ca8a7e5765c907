import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, parseBrokerUrl } from '../connection/broker-url.ts';
import { cacheFileName, numberOfCacheFile } from './file-name.ts';

/** What distinguishes the log of a queue from all others, as its cache is named. */
export function logIdentity(address: ReturnType<typeof parseBrokerUrl>): string {
  return `${identityOf(address)} ${address.prefix}`;
}

/**
 * The file of the cache of the queue at this URL.
 * @param dir the folder of the workspace
 * @returns undefined if this machine has none
 */
export function newestCache(dir: string, url: string): string | undefined {
  const identity = logIdentity(parseBrokerUrl(url));
  const numbers = readdirSync(dir).flatMap((name) => numberOfCacheFile(identity, name) ?? []);
  return numbers.length === 0 ? undefined : join(dir, cacheFileName(identity, Math.max(...numbers)));
}
