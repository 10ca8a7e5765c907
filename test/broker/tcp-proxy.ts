import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Frame, FrameSplitter, type MethodName } from './amqp-frames.ts';
import { freePort } from './free-port.ts';

/** Up: what the client says to the broker. Down: what the broker says to the client. */
export type Direction = 'up' | 'down';

/** Cut: let these bytes through, then cut. Drop and cut: they do not arrive either. */
export type Verdict = 'pass' | 'cut' | 'drop-and-cut';

export interface CutPoint {
  readonly direction: Direction;
  readonly method: MethodName;
  /** Counted over all connections, from now on; 1 is the next. */
  readonly nth?: number;
  /** Whether it arrives, with its message where it carries one, or not as a whole: then it never happened. */
  readonly deliver: boolean;
}

/** How long a cut waits for those that still read what was delivered, in ms. */
const FAREWELL = 1000;

interface Armed extends CutPoint {
  left: number;
  readonly done: () => void;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
}

/** A cable between a client and a server on 127.0.0.1, whole at first. @returns once it takes connections */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort, await freePort());
  await proxy.heal();
  return proxy;
}

export class TcpProxy {
  readonly port: number;
  /** Sees every chunk before it passes, and decides. Chunks are cut as TCP likes: count bytes, not chunks. */
  onData: ((direction: Direction, chunk: Buffer) => Verdict) | undefined;
  /** Called for each method that arrives whole, with its message where it carries one. */
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

  /** How many clients are connected. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Ends all connections and refuses new ones. Resolves once none is left. */
  async cut(): Promise<void> {
    const refused = this.#refuse();
    for (const connection of this.#connections) this.#drop(connection);
    await refused;
  }

  /** Takes connections again after a cut. */
  async heal(): Promise<void> {
    if (this.#listener) return;
    this.#listener = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
    await once(this.#listener.listen(this.port, '127.0.0.1'), 'listening');
  }

  /** From now on no byte passes in either direction, and nobody is told: as a dead switch on the way. */
  freeze(): void {
    this.#frozen = true;
    for (const { client, server } of this.#connections) {
      client.pause();
      server.pause();
    }
  }

  /** All that was held back goes on its way. */
  thaw(): void {
    this.#frozen = false;
    for (const { client, server } of this.#connections) {
      client.resume();
      server.resume();
    }
  }

  /**
   * Cuts, as `cut` does, right at a method of AMQP. A publish that is not delivered never reached the broker; an ack
   * from it that is not delivered was given, but the client does not know. Resolves once the cut has happened: the
   * client then finds nobody until `heal`.
   */
  cutAt(point: CutPoint): Promise<void> {
    return new Promise((done) => void this.#armed.add({ ...point, left: point.nth ?? 1, done }));
  }

  /** Ends it for good. */
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
      if (cut) void this.#cutBehind(connection, direction, chunk.subarray(0, cut.at), cut.done);
      else if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => this.#frozen || from.resume());
    from.on('end', () => to.end());
    from.on('error', () => this.#drop(connection));
    from.on('close', () => to.closed && this.#connections.delete(connection));
  }

  /** @returns how many bytes of the chunk still pass, where it is to be cut */
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

  /** Lets the last bytes arrive at one end, where the other is gone already; then all is cut. */
  async #cutBehind(connection: Connection, direction: Direction, last: Buffer, done?: () => void): Promise<void> {
    const [from, to] = endsOf(connection, direction);
    this.#connections.delete(connection);
    const others = this.cut();
    from.destroy();
    // What it still says reaches nobody.
    to.removeAllListeners('data').resume();
    to.setTimeout(FAREWELL, () => to.destroy());
    to.end(last);
    await (to.destroyed || once(to, 'close').catch(() => undefined));
    await others;
    done?.();
  }
}

/** For one direction of one connection. Finds no frames in what is not AMQP. */
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
