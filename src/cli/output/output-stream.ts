import type { AgentqError } from '../../core/errors.ts';
import { OutputClosed, type Sink } from '../process/system.ts';

/**
 * An output of one command. A write never throws: the command does its work and ends with its own exit code, even if
 * its output cannot be written. This class records the failure.
 */
export class OutputStream implements Sink {
  readonly #sink: Sink;
  #closed = false;
  #failure: AgentqError | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Writes, unless an earlier write failed: output after a gap is useless. */
  write(data: string | Uint8Array): void {
    if (this.delivered) this.#failure = this.#attempt(data);
  }

  /**
   * Writes one record of a long run, also after an earlier one failed: a disk may have room again. The caller must
   * report a failure; it does not change the exit code.
   * @returns why the write failed; undefined if it succeeded or the reader has gone away
   */
  record(line: string): AgentqError | undefined {
    return this.#attempt(line);
  }

  /** Whether all writes have succeeded. */
  get delivered(): boolean {
    return !this.#closed && this.#failure === undefined;
  }

  /** Why output was lost; undefined if the reader has gone away, because that is not an error. */
  get failure(): AgentqError | undefined {
    return this.#failure;
  }

  get isTTY(): boolean {
    return this.#sink.isTTY === true;
  }

  get columns(): number | undefined {
    return this.#sink.columns;
  }

  #attempt(data: string | Uint8Array): AgentqError | undefined {
    if (this.#closed) return undefined;
    try {
      this.#sink.write(data);
      return undefined;
    } catch (error) {
      if (!(error instanceof OutputClosed)) return error as AgentqError;
      this.#closed = true;
      return undefined;
    }
  }
}
