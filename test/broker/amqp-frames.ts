/** The methods that the tests use, by class id and method id of AMQP 0-9-1. */
const METHODS = {
  'connection.start': [10, 10],
  'connection.open': [10, 40],
  'connection.close': [10, 50],
  'channel.open': [20, 10],
  'channel.close': [20, 40],
  'exchange.declare': [40, 10],
  'queue.declare': [50, 10],
  'queue.declare-ok': [50, 11],
  'queue.bind': [50, 20],
  'basic.qos': [60, 10],
  'basic.consume': [60, 20],
  'basic.consume-ok': [60, 21],
  'basic.publish': [60, 40],
  'basic.return': [60, 50],
  'basic.deliver': [60, 60],
  'basic.get': [60, 70],
  'basic.get-ok': [60, 71],
  'basic.get-empty': [60, 72],
  'basic.ack': [60, 80],
  'basic.nack': [60, 120],
  'confirm.select': [85, 10],
} as const;

export type MethodName = keyof typeof METHODS;

const NAMES = new Map(Object.entries(METHODS).map(([name, [c, m]]) => [`${c}.${m}`, name as MethodName]));

/** A header frame and the message in body frames follow these methods. */
const WITH_CONTENT: ReadonlySet<MethodName | undefined> = new Set<MethodName>([
  'basic.publish',
  'basic.return',
  'basic.deliver',
  'basic.get-ok',
]);

export interface Frame {
  readonly type: 'method' | 'header' | 'body' | 'heartbeat';
  readonly channel: number;
  /** Only in method frames. */
  readonly classId: number | undefined;
  readonly methodId: number | undefined;
  /** Only in frames of the methods above. */
  readonly method: MethodName | undefined;
  /** The method that this frame completes: its own, or for the last frame of a message the method of the message. */
  readonly completes: MethodName | undefined;
  /** Where the frame begins in the chunk that completes it; negative if it begins in an earlier chunk. */
  readonly start: number;
  /** Where the next frame begins in that chunk. */
  readonly end: number;
}

const TYPES: Readonly<Record<number, Frame['type']>> = { 1: 'method', 2: 'header', 3: 'body', 8: 'heartbeat' };

/** The bytes before the payload of a frame (type, channel, length) and after it (end mark). */
const PREFIX = 7;
const SUFFIX = 1;

/** The beginning of the protocol header, which a client sends before its first frame, and its length in bytes. */
const PROTOCOL = 'AMQP';
const PROTOCOL_HEADER = 8;

/** Splits the bytes of one direction of a connection into frames, beginning with the first byte. */
export class FrameSplitter {
  #held: Buffer = Buffer.alloc(0);
  /** By channel: the method whose message is incomplete, and the number of missing bytes, if known. */
  readonly #messages = new Map<number, { readonly method: MethodName; missing: number }>();

  /** @returns the frames that end in this chunk, in order @throws if this is not AMQP 0-9-1 */
  push(chunk: Buffer): readonly Frame[] {
    const before = this.#held.length;
    const bytes = Buffer.concat([this.#held, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      const length = lengthAt(bytes, at);
      if (length === undefined || at + length > bytes.length) break;
      if (!isProtocolHeader(bytes, at)) frames.push(this.#read(bytes, at, length, before));
      at += length;
    }
    this.#held = bytes.subarray(at);
    return frames;
  }

  #read(bytes: Buffer, at: number, length: number, before: number): Frame {
    const type = TYPES[bytes[at]!]!;
    const channel = bytes.readUInt16BE(at + 1);
    const payload = bytes.subarray(at + PREFIX, at + length - SUFFIX);
    const [classId, methodId] = type === 'method' ? [payload.readUInt16BE(0), payload.readUInt16BE(2)] : [];
    const method = NAMES.get(`${classId}.${methodId}`);
    const completes = this.#complete(type, channel, method, payload);
    return { type, channel, classId, methodId, method, completes, start: at - before, end: at + length - before };
  }

  #complete(
    type: Frame['type'],
    channel: number,
    method: MethodName | undefined,
    payload: Buffer,
  ): MethodName | undefined {
    if (method && WITH_CONTENT.has(method)) this.#messages.set(channel, { method, missing: Infinity });
    const message = this.#messages.get(channel);
    if (type === 'method') return WITH_CONTENT.has(method) ? undefined : method;
    if (!message || type === 'heartbeat') return undefined;
    // The length of the message follows class and weight, which have 2 bytes each.
    message.missing = type === 'header' ? Number(payload.readBigUInt64BE(4)) : message.missing - payload.length;
    if (message.missing > 0) return undefined;
    this.#messages.delete(channel);
    return message.method;
  }
}

function isProtocolHeader(bytes: Buffer, at: number): boolean {
  return bytes[at] === PROTOCOL.charCodeAt(0);
}

/** @returns undefined if too few bytes have arrived */
function lengthAt(bytes: Buffer, at: number): number | undefined {
  if (at >= bytes.length) return undefined;
  if (isProtocolHeader(bytes, at)) return PROTOCOL_HEADER;
  if (!TYPES[bytes[at]!]) throw new Error(`not AMQP 0-9-1: a frame of type ${bytes[at]}`);
  return at + PREFIX > bytes.length ? undefined : PREFIX + bytes.readUInt32BE(at + 3) + SUFFIX;
}
