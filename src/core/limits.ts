// The maximum and minimum values that agentq accepts. Documented in docs/limits.md; a test compares both.

const MIB = 1024 * 1024;

/** The maximum size of an envelope as JSON, in bytes. Large content belongs in the store, not in the queue. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;

/**
 * The maximum nesting of a field of an envelope. The JSON functions of SQLite stop at 1,000 levels, recursive code
 * earlier.
 */
export const MAX_DEPTH = 64;

/** The maximum length of a summary, a reason or a note, in characters. */
export const MAX_TEXT = 8_000;

export const MAX_BATCH_ROWS = 100_000;

/** The maximum length of one row of a batch, in characters. A row may contain spaces and escapes. */
export const MAX_ROW = MIB;

export const MAX_BATCH_BYTES = 64 * MIB;

/** The maximum size of a context on standard input, in bytes. */
export const MAX_STDIN_BYTES = 64 * MIB;

/** The maximum size of a result that is printed in JSON or on a terminal, in bytes. */
export const MAX_JSON_RESULT_BYTES = 64 * MIB;

/** The maximum number of tasks, dead letters or messages in one answer. */
export const MAX_LIST = 100_000;

export const MAX_CONFIG_BYTES = MIB;

/**
 * The shortest lease, in ms. A lease is renewed after each third of its length, and each renewal is an event in the
 * log.
 */
export const MIN_LEASE = 1_000;

/**
 * The minimum time for which the id of a pruned task stays known, in ms: its evidence must be removed before a new task
 * can have the id.
 */
export const MIN_REMEMBERED = 86_400_000;
