import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range of outgoing connections, so that a port stays free while its server is down. */
const FIRST = 10_000;
const LAST = 29_999;

const returned = new Set<number>();

/**
 * A free TCP port of 127.0.0.1, never the same twice in one process. Another process may take it first, so the caller
 * must be ready for that.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    if (returned.has(port) || !(await isFree(port))) continue;
    returned.add(port);
    return port;
  }
}

/** Checks all addresses, because some servers listen on all of them. */
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
