import { readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '../process/version.ts';

/** How many of these files are kept. */
const KEPT = 20;

const PREFIX = 'internal-error-';

/**
 * Saves the details of a bug in a file that only its owner can read.
 * @param folder the user's own cache folder
 * @param at ms since 1970
 * @returns the file's path; undefined if it cannot be written
 */
export function keepInternalError(folder: string | undefined, error: unknown, at: number): string | undefined {
  if (folder === undefined) return undefined;
  const moment = new Date(at).toISOString();
  const file = join(folder, `${PREFIX}${moment.replaceAll(':', '')}-${process.pid}.txt`);
  const { inspect } = process.getBuiltinModule('node:util');
  const text = `${moment}\nagentq ${VERSION}, Node.js ${process.version}, ${process.platform}\n\n${inspect(error)}\n`;
  try {
    const before = readdirSync(folder).filter((name) => name.startsWith(PREFIX));
    for (const old of before.toSorted().slice(0, -KEPT)) unlinkSync(join(folder, old));
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
    return file;
  } catch {
    return undefined;
  }
}
