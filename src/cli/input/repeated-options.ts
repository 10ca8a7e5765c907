import type { Command } from 'commander';
import { AgentqError } from '../../core/errors.ts';

/** The arguments of options that are lists. */
const LIST = /<(?:names|statuses|roles|agents)>$/;

/**
 * Refuses the repetition of an option with one value, which would drop the first value. The values of a repeated list
 * are joined. An option that reads its own values is left as it is.
 */
export function guardRepetitions(command: Command): void {
  for (const option of command.options) {
    if (!option.required || option.parseArg) continue;
    const isList = LIST.test(option.flags);
    option.argParser((value: string, before: string | undefined) => {
      if (before === undefined) return value;
      if (isList) return `${before},${value}`;
      throw new AgentqError('usage', `${option.long} is given more than once`, 'it takes one value');
    });
  }
}
