import { nearest } from '../near-names.ts';

/**
 * The known role that the writer of an unknown one may have meant. Names that differ only in a number are meant as they
 * are: worker-2 is no misspelt worker-1.
 */
export function nearestRole(role: string, known: Iterable<string>): string | undefined {
  const form = withoutNumbers(role);
  return nearest(role, known, (one) => one).find((one) => one !== role && withoutNumbers(one) !== form);
}

const withoutNumbers = (name: string) => name.replaceAll(/\d+/g, '0');
