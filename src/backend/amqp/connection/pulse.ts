import type { Socket } from 'node:net';
import type { ChannelModel } from 'amqplib';

/** What the driver calls for every frame that arrives, and the socket that it writes to. Its types name neither. */
interface Driver {
  accept: (frame: { readonly channel: number }) => void;
  readonly stream: Socket;
}

/**
 * Whether the broker does anything on a connection. Heartbeats do not count, which come on channel 0: a broker may send
 * them and answer nothing.
 */
export class Pulse {
  readonly #stream: Socket;
  #beats = 0;
  #taken = 0;

  constructor({ connection }: ChannelModel) {
    const driver = connection as unknown as Driver;
    this.#stream = driver.stream;
    const accept = driver.accept;
    driver.accept = (frame) => {
      if (frame.channel !== 0) this.#beats++;
      accept.call(driver, frame);
    };
  }

  /** Grows with every answer, and where some of a backlog was taken since the last look. */
  get beats(): number {
    const { bytesWritten, writableLength } = this.#stream;
    const taken = bytesWritten - writableLength;
    // What fits into the buffers of the system goes there whether or not anybody reads it.
    if (writableLength > 0 && taken > this.#taken) this.#beats++;
    this.#taken = taken;
    return this.#beats;
  }
}
