/**
 * An id for an entry, that nobody else will use, and that sorts by time.
 * @param random in [0, 1)
 */
export function entryId(now: number, random: () => number): string {
  const part = () =>
    Math.floor(random() * 2 ** 50)
      .toString(36)
      .padStart(10, '0');
  return `${entryTime(now)}-${part()}${part()}`;
}

/** The id of an entry that a worker made that is not ours: it holds the SHA-256 of the message. */
export function foreignEntry(id: string, digest: string): string {
  return `${id}#${digest}`;
}

/** The mark that the log has heard of a message with this SHA-256 at least once. */
export const digestMark = (digest: string): string => `heard:${digest}`;

export const isForeign = (ending: string): boolean => ending.includes('#');

/** The end of a task, by the entry that brought it: one entry may end several. */
export const endingOf = (task: string, entry: string): string => `${task}/${entry}`;

/** The beginning of the ids of entries that were made at a moment: so they lie in the order of time. */
export function entryTime(at: number): string {
  return Math.max(0, Math.floor(at)).toString(36).padStart(9, '0');
}
