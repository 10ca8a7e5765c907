import { sha256Hex } from '../../../core/sha256.ts';

/** The maximum length of a file name without its number and its endings, in bytes. */
const LONGEST_NAME = 200;

/** The length of the hash in a shortened file name, in characters. */
const HASH = 16;

const END = '.db';

/**
 * The name of a cache of a log. A hash distinguishes long identities that differ only at the end.
 * @param number counts the files that this log's cache has had, from 1
 */
export function cacheFileName(identity: string, number: number): string {
  return `${beginningOf(identity)}${number === 1 ? '' : `@${number}`}${END}`;
}

/** The number in such a name; undefined for the name of another file. No encoded identity contains `@`. */
export function numberOfCacheFile(identity: string, name: string): number | undefined {
  const beginning = beginningOf(identity);
  if (!name.startsWith(beginning) || !name.endsWith(END)) return undefined;
  const number = name.slice(beginning.length, -END.length);
  if (number === '') return 1;
  return /^@[1-9]\d{0,8}$/.test(number) ? Number(number.slice(1)) : undefined;
}

function beginningOf(identity: string): string {
  const name = encodeURIComponent(identity);
  const short =
    name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - HASH)}${sha256Hex(identity).slice(0, HASH)}`;
  return `cache-${short}`;
}
