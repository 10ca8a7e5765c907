import * as z from 'zod/mini';

/** What an attempt or several attempts have cost, as their workers have reported it. */
export interface Cost {
  /** US dollars, with at most six decimals. */
  readonly usd?: number | undefined;
  /** A whole number. */
  readonly tokens?: number | undefined;
}

/** The highest accepted values. Sums of many of them stay exact. */
const MAX_USD = 1_000_000;
const MAX_TOKENS = 1_000_000_000_000;

/** Money is added up in millionths of a dollar, so that no sum shows an error of binary fractions. */
const MILLION = 1_000_000;

export const toMillionths = (usd: number): number => Math.round(usd * MILLION);
export const toUsd = (millionths: number): number => millionths / MILLION;

/** An amount of US dollars. More decimals than six are rounded when it is recorded. */
export const usdForm = () =>
  z
    .number()
    .check(z.gte(0, { error: 'must not be negative' }), z.lte(MAX_USD, { error: `is more than ${MAX_USD} dollars` }));

export const tokensForm = () =>
  z
    .int()
    .check(
      z.gte(0, { error: 'must not be negative' }),
      z.lte(MAX_TOKENS, { error: `is more than ${MAX_TOKENS} tokens` }),
    );

export const costForm = () => z.object({ usd: z.optional(usdForm()), tokens: z.optional(tokensForm()) });

/** A cost without empty fields, in whole millionths; undefined if it has none. */
export function roundedCost({ usd, tokens }: Cost): Cost | undefined {
  if (usd === undefined && tokens === undefined) return undefined;
  return { ...(usd !== undefined && { usd: toUsd(toMillionths(usd)) }), ...(tokens !== undefined && { tokens }) };
}

/** The cost that a command reports, as a field of its event. */
export function costField({ cost }: { readonly cost?: Cost | undefined }): { readonly cost?: Cost } {
  const rounded = cost && roundedCost(cost);
  return rounded ? { cost: rounded } : {};
}

/** The cost of an attempt after a report: each field of the report replaces the earlier one. */
export function reportedCost(before: Cost | undefined, report: Cost | undefined): Cost | undefined {
  return report ? roundedCost({ ...before, ...report }) : before;
}

/** The cost of an attempt that is over, after a late report: no field becomes less. */
export function raisedCost(before: Cost | undefined, report: Cost | undefined): Cost | undefined {
  const higher = (a?: number, b?: number) => (a === undefined || b === undefined ? (a ?? b) : Math.max(a, b));
  return roundedCost({ usd: higher(before?.usd, report?.usd), tokens: higher(before?.tokens, report?.tokens) });
}

/** The sum of several costs; undefined if there is none. */
export function sumOf(costs: Iterable<Cost | undefined>): Cost | undefined {
  let millionths: number | undefined;
  let tokens: number | undefined;
  for (const cost of costs) {
    if (cost?.usd !== undefined) millionths = (millionths ?? 0) + toMillionths(cost.usd);
    if (cost?.tokens !== undefined) tokens = (tokens ?? 0) + cost.tokens;
  }
  return roundedCost({ usd: millionths === undefined ? undefined : toUsd(millionths), tokens });
}

/** For people: `$0.12, 5300 tokens`. */
export function formatCost({ usd, tokens }: Cost): string {
  const parts = [
    ...(usd === undefined ? [] : [formatUsd(usd)]),
    ...(tokens === undefined ? [] : [tokens === 1 ? '1 token' : `${tokens} tokens`]),
  ];
  return parts.join(', ');
}

/** `$0.12`, `$5`, `$0.000031`: at least two decimals if it is not a whole number of dollars. */
export function formatUsd(usd: number): string {
  const exact = usd.toFixed(6).replace(/0+$/, '');
  const [whole, decimals = ''] = exact.split('.');
  return decimals === '' ? `$${whole}` : `$${whole}.${decimals.padEnd(2, '0')}`;
}
