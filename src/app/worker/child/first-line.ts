import { closeSync, constants, openSync, readSync } from 'node:fs';
import { findSecret } from '../../../core/secrets/find-secret.ts';

const HEAD = 4_096;
const LONGEST = 200;

/** The first non-empty line of a file, as a summary; undefined if it seems to contain a secret. Links are not read. */
export async function firstLine(path: string): Promise<string | undefined> {
  const head = Buffer.alloc(HEAD);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const read = readSync(fd, head);
  closeSync(fd);
  const lines = head.toString('utf8', 0, read).split('\n');
  const line = lines.find((one) => one.trim() !== '')?.replace(/^#+\s*/, '');
  const summary = line?.trim().slice(0, LONGEST);
  return summary === undefined || (await findSecret(summary)) !== undefined ? undefined : summary;
}
