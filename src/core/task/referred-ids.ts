import type { Task } from './task.ts';

/** The path of a file or folder of a store, in any text: `results/ID…`, `tasks/ID…`, `artifacts/ID/…`. */
const PATH = /(?:tasks|results|artifacts)(?:\/|%2F)([A-Za-z0-9._%@~-]+)/gi;

/**
 * The ids of the tasks whose evidence a task may refer to: as its context, or by a path anywhere in its envelope. An id
 * may contain dots, so `results/a.b.md` names the ids `a`, `a.b` and `a.b.md`: it is better to keep too much.
 */
export function referredIds({ id, envelope, context }: Task): ReadonlySet<string> {
  const found = new Set<string>();
  for (const [, name = ''] of `${context?.path ?? ''} ${JSON.stringify(envelope)}`.matchAll(PATH)) {
    const plain = decoded(name);
    for (const { index } of plain.matchAll(/[.@~]|$/g)) found.add(plain.slice(0, index));
  }
  found.delete(id);
  return found;
}

/** A URL may contain `%40` for `@`. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
