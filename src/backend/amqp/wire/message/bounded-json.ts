/** The limits of the body of a message. A body that exceeds one is not parsed. */
export interface BodyLimits {
  /** Its length in bytes, after decompression. */
  readonly bytes: number;
  /** How deep arrays and objects are nested. */
  readonly depth: number;
  /** The approximate number of values in it. */
  readonly values: number;
  /** The length of its longest string, in bytes, and of the white space between tokens. */
  readonly text: number;
  /** The number of events in one entry. */
  readonly events: number;
}

const MIB = 1024 * 1024;

/** For entries of users who are not coordinators. Such an entry contains one decision about one task. */
export const COMMON_LIMITS: BodyLimits = {
  bytes: 16 * MIB,
  depth: 100,
  values: 500_000,
  text: MIB,
  events: 100,
};

/** For the keys that only coordinators may use: a batch is one entry. */
export const COORDINATOR_LIMITS: BodyLimits = {
  bytes: 256 * MIB,
  depth: 1_000,
  values: 16_000_000,
  text: 256 * MIB,
  events: 2_000_000,
};

export type Parsed =
  { readonly json: unknown; readonly problem?: never } | { readonly json?: never; readonly problem: string };

/**
 * Parses the JSON body of a message that any user may have written. The limits are checked before and during
 * decompression, and on the bytes before they are parsed, so that a hostile body takes no more memory than its limit.
 * @param encoding the AMQP content encoding; `gzip` is decompressed, any other is ignored
 */
export function parseBounded(content: Buffer, encoding: unknown, limits: BodyLimits): Parsed {
  if (content.length > limits.bytes) return tooLong(limits);
  let bytes = content;
  if (encoding === 'gzip') {
    const stated = lengthIn(content);
    if (stated > limits.bytes) return tooLong(limits);
    try {
      bytes = process.getBuiltinModule('node:zlib').gunzipSync(content, { maxOutputLength: Math.max(1, stated) });
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        ? { problem: 'its body is longer than its header says' }
        : { problem: 'its body cannot be decompressed' };
    }
  }
  const problem = exceeded(bytes, limits);
  const text = problem === undefined ? bytes.toString('utf8') : '';
  if (bytes !== content) giveBack(bytes);
  if (problem !== undefined) return { problem };
  const json = safeJson(text);
  return json === undefined ? { problem: 'its body is no JSON' } : { json };
}

/** The size from which memory is freed at once, in bytes. */
const LARGE = MIB;

/**
 * Frees the memory of a large buffer that is no longer read: the garbage collector would let many of them accumulate. A
 * buffer that shares its memory with others is not freed.
 */
export function giveBack({ buffer, byteLength }: Buffer): void {
  const alone = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (alone && byteLength >= LARGE) buffer.transfer(0);
}

/** The uncompressed length that a gzip body states in its last four bytes: https://www.rfc-editor.org/rfc/rfc1952 */
function lengthIn(content: Buffer): number {
  return content.length < 4 ? 0 : content.readUInt32LE(content.length - 4);
}

const tooLong = ({ bytes }: BodyLimits) => ({ problem: `its body is longer than ${bytes / MIB} MiB` });

/** @returns undefined if it is not JSON */
export function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The limit that JSON text exceeds, as far as its bytes show. Allocates no memory. */
function exceeded(bytes: Buffer, limits: BodyLimits): string | undefined {
  let depth = 0;
  let values = 0;
  let blanks = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      const end = endOfString(bytes, i);
      if (end - i > limits.text) return `it holds a string of more than ${limits.text} bytes`;
      i = end;
    } else if (byte === COMMA) {
      values++;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      values++;
      if (++depth > limits.depth) return `it is nested more than ${limits.depth} levels deep`;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    } else if (byte <= SPACE) {
      blanks++;
    }
    if (blanks > limits.text) return `it holds more than ${limits.text} bytes of white space`;
    if (values > limits.values) return `it holds more than ${limits.values} values`;
  }
  return undefined;
}

/** The index of the quote that ends a string, or of the end of the text. */
function endOfString(bytes: Buffer, start: number): number {
  for (let from = start + 1; ;) {
    const quote = bytes.indexOf(QUOTE, from);
    if (quote < 0) return bytes.length;
    let escapes = 0;
    while (bytes[quote - 1 - escapes] === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return quote;
    from = quote + 1;
  }
}
