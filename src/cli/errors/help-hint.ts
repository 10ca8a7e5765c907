import type { Command } from 'commander';

/** The errors that the words of a command line cause. */
const ABOUT_WORDS: ReadonlySet<string> = new Set(['usage', 'invalid-name']);

/**
 * Completes the hint of an error. An error about the command line that does not say yet what to type or to read points
 * to the help of the command.
 * @param command the words of the command, such as `dlq retry`
 */
export function withHelp(code: string, hint: string | undefined, command: string): string | undefined {
  if (!ABOUT_WORDS.has(code)) return hint;
  const see = `see: agentq help ${command}`.trimEnd();
  if (hint === undefined) return see;
  return code !== 'usage' || /agentq |docs\/|\?$/.test(hint) ? hint : `${hint}; ${see}`;
}

/** The words of the called command, without its arguments. @param operands the command line without options */
export function wordsOf(program: Command, operands: readonly string[]): string {
  const [first, second] = operands;
  const verb = program.commands.find((one) => one.name() === first);
  const below = verb?.commands.find((one) => one.name() === second);
  return [verb, below].flatMap((one) => (one ? [one.name()] : [])).join(' ');
}
