import type { Socket } from 'node:net';
import type { ChannelModel } from 'amqplib';

/**
 * The driver's callback for every incoming frame, and the socket that it writes to. The driver's types contain neither.
 */
interface Driver {
  accept: (frame: { readonly channel: number }) => void;
  readonly stream: Socket;
}

/**
 * Whether the broker is active on a connection. Heartbeats, which use channel 0, do not count: a broker may send them
 * and answer no request.
 */
export class BrokerActivity {
  readonly #stream: Socket;
  #count = 0;
  #taken = 0;

  constructor({ connection }: ChannelModel) {
    const driver = connection as unknown as Driver;
    this.#stream = driver.stream;
    const accept = driver.accept;
    driver.accept = (frame) => {
      if (frame.channel !== 0) this.#count++;
      accept.call(driver, frame);
    };
  }

  /** Grows with every frame from the broker, and if it has accepted a part of a backlog since the last call. */
  get count(): number {
    const { bytesWritten, writableLength } = this.#stream;
    const taken = bytesWritten - writableLength;
    // Data that fits into the system's buffers is accepted even if the broker does not read it.
    if (writableLength > 0 && taken > this.#taken) this.#count++;
    this.#taken = taken;
    return this.#count;
  }
}
