import { MAX_DEPTH } from './limits.ts';

/**
 * Finds the reason why a JSON value cannot be stored and read back unchanged: nesting that is too deep, or text with
 * half of a surrogate pair. It uses no recursion, so it works at any depth.
 * @returns the problem as the end of a sentence about the value; undefined if there is none
 */
export function jsonProblem(value: unknown): string | undefined {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const below: unknown[] = [];
    for (const one of level) {
      if (typeof one === 'string' && !one.isWellFormed()) return 'contains half a surrogate pair, which is not text';
      if (one === null || typeof one !== 'object') continue;
      if (depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
      const broken = Array.isArray(one) ? undefined : Object.keys(one).find((key) => !key.isWellFormed());
      if (broken !== undefined) return 'has a field whose name is not text';
      for (const inner of Object.values(one)) below.push(inner);
    }
    level = below;
  }
  return undefined;
}
