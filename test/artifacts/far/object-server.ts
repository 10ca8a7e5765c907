import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/**
 * A store of files on another machine, which is reached by HTTP. `PUT /files/PATH` stores a file under a free name if
 * its hash is the one in the header, `HEAD` returns hash and size, `GET` the content, `DELETE` removes the file,
 * `GET /list/…` lists a folder, and `/id` contains the id of the store.
 */
export class ObjectServer {
  readonly files = new Map<string, Buffer>();
  /** Every request: method and path. */
  readonly requests: string[] = [];
  id: string | undefined;
  /** Whether it answers each request with an error. */
  broken = false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<ObjectServer> {
    const server = new ObjectServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const { method = 'GET', url = '/' } = request;
    this.requests.push(`${method} ${url}`);
    const reply = (status: number, headers: Record<string, string | number> = {}, content?: Uint8Array | string) =>
      response.writeHead(status, headers).end(content);
    if (this.broken) return void reply(503);
    const [, kind, ...rest] = url.split('/').map(decodeURIComponent);
    const path = rest.join('/');
    if (kind === 'list') {
      const below = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
      return void reply(200, {}, JSON.stringify(below.toSorted()));
    }
    if (kind === 'id') {
      if (method === 'PUT') this.id ??= body.toString();
      return void reply(this.id === undefined ? 404 : 200, {}, this.id);
    }
    const found = this.files.get(path);
    if (method === 'PUT') {
      const sha256 = hashOf(body);
      if (sha256 !== request.headers['x-sha256']) return void reply(422);
      if (found) return void reply(hashOf(found) === sha256 ? 200 : 412);
      this.files.set(path, body);
      return void reply(201);
    }
    if (!found) return void reply(404);
    if (method === 'DELETE') this.files.delete(path);
    reply(200, { 'content-length': found.length, 'x-sha256': hashOf(found) }, method === 'GET' ? found : undefined);
  }
}
