import { sha256Hex } from '../../../core/sha256.ts';

/** The maximum length of a file name without its endings, in bytes. */
const LONGEST_NAME = 200;

/** The length of the hash in a shortened file name, in characters. */
const HASH = 16;

/** The name of the cache of a log. A hash distinguishes long identities that differ only at the end. */
export function cacheFileName(identity: string): string {
  const name = encodeURIComponent(identity);
  const short =
    name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - HASH)}${sha256Hex(identity).slice(0, HASH)}`;
  return `cache-${short}.db`;
}
