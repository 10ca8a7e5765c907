import type { Context } from '../context.ts';
import type { OutputStream } from '../output/output-stream.ts';
import type { Verb } from '../verb.ts';
import { candidatesFor } from './candidates.ts';
import { FILES } from './scripts.ts';

/**
 * Prints what the last word of a command line may become: a candidate in each line, with a tab before what it is. It
 * prints nothing if the workspace or its queue cannot be read, because the user is typing.
 * @param contextOf takes the folder that the command line names by --dir, and its --url
 */
export async function printCandidates(
  output: OutputStream,
  typed: readonly string[],
  verbs: readonly Verb[],
  contextOf: (named: { readonly dir?: string; readonly url?: string }) => Context,
): Promise<void> {
  try {
    const named = { ...valueOf(typed, 'dir'), ...valueOf(typed, 'url') };
    const found = await candidatesFor(typed, verbs, contextOf(named));
    const lines = found === 'files' ? [FILES] : found.map(({ word, about }) => (about ? `${word}\t${about}` : word));
    if (lines.length > 0) output.write(`${lines.join('\n')}\n`);
  } catch {
    // The command itself reports the error.
  }
}

function valueOf(typed: readonly string[], name: string): Readonly<Record<string, string>> {
  const at = typed.indexOf(`--${name}`);
  const value = at < 0 ? undefined : typed[typed[at + 1] === '=' ? at + 2 : at + 1];
  const joined = typed.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
  const found = joined ?? value;
  return found === undefined ? {} : { [name]: found };
}
