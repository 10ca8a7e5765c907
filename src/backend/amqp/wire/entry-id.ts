/*
 * The ids of entries, and all ids that are derived from them:
 *
 *   TIME-RANDOM        an entry of agentq: sorts by time
 *   0-begin-RANDOM     the first entry of a new log
 *   message:ID         a third-party message whose own id has another form
 *   offset:OFFSET      a third-party message without an id
 *   ENTRY:due          the token of a delay, at its second appearance in the log
 *   ENTRY:note         no entry: the log has contained a note with this id
 *   ENTRY#SHA256       a result message of a third-party worker
 *   heard:SHA256       no entry: the log has contained a result message with this content
 *   TASK/ENTRY         no entry: the end of a task, by the entry that ended it
 *
 * No id of a message contains `:`, `#` or `/`, unless it begins with `message:`. So no derived id equals another one.
 */

/** The time part has this length, with zeros in front. */
const TIME_DIGITS = 9;

/** The id of a new entry. @param random in [0, 1) */
export function newEntryId(now: number, random: () => number): string {
  const part = () =>
    Math.floor(random() * 2 ** 50)
      .toString(36)
      .padStart(10, '0');
  return `${entryTime(now)}-${part()}${part()}`;
}

/** The prefix of the ids of entries that were made at a moment, ms since 1970. */
export function entryTime(at: number): string {
  return Math.max(0, Math.floor(at)).toString(36).padStart(TIME_DIGITS, '0');
}

/** The id of the first entry of a new log. @param random in [0, 1) */
export const firstEntryId = (random: () => number): string => `0-begin-${random().toString(36).slice(2)}`;

/**
 * The id of an entry from its message.
 * @param messageId the property of the message; any program may have set it
 */
export function entryIdOf(messageId: unknown, offset: number): string {
  if (typeof messageId !== 'string') return `offset:${offset}`;
  return /^[\w.-]+$/.test(messageId) ? messageId : `message:${messageId}`;
}

/** The id of the entry that states the end of a delay. */
export const dueEntryId = (id: string): string => `${id}:due`;

/** The id of the entry of a result message that a third-party worker wrote. @param digest its SHA-256, in hex */
export const foreignEntryId = (id: string, digest: string): string => `${id}${foreignPart(digest)}`;

const foreignPart = (digest: string): string => `#${digest}`;

/** The record that the log has contained a result message with this SHA-256 at least once. */
export const digestMark = (digest: string): string => `heard:${digest}`;

/** The record that the log has contained a note with this id. */
export const noteMark = (id: string): string => `${id}:note`;

/** The end of a task. One entry may end several tasks. */
export const endingOf = (task: string, entry: string): string => `${task}/${entry}`;

/** The task that has ended. No task id contains `/`. */
export const taskOfEnding = (ending: string): string => ending.slice(0, Math.max(0, ending.indexOf('/')));

/** Whether a third-party worker has ended the task. */
export const isForeignEnding = (ending: string): boolean => /#[0-9a-f]{64}$/.test(ending);

/** Whether the result message with this SHA-256 has ended the task. */
export const isEndedBy = (ending: string, digest: string): boolean => ending.endsWith(foreignPart(digest));
