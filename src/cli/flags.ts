import * as z from 'zod/mini';
import { parseDuration } from '../core/duration.ts';
import { inputError } from '../core/issue.ts';

/** Text of the command line, read by a function that throws where it can't. */
function read<T>(from: (text: string) => T) {
  return z.pipe(
    z.string(),
    z.transform((text, context): T => {
      try {
        return from(text);
      } catch (error) {
        context.issues.push({ code: 'custom', message: (error as Error).message, input: text });
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

/** A summary or a reason: what is longer belongs into a file. */
export const Text = z.string().check(z.maxLength(8_000, { error: 'is longer than 8000 characters: put it into a file' }));

/** `90s`, `10m`; milliseconds. */
export const Duration = read((text) => parseDuration(text, 'it'));
/** A duration of more than nothing. */
export const Span = read((text) => {
  const ms = parseDuration(text, 'it');
  if (ms <= 0) throw new Error('must be more than 0 seconds');
  return ms;
});
export const Count = read((text) => wholeNumber(text, 1));
export const Percent = read((text) => {
  const percent = wholeNumber(text, 0);
  if (percent > 100) throw new Error('is more than 100');
  return percent;
});
/** `a,b,c` */
export const Names = read((text) => text.split(',').map((name) => name.trim()).filter((name) => name !== ''));

/**
 * Checks the options that a command was given.
 * @throws AgentqError `usage` or `invalid-name` that calls the option by its name on the command line
 */
export function parseFlags<T extends z.ZodMiniType>(schema: T, options: unknown): z.output<T> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw inputError(parsed.error, ([first]) => `--${String(first).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
}
