import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FrameSplitter } from './amqp-frames.ts';
import { accepts } from './handshake.ts';
import { startProxy, type TcpProxy } from './tcp-proxy.ts';

/** Longer than a byte needs on the loopback interface, in ms. */
const LOOPBACK_TIME = 200;

const PROTOCOL_HEADER = Buffer.from([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
const PUBLISH = method(1, 60, 40);
const CONSUME = method(1, 60, 20);
const ACK = method(1, 60, 80);
const HEARTBEAT = frame(8, 0, Buffer.alloc(0));

function frame(type: number, channel: number, payload: Buffer): Buffer {
  const prefix = Buffer.alloc(7);
  prefix.writeUInt8(type, 0);
  prefix.writeUInt16BE(channel, 1);
  prefix.writeUInt32BE(payload.length, 3);
  return Buffer.concat([prefix, payload, Buffer.from([0xce])]);
}

function method(channel: number, classId: number, methodId: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(classId, 0);
  payload.writeUInt16BE(methodId, 2);
  return frame(1, channel, payload);
}

/** The frames after a publish: a header, and one body frame for each part of the message. */
function content(channel: number, ...parts: readonly string[]): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt16BE(60, 0);
  header.writeBigUInt64BE(BigInt(parts.join('').length), 4);
  return Buffer.concat([frame(2, channel, header), ...parts.map((part) => frame(3, channel, Buffer.from(part)))]);
}

/** One end of a connection, and all bytes that it has received. */
class End {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  #received = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (this.#received = Buffer.concat([this.#received, chunk])));
    onTestFinished(() => void socket.destroy());
  }

  get received(): string {
    return this.#received.toString('hex');
  }

  async receives(bytes: Buffer): Promise<void> {
    await expect.poll(() => this.received, { timeout: 10_000, interval: 5 }).toBe(bytes.toString('hex'));
  }
}

/** A proxy in front of a server, which echoes all bytes or sends nothing. */
async function setUp(answer: 'echo' | 'silence'): Promise<{ proxy: TcpProxy; servers: End[]; client: () => End }> {
  const servers: End[] = [];
  const server = createServer((socket) => {
    servers.push(new End(socket));
    if (answer === 'echo') socket.pipe(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const proxy = await startProxy((server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await proxy.close();
    server.close();
  });
  return { proxy, servers, client: () => new End(connect(proxy.port, '127.0.0.1')) };
}

describe('the frame splitter', () => {
  const stream = Buffer.concat([PROTOCOL_HEADER, HEARTBEAT, PUBLISH, content(1, 'he', 'llo'), CONSUME]);

  it('finds the same frames in chunks of any size', () => {
    const names = (size: number) => {
      const splitter = new FrameSplitter();
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
        stream.subarray(i * size, (i + 1) * size),
      );
      return chunks.flatMap((chunk) => splitter.push(chunk).map((f) => [f.type, f.method, f.completes]));
    };
    expect(names(stream.length)).toEqual([
      ['heartbeat', undefined, undefined],
      ['method', 'basic.publish', undefined],
      ['header', undefined, undefined],
      ['body', undefined, undefined],
      ['body', undefined, 'basic.publish'],
      ['method', 'basic.consume', 'basic.consume'],
    ]);
    for (let size = 1; size < stream.length; size++) expect(names(size)).toEqual(names(stream.length));
  });

  it('handles empty messages, and messages of several channels', () => {
    const found = new FrameSplitter().push(Buffer.concat([PUBLISH, method(2, 60, 40), content(2), content(1, 'x')]));
    expect(found.map((f) => f.completes && f.channel)).toEqual([undefined, undefined, 2, undefined, 1]);
  });

  it('returns the position of a frame in the chunk that completes it', () => {
    const splitter = new FrameSplitter();
    splitter.push(ACK.subarray(0, 5));
    const found = splitter.push(Buffer.concat([ACK.subarray(5), PUBLISH]));
    expect(found.map(({ start, end }) => [start, end])).toEqual([
      [-5, ACK.length - 5],
      [ACK.length - 5, ACK.length - 5 + PUBLISH.length],
    ]);
  });

  it('throws for other protocols', () => {
    expect(() => new FrameSplitter().push(Buffer.from('hello'))).toThrow('not AMQP');
  });
});

describe('the proxy', () => {
  it('forwards the bytes of both sides, and the ends of their streams', async () => {
    const { client, servers } = await setUp('echo');
    const end = client();
    const bytes = Buffer.alloc(3_000_000, 'agentq');
    end.socket.end(bytes);
    await end.closed;
    expect(end.received).toBe(bytes.toString('hex'));
    await servers[0]!.closed;
  });

  it('cuts, refuses, and heals on the same port', async () => {
    const { proxy, client } = await setUp('echo');
    const end = client();
    end.socket.write('a');
    await end.receives(Buffer.from('a'));
    await proxy.cut();
    await end.closed;
    expect(await accepts(proxy.port)).toBe(false);
    await proxy.heal();
    const next = client();
    next.socket.write('b');
    await next.receives(Buffer.from('b'));
  });

  it('freezes and thaws connections, also new ones', async () => {
    const { proxy, client } = await setUp('echo');
    const end = client();
    end.socket.write('a');
    await end.receives(Buffer.from('a'));
    proxy.freeze();
    end.socket.write('b');
    const late = client();
    late.socket.write('c');
    await sleep(LOOPBACK_TIME);
    expect([end.received, late.received]).toEqual(['61', '']);
    proxy.thaw();
    await end.receives(Buffer.from('ab'));
    await late.receives(Buffer.from('c'));
  });

  it.each([
    ['cut', 'a1'],
    ['drop-and-cut', 'a'],
  ] as const)('calls a hook for each chunk: %s', async (verdict, arrives) => {
    const { proxy, servers, client } = await setUp('silence');
    const end = client();
    end.socket.write('a');
    await expect.poll(() => servers[0]?.received).toBe('61');
    proxy.onData = (direction, chunk) => (direction === 'up' && chunk.includes('1') ? verdict : 'pass');
    end.socket.write('1');
    await end.closed;
    await servers[0]!.receives(Buffer.from(arrives));
    await servers[0]!.closed;
  });

  it.each([true, false])('cuts at the second publish of the client, delivered: %s', async (deliver) => {
    const { proxy, servers, client } = await setUp('silence');
    const cut = proxy.cutAt({ direction: 'up', method: 'basic.publish', nth: 2, deliver });
    const end = client();
    const first = [PROTOCOL_HEADER, PUBLISH, content(1, 'one')];
    const second = [PUBLISH, content(1, 'two', 'parts')];
    end.socket.write(Buffer.concat([...first, ...second, CONSUME]));
    await cut;
    await servers[0]!.receives(Buffer.concat(deliver ? [...first, ...second] : first));
    await Promise.all([end.closed, servers[0]!.closed]);
    expect(await accepts(proxy.port)).toBe(false);
  });

  it.each([true, false])('cuts at the ack of the broker, delivered: %s', async (deliver) => {
    const { proxy, servers, client } = await setUp('silence');
    const end = client();
    end.socket.write(PROTOCOL_HEADER);
    await expect.poll(() => servers[0]?.received).toBe(PROTOCOL_HEADER.toString('hex'));
    const cut = proxy.cutAt({ direction: 'down', method: 'basic.ack', deliver });
    servers[0]!.socket.write(Buffer.concat([HEARTBEAT, ACK, HEARTBEAT]));
    await cut;
    await end.closed;
    await end.receives(Buffer.concat(deliver ? [HEARTBEAT, ACK] : [HEARTBEAT]));
    await servers[0]!.closed;
  });
});
