import { onTestFinished } from 'vitest';
import { type Frame, FrameSplitter } from '../../broker/amqp-frames.ts';
import { startProxy, type TcpProxy } from '../../broker/tcp-proxy.ts';

/** A proxy to the broker that freezes at one point: no more bytes pass, and neither side is informed. */
export interface FreezingProxy {
  readonly url: string;
  readonly proxy: TcpProxy;
  /** Whether the proxy is frozen. */
  readonly isFrozen: () => boolean;
}

/**
 * @param at whether this frame of the client is the last one that passes; undefined: no byte passes
 */
export async function freezingProxy(
  broker: string,
  at?: (frame: Frame, chunk: Buffer) => boolean,
): Promise<FreezingProxy> {
  const url = new URL(broker);
  const proxy = await startProxy(Number(url.port));
  onTestFinished(() => proxy.close());
  const frames = new FrameSplitter();
  let frozen = at === undefined;
  if (frozen) proxy.freeze();
  proxy.onData = (direction, chunk) => {
    if (frozen || direction === 'down') return 'pass';
    frozen = frames.push(chunk).some((frame) => at!(frame, chunk));
    if (frozen) proxy.freeze();
    return 'pass';
  };
  url.port = `${proxy.port}`;
  // Long heartbeats, so that the client does not close the connection during a test.
  url.searchParams.set('heartbeat', '600');
  return { url: url.href, proxy, isFrozen: () => frozen };
}
