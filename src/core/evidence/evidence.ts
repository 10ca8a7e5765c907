import * as z from 'zod/mini';

/**
 * The record of a file in the store. `path` is relative to the store, with `/` between its parts, so that a store can
 * be moved.
 */
export const Evidence = z.object({
  name: z.string(),
  path: z.string(),
  sha256: z.string(),
  size: z.number(),
  /** The id of the store in which it was recorded; absent if that store has none. */
  store: z.optional(z.string()),
});
export type Evidence = z.infer<typeof Evidence>;

/** Whether a path stays inside the store. The path may come from an untrusted writer. */
export function isInStore({ path }: Evidence): boolean {
  return path !== '' && !path.startsWith('/') && !path.split('/').includes('..') && !path.includes('\0');
}

/** The result of a later check of a piece of evidence. */
export type Drift = { readonly evidence: Evidence; readonly kind: 'missing' | 'changed' | 'unreadable' };
