import * as z from 'zod/mini';
import { formatDuration, parseDuration, parsePast } from '../../core/duration.ts';
import type { AgentqError } from '../../core/errors.ts';
import { inputError } from '../../core/issue.ts';
import { MAX_LIST, MAX_TEXT, MIN_LEASE, MIN_REMEMBERED } from '../../core/limits.ts';

/** A schema for text of the command line, parsed by a function that throws if the text is invalid. */
export function read<T>(from: (text: string) => T) {
  return z.pipe(
    z.string(),
    z.transform((text, context): T => {
      try {
        return from(text);
      } catch (error) {
        const { message, hint } = error as AgentqError;
        context.issues.push({ code: 'custom', message, input: text, params: { hint } });
        return z.NEVER;
      }
    }),
  );
}

function wholeNumber(text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new Error(`is not a whole number of at least ${least}: ${JSON.stringify(text)}`);
  }
  return Number(text);
}

// Each is a function, so that a one-shot command creates only the schemas that it uses.

/** A summary or a reason. Longer text belongs in a file. */
export const text = () =>
  z
    .string()
    .check(
      z.minLength(1, { error: 'is empty' }),
      z.maxLength(MAX_TEXT, { error: `is longer than ${MAX_TEXT} characters` }),
    );

/** `90s`, `10m`; milliseconds. */
export const duration = () => read((given) => parseDuration(given));

/** A duration greater than zero. */
export const span = () =>
  read((given) => {
    const ms = parseDuration(given);
    if (ms <= 0) throw new Error('must be more than 0 seconds');
    return ms;
  });

const spanOf = (least: number) =>
  read((given) => {
    const ms = parseDuration(given);
    if (ms < least) throw new Error(`must be at least ${formatDuration(least)}`);
    return ms;
  });

/** `1h` ago, or an ISO 8601 time. A function of the present, both in ms since 1970. */
export const pastMoment = () => read((given) => parsePast(given));

/** How long a claim holds a task. */
export const leaseSpan = () => spanOf(MIN_LEASE);

/** How long the id of a pruned task stays known. */
export const rememberedSpan = () => spanOf(MIN_REMEMBERED);

export const count = () => read((given) => wholeNumber(given, 1));

/** The maximum number of items to print. */
export const limitOf = () =>
  read((given) => {
    const number = wholeNumber(given, 1);
    if (number > MAX_LIST) throw new Error(`must be at most ${MAX_LIST}`);
    return number;
  });

export const percent = () =>
  read((given) => {
    const number = wholeNumber(given, 0);
    if (number > 100) throw new Error('is more than 100');
    return number;
  });

/** `a,b,c` */
export const names = () =>
  read((given) => {
    const list = given.split(',').map((one) => one.trim());
    if (list.includes('')) throw new Error(`is not a list of names: ${JSON.stringify(given)}`);
    return list;
  });

/**
 * Checks the options that a command was given.
 * @throws AgentqError `usage` or `invalid-name`, with the name of the option on the command line
 */
export function parseFlags<T extends z.ZodMiniType>(schema: T, options: unknown): z.output<T> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw inputError(
    parsed.error,
    ([first]) => `--${String(first).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  );
}
