import { Command, type Option } from 'commander';
import { addGlobalOptions, repeatGlobalOptions } from '../input/global-options.ts';
import type { Verb } from '../verb.ts';

/** A command line that is being typed, up to its last word. */
export interface CommandLine {
  /** The program, a verb, or a command below a verb, with its options. */
  readonly command: Command;
  /** The words of the command, without the program. */
  readonly path: readonly string[];
  /** The arguments before the last word. */
  readonly operands: readonly string[];
  /** The option whose value the last word is. */
  readonly option: Option | undefined;
  /** What stands before the value in the last word: `--to=`. */
  readonly before: string;
  /** The last word, or the value in it. */
  readonly current: string;
  /** Whether the last word stands after `--`. */
  readonly isAfterDashes: boolean;
}

/**
 * Reads a command line that is being typed.
 * @param typed the words after the program; the last one may be empty
 */
export async function readCommandLine(typed: readonly string[], verbs: readonly Verb[]): Promise<CommandLine> {
  const words = withoutEqualSigns(typed);
  const last = words.at(-1) ?? '';
  let command = addGlobalOptions(new Command());
  const path: string[] = [];
  const operands: string[] = [];
  let option: Option | undefined;
  let isAfterDashes = false;
  for (const word of words.slice(0, -1)) {
    if (option) option = undefined;
    else if (word === '--') isAfterDashes = true;
    else if (!isAfterDashes && word.startsWith('-'))
      option = word.includes('=') ? undefined : takingValue(command, word);
    else {
      const below: Command | undefined =
        path.length === 0 ? await commandOf(word, verbs) : command.commands.find((one) => one.name() === word);
      if (below && operands.length === 0) {
        command = below;
        path.push(word);
      } else if (word !== 'help' || path.length > 0) operands.push(word);
    }
  }
  const joined = isAfterDashes ? undefined : /^(--[a-z-]+)=(.*)$/s.exec(last);
  const named = joined && takingValue(command, joined[1]!);
  if (named)
    return { command, path, operands, option: named, before: `${joined[1]}=`, current: joined[2]!, isAfterDashes };
  return { command, path, operands, option, before: '', current: last, isAfterDashes };
}

/** bash splits `--to=x` into three words. */
function withoutEqualSigns(words: readonly string[]): readonly string[] {
  const isSign = (i: number) => words[i] === '=' && words[i - 1]?.startsWith('--');
  return words.flatMap((word, i) => {
    if (!isSign(i)) return [word];
    return i === words.length - 1 ? [''] : [];
  });
}

function takingValue(command: Command, word: string): Option | undefined {
  const option = command.options.find(({ long, short }) => long === word || short === word);
  return option?.required ? option : undefined;
}

async function commandOf(name: string, verbs: readonly Verb[]): Promise<Command | undefined> {
  const verb = verbs.find(([one]) => one === name);
  if (!verb) return undefined;
  const { define } = await verb[2]();
  const command = new Command(name);
  define(command, () => {
    throw new Error('a command that is only completed does not run');
  });
  return repeatGlobalOptions(command);
}
