import { isObject } from './pick.ts';

/**
 * Makes references to files of the store relative to it, and adds the `store` to which they are relative.
 * @param store the reference of the store, with `/` at its end; undefined if the command has not opened one
 */
export function relativeRefs(value: Readonly<Record<string, unknown>>, store: string | undefined) {
  if (store === undefined) return value;
  let isCut = false;
  const relative = (inner: unknown, name: string): unknown => {
    if (Array.isArray(inner)) return inner.map((one) => relative(one, name));
    if (isObject(inner)) return within(inner);
    if (typeof inner !== 'string' || !/(^|_)ref$/.test(name) || !inner.startsWith(store)) return inner;
    isCut = true;
    return inner.slice(store.length);
  };
  const within = (inner: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, relative(one, name)]));
  const changed = within(value);
  return isCut ? { store, ...changed } : changed;
}
