import type { ChalkInstance } from 'chalk';
import type { AgentqError } from '../../core/errors.ts';
import { OutputStream } from './output-stream.ts';
import type { System } from '../process/system.ts';
import { visible, visibleJson } from './visible.ts';

export type Style = Pick<ChalkInstance, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>;

const same = ((text: string) => text) as unknown as ChalkInstance;
const plain: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

/** Data goes to standard output, talk to standard error; in JSON mode the talk that would be in the way is left out. */
export class Io {
  readonly json: boolean;
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  readonly #colours: boolean;

  constructor(system: System, output: OutputStream, options: { readonly json: boolean; readonly color: boolean }) {
    this.json = options.json;
    this.#out = output;
    this.#err = new OutputStream(system.stderr);
    this.#colours = options.color && !system.env['NO_COLOR'] && system.env['TERM'] !== 'dumb';
  }

  /** Whether a person sees standard output directly. */
  get terminal(): boolean {
    return this.#out.isTTY;
  }

  get width(): number {
    return this.#out.columns ?? 120;
  }

  /**
   * Whether all that was written to standard output has arrived: false once its reader has gone, or its disk is full.
   * For what must not be recorded before it was told.
   */
  get delivered(): boolean {
    return this.#out.delivered;
  }

  line(text: string): void {
    this.#out.write(`${text}\n`);
  }

  bytes(data: Uint8Array): void {
    this.#out.write(data);
  }

  data(value: unknown): void {
    this.line(visibleJson(JSON.stringify(value)));
  }

  /**
   * One record of a run that goes on whether or not it arrives.
   * @returns why it did not arrive; undefined also where the reader has gone
   */
  record(value: unknown): AgentqError | undefined {
    return this.#out.record(`${visibleJson(JSON.stringify(value))}\n`);
  }

  /** One line of talk, safe whatever it quotes. Where it can't be written, it is dropped. */
  talk(text: string): void {
    this.#err.record(`${visible(text)}\n`);
  }

  /** Writes over its last state; only a terminal gets to see it. */
  progress(text: string): void {
    if (this.#err.isTTY) this.#err.record(`\r\u001b[K${text}`);
  }

  /** Colours for standard output: none where nobody would see them. */
  async style(): Promise<Style> {
    if (!this.#colours || !this.terminal) return plain;
    const { Chalk } = await import('chalk');
    return new Chalk({ level: 1 });
  }
}
