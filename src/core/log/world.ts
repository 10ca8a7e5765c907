import type { World } from './kind.ts';
import type { Subject } from './subject.ts';

/** The world as a store holds it. @param find returns the state of a thing, as its own kind has folded it */
export function worldOf<K>(find: (subject: Subject) => unknown): World<K> {
  return { find: (kind, id) => find({ kind, id }) as never };
}
