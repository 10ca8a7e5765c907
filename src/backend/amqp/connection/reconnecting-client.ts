import { AgentqError } from '../../../core/errors.ts';
import { NoAnswer, whileAnswering } from './answer-watch.ts';
import { type BrokerUrl, placeOf } from './broker-url.ts';
import { ConnectionLost, explain, unbound, Unroutable } from './broker-error.ts';
import { connectToAny, Unreachable } from './connect.ts';
import { type ConnectionEvent, type ConnectionState, nextState, NO_ANSWER, noticeOf } from './connection-state.ts';
import { monotonic } from './monotonic.ts';
import { afterRequest, patienceOf } from './retry-policy.ts';
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

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Connects to a broker when a connection is first needed, and again after it was lost. An operation that was pending
 * then is repeated: every operation here must allow that.
 */
export class ReconnectingClient {
  readonly address: BrokerUrl;
  readonly #options: ClientOptions;
  #state: ConnectionState<BrokerConnection> = { status: 'idle' };
  /** The index of the host that the next round of tries begins with. */
  #firstHost: number;
  /** Whether a wait has failed since the broker last answered. */
  #gaveUp = false;
  /** When the connection was lost, until the log contains the outage: ms since 1970. */
  #outageStart: number | undefined;

  constructor(address: BrokerUrl, options: ClientOptions) {
    this.address = address;
    this.#options = options;
    // So that processes use all nodes of a cluster.
    this.#firstHost = Math.floor(options.random() * address.hosts.length);
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
    return patienceOf(this.#options.patience, this.#gaveUp);
  }

  /** Whether it is known that publishing is currently impossible. */
  get away(): boolean {
    const state = this.#state;
    if (state.status === 'open') return state.connection.blocked !== undefined;
    return state.status === 'retrying' || state.status === 'unreachable' || state.status === 'silent';
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
        const request = connection.until(body(connection));
        const result = await whileAnswering(connection, { deadline, patience }, request);
        this.#answered();
        return result;
      } catch (error) {
        if (error instanceof NoAnswer) throw this.#unanswered(error);
        const lost = await connection.isLost(error);
        const left = this.#state.status === 'closed' ? 0 : deadline - monotonic();
        const after = afterRequest(error, lost, left);
        if (after.next === 'fail') throw explain(error, this.place);
        if (after.next === 'give-up') throw this.#inVain(error as Error);
        if (after.wait > 0) await pause(after.wait);
      }
    }
  }

  #unanswered({ blocked }: NoAnswer): AgentqError {
    if (blocked !== undefined) return this.#unreachable(`it accepts no messages at present (${blocked})`);
    this.#on({ type: 'went-silent' });
    return this.#unreachable(NO_ANSWER);
  }

  #answered(): void {
    this.#on({ type: 'answered' });
    this.#gaveUp = false;
  }

  #inVain(error: Error): AgentqError {
    // The log can be read, and a message for it is returned: the cause is not a start of the broker.
    if (error instanceof Unroutable) return unbound(error.key);
    return this.#unreachable(error.message);
  }

  #unreachable(problem: string): AgentqError {
    this.#gaveUp = true;
    return new AgentqError(
      'unreachable',
      `the broker at ${this.place} cannot be reached: ${problem}`,
      'is it running, and is the URL right? --broker-timeout says how long to wait for it',
    );
  }

  /** @param deadline by monotonic(); Infinity to try without end */
  async connection(deadline: number): Promise<BrokerConnection> {
    const opening = this.#opening(deadline);
    if (deadline === Infinity) return opening;
    const end = Promise.withResolvers<never>();
    const left = Math.max(0, deadline - monotonic());
    const timer = setTimeout(() => end.reject(this.#unreachable(this.#problem)), left);
    return Promise.race([opening, end.promise]).finally(() => clearTimeout(timer));
  }

  /** One loop connects for all callers, until the latest deadline. */
  async #opening(deadline: number): Promise<BrokerConnection> {
    const state = this.#state;
    switch (state.status) {
      case 'open':
      case 'silent':
        return state.connection;
      case 'connecting':
      case 'retrying':
        this.#on({ type: 'joined', deadline });
        return state.opening;
      case 'idle':
      case 'unreachable': {
        const { promise: opening, resolve, reject } = Promise.withResolvers<BrokerConnection>();
        this.#on({ type: 'begin', opening, deadline });
        this.#open().then(resolve, reject);
        return opening;
      }
      case 'closed':
        throw new ConnectionLost('closed');
      default:
        return state satisfies never;
    }
  }

  async #open(): Promise<BrokerConnection> {
    try {
      const { model, host } = await connectToAny(this.address, this.#firstHost, {
        left: () => this.#left,
        random: this.#options.random,
        closed: () => this.#state.status === 'closed',
        onRoundFailed: (problem) => this.#on({ type: 'round-failed', problem }),
      });
      // A node that has failed is tried last.
      this.#firstHost = (host + 1) % this.address.hosts.length;
      return await this.#opened(new BrokerConnection(model, this.#outageStart));
    } catch (error) {
      this.#on({ type: 'ended' });
      throw error instanceof Unreachable ? this.#unreachable(error.message) : error;
    }
  }

  async #opened(connection: BrokerConnection): Promise<BrokerConnection> {
    if (this.#state.status === 'closed') {
      await connection.close();
      throw new ConnectionLost('closed');
    }
    connection.onBlocked((reason) => this.#say(`accepts no messages at present (${reason})`));
    connection.onUnblocked(() => {
      this.#gaveUp = false;
      this.#say('accepts messages again');
    });
    connection.onLost(() => this.#lost(connection));
    this.#on({ type: 'opened', connection });
    this.#gaveUp = false;
    return connection;
  }

  #lost(connection: BrokerConnection): void {
    const before = this.#state;
    this.#on({ type: 'lost', connection });
    if (this.#state !== before) this.#outageStart ??= this.#options.clock();
  }

  /** The log contains the outage before this connection. */
  outageIsRecorded(): void {
    this.#outageStart = undefined;
  }

  /** The time up to the latest deadline of the callers that wait, in ms. */
  get #left(): number {
    return 'deadline' in this.#state ? this.#state.deadline - monotonic() : 0;
  }

  get #problem(): string {
    return 'problem' in this.#state ? this.#state.problem : NO_ANSWER;
  }

  #on(event: ConnectionEvent<BrokerConnection>): void {
    const before = this.#state;
    this.#state = nextState(before, event);
    const notice = noticeOf(before, this.#state);
    if (notice === 'away') this.#sayAway();
    else if (notice === 'back') this.#say('is back');
    else if (notice === 'silent') this.#say('does not answer');
    else if (notice === 'answers-again') this.#say('answers again');
  }

  #sayAway(): void {
    const left = Math.round(this.#left / 1_000);
    const span = left === Infinity ? '' : ` for ${Math.max(1, left)} s`;
    this.#options.say(`no broker at ${this.place} (${this.#problem}); trying again${span}`);
  }

  #say(what: string): void {
    this.#options.say(`the broker at ${this.place} ${what}`);
  }

  /**
   * @param waiting whether to wait until the broker has closed the connection, and so has processed earlier
   * acknowledgements
   */
  async close(waiting = true): Promise<void> {
    const state = this.#state;
    this.#on({ type: 'closed' });
    if ('connection' in state && !state.connection.closed)
      await (waiting ? state.connection.close() : state.connection.leave());
  }
}
