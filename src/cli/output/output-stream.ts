import type { AgentqError } from '../../core/errors.ts';
import { OutputClosed, type Sink } from '../process/system.ts';

/**
 * An output of one command. A write never throws: the command does its work and ends with its own exit code, whether
 * or not its output arrives. What could not be written is remembered here.
 */
export class OutputStream implements Sink {
  readonly #sink: Sink;
  #closed = false;
  #failure: AgentqError | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Writes, unless an earlier write failed: what follows a gap is of no use. */
  write(data: string | Uint8Array): void {
    if (this.delivered) this.#failure = this.#attempt(data);
  }

  /**
   * Writes one record of a long run, also after an earlier one failed: a disk may have room again. A failure is the
   * caller's to tell; the exit code does not tell it.
   * @returns why the record did not arrive; undefined where it did, or where the reader has gone
   */
  record(line: string): AgentqError | undefined {
    return this.#attempt(line);
  }

  /** Whether all that was written has arrived. */
  get delivered(): boolean {
    return !this.#closed && this.#failure === undefined;
  }

  /** Why output was lost; undefined where the reader has gone, which is its own choice. */
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
