import type { Command } from 'commander';
import * as z from 'zod/mini';
import { type Cost, roundedCost, tokensForm, usdForm } from '../../core/cost.ts';
import { parseFlags, read } from './flags.ts';

/** A number on the command line, such as `0.12` or `3.1e-05`. */
export const number = () =>
  read((given) => {
    if (!/^\d+(\.\d+)?(e[+-]?\d{1,3})?$/i.test(given)) throw new Error(`is not a number: ${JSON.stringify(given)}`);
    return Number(given);
  });

/** The options of the commands that report what an attempt has cost. They are read by `costGiven`. */
export const costFlags = () => ({ costUsd: z.optional(z.string()), tokens: z.optional(z.string()) });

export function addCostOptions(command: Command): Command {
  return command
    .option('--cost-usd <amount>', 'what the attempt has cost so far, in US dollars')
    .option('--tokens <n>', 'how many tokens the attempt has used so far');
}

/**
 * The reported cost, as a field of the command; empty if none was given.
 * @throws AgentqError `usage` if a number is invalid
 */
export function costGiven({ costUsd, tokens }: z.infer<z.ZodMiniObject<ReturnType<typeof costFlags>>>): {
  readonly cost?: Cost;
} {
  if (costUsd === undefined && tokens === undefined) return {};
  const form = z.object({
    costUsd: z.optional(z.pipe(number(), usdForm())),
    tokens: z.optional(z.pipe(number(), tokensForm())),
  });
  const given = parseFlags(form, { costUsd, tokens });
  const cost = roundedCost({ usd: given.costUsd, tokens: given.tokens });
  return cost ? { cost } : {};
}
