import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FrameSplitter } from './amqp-frames.ts';
import { accepts } from './handshake.ts';
import { startProxy, type TcpProxy } from './tcp-proxy.ts';

/** Long enough for a byte to come by on loopback if nothing holds it back, in ms. */
const A_WHILE = 200;

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

/** What follows a publish: a header, and the message in as many body frames as it has parts. */
function content(channel: number, ...parts: readonly string[]): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt16BE(60, 0);
  header.writeBigUInt64BE(BigInt(parts.join('').length), 4);
  return Buffer.concat([frame(2, channel, header), ...parts.map((part) => frame(3, channel, Buffer.from(part)))]);
}

/** One end of a connection, and all that it heard. */
class End {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  #heard = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (this.#heard = Buffer.concat([this.#heard, chunk])));
    onTestFinished(() => void socket.destroy());
  }

  get heard(): string {
    return this.#heard.toString('hex');
  }

  async hears(bytes: Buffer): Promise<void> {
    await expect.poll(() => this.heard, { timeout: 10_000, interval: 5 }).toBe(bytes.toString('hex'));
  }
}

/** A proxy in front of a server that answers with what it hears, where it is told to. */
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

  it('finds the same frames, however the bytes arrive', () => {
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

  it('knows that an empty message ends with its header, and keeps channels apart', () => {
    const found = new FrameSplitter().push(Buffer.concat([PUBLISH, method(2, 60, 40), content(2), content(1, 'x')]));
    expect(found.map((f) => f.completes && f.channel)).toEqual([undefined, undefined, 2, undefined, 1]);
  });

  it('tells where a frame lies in the chunk that ended it', () => {
    const splitter = new FrameSplitter();
    splitter.push(ACK.subarray(0, 5));
    const found = splitter.push(Buffer.concat([ACK.subarray(5), PUBLISH]));
    expect(found.map(({ start, end }) => [start, end])).toEqual([
      [-5, ACK.length - 5],
      [ACK.length - 5, ACK.length - 5 + PUBLISH.length],
    ]);
  });

  it('says that what is not AMQP is not', () => {
    expect(() => new FrameSplitter().push(Buffer.from('hello'))).toThrow('not AMQP');
  });
});

describe('the proxy', () => {
  it('passes on what both sides say, and their ends', async () => {
    const { client, servers } = await setUp('echo');
    const end = client();
    const bytes = Buffer.alloc(3_000_000, 'agentq');
    end.socket.end(bytes);
    await end.closed;
    expect(end.heard).toBe(bytes.toString('hex'));
    await servers[0]!.closed;
  });

  it('cuts, refuses, and heals on the same port', async () => {
    const { proxy, client } = await setUp('echo');
    const end = client();
    end.socket.write('a');
    await end.hears(Buffer.from('a'));
    await proxy.cut();
    await end.closed;
    expect(await accepts(proxy.port)).toBe(false);
    await proxy.heal();
    const next = client();
    next.socket.write('b');
    await next.hears(Buffer.from('b'));
  });

  it('freezes and thaws, those that come meanwhile as well', async () => {
    const { proxy, client } = await setUp('echo');
    const end = client();
    end.socket.write('a');
    await end.hears(Buffer.from('a'));
    proxy.freeze();
    end.socket.write('b');
    const late = client();
    late.socket.write('c');
    await sleep(A_WHILE);
    expect([end.heard, late.heard]).toEqual(['61', '']);
    proxy.thaw();
    await end.hears(Buffer.from('ab'));
    await late.hears(Buffer.from('c'));
  });

  it.each([
    ['cut', 'a1'],
    ['drop-and-cut', 'a'],
  ] as const)('asks a hook about each chunk: %s', async (verdict, arrives) => {
    const { proxy, servers, client } = await setUp('silence');
    const end = client();
    end.socket.write('a');
    await expect.poll(() => servers[0]?.heard).toBe('61');
    proxy.onData = (direction, chunk) => (direction === 'up' && chunk.includes('1') ? verdict : 'pass');
    end.socket.write('1');
    await end.closed;
    await servers[0]!.hears(Buffer.from(arrives));
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
    await servers[0]!.hears(Buffer.concat(deliver ? [...first, ...second] : first));
    await Promise.all([end.closed, servers[0]!.closed]);
    expect(await accepts(proxy.port)).toBe(false);
  });

  it.each([true, false])('cuts at the ack of the broker, delivered: %s', async (deliver) => {
    const { proxy, servers, client } = await setUp('silence');
    const end = client();
    end.socket.write(PROTOCOL_HEADER);
    await expect.poll(() => servers[0]?.heard).toBe(PROTOCOL_HEADER.toString('hex'));
    const cut = proxy.cutAt({ direction: 'down', method: 'basic.ack', deliver });
    servers[0]!.socket.write(Buffer.concat([HEARTBEAT, ACK, HEARTBEAT]));
    await cut;
    await end.closed;
    await end.hears(Buffer.concat(deliver ? [HEARTBEAT, ACK] : [HEARTBEAT]));
    await servers[0]!.closed;
  });
});
