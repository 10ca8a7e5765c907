import type { Names } from '../wire/names.ts';

/*
 * The names of the files of snapshots, in the artifact store:
 *
 *   PREFIX/OFFSET.db.gz          the log folded up to the message at this offset, without what is in chunks
 *   PREFIX/chunks/FIRST.json.gz  ended tasks, from the row with this number on
 *
 * The store may give a file another name, with `~2` and so on, if its name is taken. A name is only a hint: see
 * SnapshotFiles.
 */

/** The name of the folder of a queue's snapshots. Two queues that share a store and a folder only cost each other time. */
export const folderOf = ({ prefix }: Names): string => encodeURIComponent(prefix);

export const snapshotName = (names: Names, offset: number): string => `${folderOf(names)}/${offset}.db.gz`;

export const chunkName = (names: Names, first: number): string => `${folderOf(names)}/chunks/${first}.json.gz`;

/** The offset in the name of a snapshot; undefined for the name of another file. */
export function offsetIn(names: Names, name: string): number | undefined {
  const folder = `${folderOf(names)}/`;
  const offset = name.startsWith(folder) && /^(\d{1,15})(~\d+)?\.db(~\d+)?\.gz$/.exec(name.slice(folder.length))?.[1];
  return offset ? Number(offset) : undefined;
}

/** The offsets in the names of snapshots, the highest first, each once. */
export function offsetsIn(names: Names, all: readonly string[]): readonly number[] {
  const offsets = all.map((name) => offsetIn(names, name)).filter((offset) => offset !== undefined);
  return [...new Set(offsets)].toSorted((a, b) => b - a);
}

export const isChunkName = (names: Names, name: string): boolean => name.startsWith(`${folderOf(names)}/chunks/`);
