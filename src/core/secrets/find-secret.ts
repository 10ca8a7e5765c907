import { AgentqError } from '../errors.ts';
import { longRuns } from './long-runs.ts';

/** The hint for commands with the option `--allow-secret`. */
export const INSISTING = ', or insist with --allow-secret';

/**
 * The length of text that is searched at once, in characters. The time of the rules grows faster than linearly with it.
 */
const WINDOW = 128 * 1024;

/** The overlap of two parts, in characters. It is longer than any match of a rule. */
const OVERLAP = 4 * 1024;

/** The kind of credential that the text seems to contain; undefined if there is none. */
export function findSecret(text: string): Promise<string | undefined> {
  return findSecretIn([text]);
}

/**
 * The same for a text in parts. Only a few parts are in memory at a time.
 * @param parts may end anywhere, also within a secret
 */
export async function findSecretIn(parts: Iterable<string>): Promise<string | undefined> {
  let rest = '';
  for (const part of parts) {
    rest += part;
    while (rest.length >= WINDOW) {
      const window = rest.slice(0, endOfWord(rest, WINDOW));
      const found = await search(window);
      if (found !== undefined) return found;
      rest = rest.slice(endOfWord(window, window.length - OVERLAP));
    }
  }
  return await search(rest);
}

/** The end of the last word before `end`, so that no token is cut in two; `end` itself inside a very long word. */
function endOfWord(text: string, end: number): number {
  for (let at = end; at > end - OVERLAP / 2; at--) if (isSpace(text.charCodeAt(at - 1))) return at;
  return end;
}

/** The same as `\s`, without an expression for each character. */
function isSpace(code: number): boolean {
  if (code < 160) return code === 32 || (code >= 9 && code <= 13);
  return /\s/.test(String.fromCharCode(code));
}

async function search(text: string): Promise<string | undefined> {
  if (!mayHoldSecret(text)) return undefined;
  const { searchText } = await import('./search.ts');
  const id = searchText(text);
  return id === undefined ? undefined : `a credential (${id})`;
}

/** Text that appears before a credential of any vendor, or around a password. */
const ANNOUNCED =
  /pass|pwd|curl|private key|putty-user|client-key|:\/\/[^\s]{0,400}@|(?:key|token|secret|auth|cred|access|api)[\w. "'\]-]{0,25}[=:>]/i;

/** Whether the rules must be loaded. Most texts are words, paths and dates, and loading the rules costs time. */
function mayHoldSecret(text: string): boolean {
  return ANNOUNCED.test(text) || longRuns(text).some(looksRandom);
}

/** Whether a run of characters is long without a break, or letters and digits alternate in it. */
function looksRandom(run: string): boolean {
  if (/[\w+=~-]{30}|[A-Z\d]{12}/.test(run)) return true;
  return (run.match(/[a-z](?=[A-Z\d])|[A-Z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0) >= 3;
}

/**
 * @param insisting the hint that tells the writer how to override the check, if that is allowed
 * @throws AgentqError `secret` if the text seems to contain a credential. The message never contains the text.
 */
export async function refuseSecret(text: string | undefined, where: string, insisting = ''): Promise<void> {
  const found = text === undefined ? undefined : await findSecret(text);
  if (found === undefined) return;
  throw new AgentqError(
    'secret',
    `there seems to be ${found} in ${where}`,
    `messages are kept and shown to many: hand secrets over another way${insisting}`,
  );
}
