import * as z from 'zod/mini';

/**
 * A file of the store as it was when it was recorded. `path` is relative to the store, with `/` between its
 * parts, so that a store can be moved as a whole.
 */
export const Evidence = z.object({
  name: z.string(),
  path: z.string(),
  sha256: z.string(),
  size: z.number(),
  /** The id of the store that it was recorded in; absent where that has none. */
  store: z.optional(z.string()),
});
export type Evidence = z.infer<typeof Evidence>;

/** Whether a path stays in the store, whoever has written it. */
export function isInStore({ path }: Evidence): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0');
}

/** What a later look at a piece of evidence found. */
export type Drift = { readonly evidence: Evidence; readonly kind: 'missing' | 'changed' | 'unreadable' };
