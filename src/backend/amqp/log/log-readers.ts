import type { BrokerConnection } from '../connection/broker-connection.ts';
import type { LogReader } from './reader/log-reader.ts';

/** The reader of the log on each connection. */
export class LogReaders {
  readonly #start: (connection: BrokerConnection) => Promise<LogReader>;
  readonly #readers = new WeakMap<BrokerConnection, Promise<LogReader>>();

  /** @param start creates a reader, before any entry is published on a new connection */
  constructor(start: (connection: BrokerConnection) => Promise<LogReader>) {
    this.#start = start;
  }

  /** Begins to read if the connection has no reader. */
  on(connection: BrokerConnection): Promise<LogReader> {
    let reader = this.#readers.get(connection);
    if (!reader) {
      reader = this.#start(connection);
      this.#readers.set(connection, reader);
      const forget = () => this.#readers.get(connection) === reader && this.#readers.delete(connection);
      reader.then((started) => started.failed).catch(forget);
    }
    return reader;
  }

  /** The reader, if there is one. */
  current(connection: BrokerConnection): Promise<LogReader> | undefined {
    return this.#readers.get(connection);
  }

  /** Ends the reading on a connection, unless a caller waits for an entry. */
  async stopIdle(connection: BrokerConnection): Promise<void> {
    const reader = await this.#readers.get(connection);
    if (!reader?.isIdle) return;
    this.#readers.delete(connection);
    reader.stop();
  }
}
