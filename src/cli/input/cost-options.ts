import type { Command } from 'commander';
import * as z from 'zod/mini';
import { type Cost, roundedCost, tokensForm, usdForm } from '../../core/cost.ts';
import { read } from './flags.ts';

/** A number on the command line, such as `0.12` or `3.1e-05`. */
export const number = () =>
  read((given) => {
    if (!/^\d+(\.\d+)?(e[+-]?\d{1,3})?$/i.test(given)) throw new Error(`is not a number: ${JSON.stringify(given)}`);
    return Number(given);
  });

/** The options of the commands that report what an attempt has cost. */
export const costFlags = () => ({
  costUsd: z.optional(z.pipe(number(), usdForm())),
  tokens: z.optional(z.pipe(number(), tokensForm())),
});

export function addCostOptions(command: Command): Command {
  return command
    .option('--cost-usd <amount>', 'what the attempt has cost so far, in US dollars')
    .option('--tokens <n>', 'how many tokens the attempt has used so far');
}

/** The reported cost, as a field of the command; empty if none was given. */
export function costGiven(flags: { readonly costUsd?: number | undefined; readonly tokens?: number | undefined }): {
  readonly cost?: Cost;
} {
  const cost = roundedCost({ usd: flags.costUsd, tokens: flags.tokens });
  return cost ? { cost } : {};
}
