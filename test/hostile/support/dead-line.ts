import { onTestFinished } from 'vitest';
import { type Frame, FrameSplitter } from '../../broker/amqp-frames.ts';
import { startProxy, type TcpProxy } from '../../broker/tcp-proxy.ts';

/** A way to the broker that goes dead at one moment: no byte passes any more, and neither end is told. */
export interface DeadLine {
  readonly url: string;
  readonly proxy: TcpProxy;
  /** Whether the moment has come. */
  readonly dead: () => boolean;
}

/**
 * @param at whether what the client sends is the last that arrives; undefined: nothing passes from the beginning
 */
export async function deadLine(broker: string, at?: (frame: Frame, chunk: Buffer) => boolean): Promise<DeadLine> {
  const url = new URL(broker);
  const proxy = await startProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  const frames = new FrameSplitter();
  let dead = at === undefined;
  if (dead) proxy.freeze();
  proxy.onData = (direction, chunk) => {
    if (dead || direction === 'down') return 'pass';
    dead = frames.push(chunk).some((frame) => at!(frame, chunk));
    if (dead) proxy.freeze();
    return 'pass';
  };
  url.port = `${proxy.port}`;
  // The broker is not to be taken for dead because of its heartbeats, within a test.
  url.searchParams.set('heartbeat', '600');
  return { url: url.href, proxy, dead: () => dead };
}
