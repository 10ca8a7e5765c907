import { AgentqError } from '../errors.ts';

/** For the commands that have the option. */
export const INSISTING = ', or insist with --allow-secret';

/** How much text is searched at once, in characters: the rules' time grows with it more than linearly. */
const WINDOW = 128 * 1024;

/** How much of it is searched again with what follows: longer than what any rule matches. */
const OVERLAP = 4 * 1024;

/** What kind of credential the text seems to hold; undefined where it seems to hold none. */
export function findSecret(text: string): Promise<string | undefined> {
  return findSecretIn([text]);
}

/**
 * The same for a text in parts, of which no more than a few are in memory at a time.
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

/** Where the last word before `end` ends, so that no token is cut in two; `end` in a word that is longer than any. */
function endOfWord(text: string, end: number): number {
  for (let at = end; at > end - OVERLAP / 2; at--) if (/\s/.test(text[at - 1]!)) return at;
  return end;
}

async function search(text: string): Promise<string | undefined> {
  if (!mayHoldSecret(text)) return undefined;
  const { searchText } = await import('./search.ts');
  const id = searchText(text);
  return id === undefined ? undefined : `a credential (${id})`;
}

/** What stands before a credential of any vendor, or around a password. */
const ANNOUNCED =
  /pass|pwd|curl|private key|putty-user|client-key|:\/\/[^\s]{0,400}@|(?:key|token|secret|auth|cred|access|api)[\w. "'\]-]{0,25}[=:>]/i;

/** Whether the rules are worth loading: most texts are words, paths and dates, and every command pays for what it loads. */
function mayHoldSecret(text: string): boolean {
  return ANNOUNCED.test(text) || Array.from(text.matchAll(/[\w+/=~.:-]{12,}/g)).some(([run]) => looksRandom(run));
}

/** Whether a run of characters is long without a break, or letters and digits alternate in it. */
function looksRandom(run: string): boolean {
  if (/[\w+=~-]{30}|[A-Z\d]{12}/.test(run)) return true;
  return (run.match(/[a-z](?=[A-Z\d])|[A-Z](?=\d)|\d(?=[A-Za-z])/g)?.length ?? 0) >= 3;
}

/**
 * @param insisting how to insist, where the writer may
 * @throws AgentqError `secret` where the text seems to hold a credential. The message never repeats it.
 */
export async function refuseSecret(text: string | undefined, where: string, insisting = ''): Promise<void> {
  const found = text === undefined ? undefined : await findSecret(text);
  if (found === undefined) return;
  throw new AgentqError(
    'secret',
    `${where} seems to hold ${found}`,
    `messages are kept and shown to many: hand secrets over another way${insisting}`,
  );
}
