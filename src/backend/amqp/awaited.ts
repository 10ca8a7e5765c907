/**
 * Waits until what is published is confirmed and was seen, but for no longer than `ms`: a broker that has no room left
 * confirms nothing, and says nothing either. Both are needed: the one tells that every queue has it, the other that
 * the log does.
 * @returns undefined where it takes longer
 * @throws what either throws
 */
export function awaited<T>(seen: Promise<T>, published: Promise<void>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    Promise.all([seen, published])
      .then(([value]) => resolve(value), reject)
      .finally(() => clearTimeout(timer));
  });
}
