/**
 * A unique id for an entry, which sorts by time.
 * @param random in [0, 1)
 */
export function entryId(now: number, random: () => number): string {
  const part = () =>
    Math.floor(random() * 2 ** 50)
      .toString(36)
      .padStart(10, '0');
  return `${entryTime(now)}-${part()}${part()}`;
}

/** The id of an entry that a third-party worker made: it contains the SHA-256 of the message. */
export function foreignEntry(id: string, digest: string): string {
  return `${id}#${digest}`;
}

/** The mark which records that the log has contained a message with this SHA-256 at least once. */
export const digestMark = (digest: string): string => `heard:${digest}`;

export const isForeign = (ending: string): boolean => ending.includes('#');

/** The end of a task, by the entry that ended it: one entry may end several tasks. */
export const endingOf = (task: string, entry: string): string => `${task}/${entry}`;

/** The prefix of the ids of entries that were made at a moment: the ids sort by time. */
export function entryTime(at: number): string {
  return Math.max(0, Math.floor(at)).toString(36).padStart(9, '0');
}
