import { outputs } from '../schemas/outputs.ts';

/** A command as it was called. */
export interface Called {
  readonly parent: Called | null;
  readonly args: readonly string[];
  name(): string;
  opts(): Readonly<Record<string, unknown>>;
}

/**
 * The name of the output of a command line in `outputs`: `submit --batch`, `status ID`. A name with an option is that of
 * the command with this option, and a name with operands that of the command with at least as many.
 */
export function outputOf(command: Called): string | undefined {
  const words: string[] = [];
  for (let one: Called = command; one.parent; one = one.parent) words.unshift(one.name());
  // `dlq list` prints the same as `dlq`.
  return nameOf(words.join(' '), command) ?? (words.length > 1 ? nameOf(words[0]!, command) : undefined);
}

function nameOf(path: string, command: Called): string | undefined {
  const rest = (name: string) => name.slice(path.length).split(' ').filter(Boolean);
  const applies = (word: string, i: number) =>
    word.startsWith('--')
      ? command.opts()[word.slice(2)] !== undefined
      : /^[A-Z]+$/.test(word) && command.args.length > i;
  return Object.keys(outputs)
    .filter((name) => (name === path || name.startsWith(`${path} `)) && rest(name).every(applies))
    .toSorted((a, b) => b.length - a.length)[0];
}
