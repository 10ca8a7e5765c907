import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what systems give to outgoing connections, so that a port stays free for a server that is down for a while. */
const FIRST = 10_000;
const LAST = 29_999;

const handedOut = new Set<number>();

/**
 * A TCP port of 127.0.0.1 on which nobody listens, never the same twice in one process. Another process may still be
 * faster to take it: who listens on it is ready for that.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
}

/** On all addresses: a server that ignores the wish for 127.0.0.1 must not meet another one. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
