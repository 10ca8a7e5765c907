// What agentq takes in at most, or at least. Documented in docs/limits.md; a test holds the two together.

const MIB = 1024 * 1024;

/** The most bytes that an envelope may have as JSON: the queue carries who, what and where, the store the rest. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;

/** How deep a field of an envelope may be nested. The JSON functions of SQLite end at 1,000, recursive code earlier. */
export const MAX_DEPTH = 64;

/** The most characters of a summary, a reason or a note. */
export const MAX_TEXT = 8_000;

export const MAX_BATCH_ROWS = 100_000;

/** The most characters of one row of a batch, which may be written with spaces and escapes. */
export const MAX_ROW = MIB;

export const MAX_BATCH_BYTES = 64 * MIB;

/** The most bytes that a context may have which comes by standard input. */
export const MAX_STDIN_BYTES = 64 * MIB;

/** The most bytes of a result that is printed within JSON, or on a terminal. */
export const MAX_JSON_RESULT_BYTES = 64 * MIB;

/** The most tasks, dead letters or messages of one answer. */
export const MAX_LIST = 100_000;

export const MAX_CONFIG_BYTES = MIB;

/** The shortest lease, in ms. A lease is renewed every third of its length, and each renewal is an event of the log. */
export const MIN_LEASE = 1_000;
