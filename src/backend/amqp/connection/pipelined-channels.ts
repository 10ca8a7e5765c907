import type { Channel, ChannelModel } from 'amqplib';

/** (class << 16) + method of `confirm.select` and its answer. */
const CONFIRM_SELECT = 0x55_000a;
const CONFIRM_SELECT_OK = 0x55_000b;

/** In the place of a method that was already sent. */
const SENT = -1;

type Reply = (error: unknown, frame: unknown) => void;

/** What the driver has in a channel, and its types do not contain. */
interface DriverChannel extends Channel {
  reply: Reply | null;
  readonly pending: { readonly method: number; readonly fields: unknown; readonly reply: Reply }[];
  sendImmediately: (method: number, fields: unknown) => unknown;
  sendOrEnqueue: (method: number, fields: unknown, reply: Reply) => void;
  rpc: (method: number, fields: unknown, expected: number) => Promise<unknown>;
}

/** The driver's allocation of channels. */
interface Driver {
  freshChannel: (channel: DriverChannel, options: unknown) => number;
}

/**
 * Opens channels that send each request at once. The driver sends one request at a time, and the next one when it has
 * the answer: so a channel that opens, selects confirms and consumes waits three times. The broker processes the frames
 * of a channel in order, and answers in order. If a request fails, the broker closes the channel and ignores all frames
 * after that request.
 */
export class PipelinedChannels {
  readonly #model: ChannelModel;
  #allocated: DriverChannel | undefined;

  constructor(model: ChannelModel) {
    this.#model = model;
    const driver = model.connection as unknown as Driver;
    const allocate = driver.freshChannel;
    driver.freshChannel = (channel, options) => {
      const number = allocate.call(driver, channel, options);
      pipeline(channel);
      this.#allocated = channel;
      return number;
    };
  }

  /** Resolves when the request was sent. If it fails, the first request on the channel fails. */
  async open(): Promise<Channel> {
    return this.#open();
  }

  /** Opens a channel with publisher confirms. Resolves when the broker has answered: until then nothing is published. */
  async openConfirming(): Promise<Channel> {
    const channel = await this.#open();
    await channel.rpc(CONFIRM_SELECT, { nowait: false }, CONFIRM_SELECT_OK);
    return channel;
  }

  async #open(): Promise<DriverChannel> {
    this.#allocated = undefined;
    const opened = this.#model.createChannel();
    const channel = this.#allocated as DriverChannel | undefined;
    if (!channel) throw new Error('the driver has allocated no channel', { cause: await opened });
    opened.catch(() => {});
    // The driver sends the request in the next microtask.
    await Promise.resolve();
    return channel;
  }
}

function pipeline(channel: DriverChannel): void {
  const send = channel.sendImmediately.bind(channel);
  channel.sendImmediately = (method, fields) => (method === SENT ? undefined : send(method, fields));
  channel.sendOrEnqueue = (method, fields, reply) => {
    send(method, fields);
    if (channel.reply) channel.pending.push({ method: SENT, fields, reply });
    else channel.reply = reply;
  };
}
