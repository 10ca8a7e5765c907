import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Frame, FrameSplitter, type MethodName } from './amqp-frames.ts';
import { freePort } from './free-port.ts';

/** Up: from the client to the broker. Down: from the broker to the client. */
export type Direction = 'up' | 'down';

/** `cut`: forward these bytes, then cut. `drop-and-cut`: cut without these bytes. */
export type Verdict = 'pass' | 'cut' | 'drop-and-cut';

export interface CutPoint {
  readonly direction: Direction;
  readonly method: MethodName;
  /** Counted over all connections from now on; 1 is the next one. */
  readonly nth?: number;
  /** Whether the method arrives completely, with its message. Otherwise the receiver gets no complete method. */
  readonly deliver: boolean;
}

/** How long a cut waits for the receiver to read the last bytes, in ms. */
const LAST_READ = 1000;

interface Armed extends CutPoint {
  left: number;
  readonly done: () => void;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
}

/** Starts a proxy to a server on 127.0.0.1. Resolves when it accepts connections. */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort, await freePort());
  await proxy.heal();
  return proxy;
}

export class TcpProxy {
  readonly port: number;
  /** Called for every chunk before it is forwarded. TCP decides on the size of chunks, so count bytes, not chunks. */
  onData: ((direction: Direction, chunk: Buffer) => Verdict) | undefined;
  /** Called for each complete method, after its message if it has one. */
  onMethod: ((direction: Direction, method: MethodName) => void) | undefined;
  readonly #targetPort: number;
  #listener: Server | undefined;
  #frozen = false;
  readonly #connections = new Set<Connection>();
  readonly #armed = new Set<Armed>();

  /** Use startProxy. */
  constructor(targetPort: number, port: number) {
    this.#targetPort = targetPort;
    this.port = port;
  }

  /** The number of connected clients. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Ends all connections and refuses new ones. Resolves when all have ended. */
  async cut(): Promise<void> {
    const refused = this.#refuse();
    for (const connection of this.#connections) this.#drop(connection);
    await refused;
  }

  /** Accepts connections again after a cut. */
  async heal(): Promise<void> {
    if (this.#listener) return;
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    await once(this.#listener.listen(this.port, '127.0.0.1'), 'listening');
  }

  /** Forwards no more bytes in either direction and leaves the connections open, like a broken network switch. */
  freeze(): void {
    this.#frozen = true;
    for (const { client, server } of this.#connections) {
      client.pause();
      server.pause();
    }
  }

  /** Forwards the retained bytes, and all later ones. */
  thaw(): void {
    this.#frozen = false;
    for (const { client, server } of this.#connections) {
      client.resume();
      server.resume();
    }
  }

  /**
   * Cuts, like `cut`, exactly at an AMQP method. A publish that is not delivered has not reached the broker. An ack of
   * the broker that is not delivered was sent, but the client does not get it. Resolves after the cut. New connections
   * are refused until `heal`.
   */
  cutAt(point: CutPoint): Promise<void> {
    return new Promise((done) => void this.#armed.add({ ...point, left: point.nth ?? 1, done }));
  }

  /** Stops the proxy. */
  async close(): Promise<void> {
    await this.cut();
  }

  #refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    return new Promise((resolve) => (listener ? listener.close(() => resolve()) : resolve()));
  }

  #drop(connection: Connection): void {
    this.#connections.delete(connection);
    connection.client.destroy();
    connection.server.destroy();
  }

  #accept(client: Socket): void {
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const connection = { client, server };
    this.#connections.add(connection);
    this.#forward(connection, 'up');
    this.#forward(connection, 'down');
    if (this.#frozen) this.freeze();
  }

  #forward(connection: Connection, direction: Direction): void {
    const [from, to] = endsOf(connection, direction);
    const framesIn = splitter();
    to.setNoDelay(true);
    from.on('data', (chunk: Buffer) => {
      const cut = this.#cutIn(direction, chunk, framesIn(chunk));
      if (cut) void this.#cutAfter(connection, direction, chunk.subarray(0, cut.at), cut.done);
      else if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => this.#frozen || from.resume());
    from.on('end', () => to.end());
    from.on('error', () => this.#drop(connection));
    from.on('close', () => to.closed && this.#connections.delete(connection));
  }

  /** @returns the number of bytes of the chunk before the cut; undefined without a cut */
  #cutIn(direction: Direction, chunk: Buffer, frames: readonly Frame[]): { at: number; done?: () => void } | undefined {
    for (const frame of frames) {
      if (frame.completes) this.onMethod?.(direction, frame.completes);
      for (const armed of this.#armed) {
        const name = armed.deliver ? frame.completes : frame.method;
        if (armed.direction !== direction || armed.method !== name || --armed.left > 0) continue;
        this.#armed.delete(armed);
        return { at: armed.deliver ? frame.end : Math.max(0, frame.start), done: armed.done };
      }
    }
    const verdict = this.onData?.(direction, chunk) ?? 'pass';
    return verdict === 'pass' ? undefined : { at: verdict === 'cut' ? chunk.length : 0 };
  }

  /** Closes one end, delivers the last bytes to the other, and then cuts all connections. */
  async #cutAfter(connection: Connection, direction: Direction, last: Buffer, done?: () => void): Promise<void> {
    const [from, to] = endsOf(connection, direction);
    this.#connections.delete(connection);
    const others = this.cut();
    from.destroy();
    // Further bytes of this end are dropped.
    to.removeAllListeners('data').resume();
    to.setTimeout(LAST_READ, () => to.destroy());
    to.end(last);
    await (to.destroyed || once(to, 'close').catch(() => undefined));
    await others;
    done?.();
  }
}

/** A splitter for one direction of one connection. Returns no frames for other protocols. */
function splitter(): (chunk: Buffer) => readonly Frame[] {
  let frames: FrameSplitter | undefined = new FrameSplitter();
  return (chunk) => {
    try {
      return frames?.push(chunk) ?? [];
    } catch {
      frames = undefined;
      return [];
    }
  };
}

function endsOf({ client, server }: Connection, direction: Direction): readonly [from: Socket, to: Socket] {
  return direction === 'up' ? [client, server] : [server, client];
}
