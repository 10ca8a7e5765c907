import amqplib, { type ChannelModel } from 'amqplib';
import { AgentqError } from '../../../core/errors.ts';
import { type BrokerUrl, placeOf } from './broker-url.ts';
import { ConnectionLost, explain, isComingUp, isFinal, unbound, Unroutable } from './broker-error.ts';
import { monotonic } from './monotonic.ts';
import { BrokerConnection } from './broker-connection.ts';

export interface ClientOptions {
  /** How long to try again while the broker does not answer, in ms. */
  readonly patience: number;
  /** Prints one line for the user that the broker is unavailable or available again. */
  readonly say: (line: string) => void;
  /** ms since 1970. */
  readonly clock: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * The waits between two tries to connect, in ms: growing, and with random jitter so that workers do not connect all at
 * once.
 */
const FIRST_WAIT = 100;
const LONGEST_WAIT = 1_000;

/** How long to wait if an earlier wait failed, in ms. */
const ONE_TRY = 500;

/** How often to check whether the broker's queues are available, in ms. */
const COMING_UP = 200;

/** How often to check whether the patience with a silent broker has ended, in ms. */
const STILL_SILENT = 100;

/** How long one try to connect may take, in ms. */
const LONGEST_TRY = 10_000;

/**
 * Connects to a broker when a connection is first needed, and again after it was lost. An operation that was pending
 * then is repeated: every operation here must allow that.
 */
export class ReconnectingClient {
  readonly address: BrokerUrl;
  readonly #options: ClientOptions;
  #connection: Promise<BrokerConnection> | undefined;
  #current: BrokerConnection | undefined;
  #away = false;
  /** Whether the broker does not answer on an open connection. */
  #silent = false;
  #gaveUp = false;
  #problem = 'it does not answer';
  /** The latest deadline of all waiting callers, by monotonic(). */
  #until = 0;
  #closed = false;
  /** When the connection was lost, until the log contains the outage: ms since 1970. */
  #lostAt: number | undefined;

  constructor(address: BrokerUrl, options: ClientOptions) {
    this.address = address;
    this.#options = options;
  }

  get place(): string {
    return placeOf(this.address);
  }

  /** Begins to connect ahead of the first request. */
  begin(): void {
    // The next request gets the error.
    this.connection(monotonic() + this.#options.patience).catch(() => {});
  }

  /** How long a new request waits for the broker, in ms. After a wait that failed, it is shorter. */
  get patience(): number {
    return this.#gaveUp ? Math.min(ONE_TRY, this.#options.patience) : this.#options.patience;
  }

  /**
   * Runs an operation on a connection, and repeats it on the next one if the connection is lost. It may take longer
   * than the patience as long as the broker continues to answer.
   * @throws AgentqError `unreachable` if there was no connection, or no answer, for the whole patience; `denied`;
   * `topology`
   */
  async withConnection<T>(body: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const { patience } = this;
    const deadline = monotonic() + patience;
    for (;;) {
      const connection = await this.connection(deadline);
      try {
        const result = await this.#unlessSilent(connection, deadline, patience, connection.until(body(connection)));
        this.#answered();
        return result;
      } catch (error) {
        const lost = await connection.isLost(error);
        if (!lost && !isComingUp(error)) throw explain(error, this.place);
        if (this.#closed || monotonic() >= deadline) throw this.#inVain(error as Error);
        if (!lost) await new Promise((resolve) => setTimeout(resolve, COMING_UP));
      }
    }
  }

  /** A broker that is short of memory or disk blocks publishing, and a frozen one sends nothing. */
  async #unlessSilent<T>(
    connection: BrokerConnection,
    deadline: number,
    patience: number,
    work: Promise<T>,
  ): Promise<T> {
    const over = Promise.withResolvers<never>();
    let { beats } = connection;
    // Counted in checks, not in time: a process that was suspended has not read what has arrived.
    let silence = 0;
    const looking = setInterval(() => {
      silence = connection.beats === beats ? silence + STILL_SILENT : 0;
      beats = connection.beats;
      if (monotonic() < deadline) return;
      if (connection.blocked !== undefined) {
        over.reject(this.#unreachable(`it takes nothing just now (${connection.blocked})`));
      } else if (silence >= patience) {
        this.#tellSilent();
        over.reject(this.#unreachable('it does not answer'));
      }
    }, STILL_SILENT);
    return Promise.race([work, over.promise]).finally(() => clearInterval(looking));
  }

  #tellSilent(): void {
    if (!this.#silent) this.#options.say(`the broker at ${this.place} does not answer`);
    this.#silent = true;
  }

  #answered(): void {
    if (this.#silent) this.#options.say(`the broker at ${this.place} answers again`);
    this.#silent = false;
    this.#gaveUp = false;
  }

  #inVain(error: Error): AgentqError {
    // The log can be read, and a message for it is returned: the cause is not a start of the broker.
    if (error instanceof Unroutable) return unbound(error.key);
    return this.#unreachable(error.message);
  }

  /** Whether it is known that publishing is currently impossible. */
  get away(): boolean {
    return this.#away || this.#silent || this.#current?.blocked !== undefined;
  }

  /** @param deadline by monotonic(); Infinity to try without end */
  async connection(deadline: number): Promise<BrokerConnection> {
    if (this.#current && !this.#current.closed) return this.#current;
    // One loop connects for all callers, until the latest deadline.
    this.#until = Math.max(this.#until, deadline);
    this.#connection ??= this.#connect().finally(() => {
      this.#connection = undefined;
      this.#until = 0;
    });
    if (deadline === Infinity) return this.#connection;
    const end = Promise.withResolvers<never>();
    const left = Math.max(0, deadline - monotonic());
    const timer = setTimeout(() => end.reject(this.#unreachable(this.#problem)), left);
    return Promise.race([this.#connection, end.promise]).finally(() => clearTimeout(timer));
  }

  async #connect(): Promise<BrokerConnection> {
    for (let tries = 0; ; tries++) {
      if (this.#closed) throw new ConnectionLost('closed');
      try {
        const model = await this.#open();
        if (this.#closed) await model.close();
        const connection = new BrokerConnection(model, this.#lostAt);
        model.on('blocked', (reason: string) =>
          this.#options.say(`the broker at ${this.place} takes nothing just now (${reason})`),
        );
        model.on('unblocked', () => {
          this.#gaveUp = false;
          this.#options.say(`the broker at ${this.place} takes messages again`);
        });
        model.on('close', () => this.#onLost(connection));
        this.#current = connection;
        if (this.#away || this.#silent) this.#options.say(`the broker at ${this.place} is back`);
        this.#away = false;
        this.#silent = false;
        this.#gaveUp = false;
        return connection;
      } catch (error) {
        if (isFinal(error)) throw explain(error, this.place);
        this.#problem = reasonOf(error);
        const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** tries) * (0.5 + this.#options.random());
        if (monotonic() + wait >= this.#until) throw this.#unreachable(this.#problem);
        this.#tellAway();
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  #tellAway(): void {
    if (this.#away || this.#silent) return;
    this.#away = true;
    const left = Math.round((this.#until - monotonic()) / 1_000);
    const span = left === Infinity ? '' : ` for ${Math.max(1, left)} s`;
    this.#options.say(`no broker at ${this.place} (${this.#problem}); trying again${span}`);
  }

  /** The log contains the outage before this connection. */
  outageIsRecorded(): void {
    this.#lostAt = undefined;
  }

  #onLost(connection: BrokerConnection): void {
    if (this.#current !== connection) return;
    this.#current = undefined;
    if (!this.#closed) this.#lostAt ??= this.#options.clock();
  }

  async #open(): Promise<ChannelModel> {
    const { secure, host, port, vhost, user, password, heartbeat, tls } = this.address;
    const timeout = Math.max(1, Math.min(LONGEST_TRY, this.#until - monotonic()));
    const model = await amqplib.connect(
      {
        protocol: secure ? 'amqps' : 'amqp',
        hostname: host,
        port,
        username: user,
        password,
        vhost: encodeURIComponent(vhost),
        heartbeat,
        frameMax: 131_072,
      },
      { noDelay: true, timeout, clientProperties: { connection_name: 'agentq' }, ...(secure && tls) },
    );
    // After an error the driver emits a close, which is handled.
    model.on('error', () => {});
    return model;
  }

  #unreachable(problem: string): AgentqError {
    this.#gaveUp = true;
    return new AgentqError(
      'unreachable',
      `the broker at ${this.place} cannot be reached: ${problem}`,
      'is it running, and is the URL right? --broker-timeout says how long to wait for it',
    );
  }

  /**
   * @param waiting whether to wait until the broker has closed the connection, and so has processed earlier
   * acknowledgements
   */
  async close(waiting = true): Promise<void> {
    this.#closed = true;
    const connection = this.#current;
    this.#current = undefined;
    if (connection && !connection.closed) await (waiting ? connection.close() : connection.leave());
  }
}

/** The driver's error for bytes that are no AMQP frame, such as the answer of a web server. */
const NO_AMQP = /^(Frame size \d+ exceeds maxFrameSize|Invalid frame|Unknown frame type)/;

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (NO_AMQP.test(message)) return 'what answers there is no AMQP 0-9-1 broker';
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined)?.message : undefined;
  return typeof code === 'string' && message === '' ? (first ?? code) : message.split('\n')[0]!;
}
