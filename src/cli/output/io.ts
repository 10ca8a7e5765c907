import type { ChalkInstance } from 'chalk';
import type { AgentqError } from '../../core/errors.ts';
import { OutputStream } from './output-stream.ts';
import type { System } from '../process/system.ts';
import { visible, visibleJson } from './visible.ts';

export type Style = Pick<ChalkInstance, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>;

const same = ((text: string) => text) as unknown as ChalkInstance;
const plain: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

/**
 * Data goes to standard output, messages to standard error. In JSON mode, messages that would disturb a program are
 * left out.
 */
export class Io {
  readonly json: boolean;
  /** What --compact and --fields do to the data. */
  shape: ((value: unknown) => unknown) | undefined;
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  readonly #colours: boolean;

  constructor(system: System, output: OutputStream, options: { readonly json: boolean; readonly color: boolean }) {
    this.json = options.json;
    this.#out = output;
    this.#err = new OutputStream(system.stderr);
    this.#colours = options.color && !system.env['NO_COLOR'] && system.env['TERM'] !== 'dumb';
  }

  /** Whether standard output is a terminal. */
  get terminal(): boolean {
    return this.#out.isTTY;
  }

  get width(): number {
    return this.#out.columns ?? 120;
  }

  /**
   * Whether all data to standard output has been written: false after its reader has gone away or its disk is full. For
   * changes that must not be recorded before their output is written.
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
    this.line(this.#jsonOf(value));
  }

  /**
   * Writes one record of a run that continues even if the write fails.
   * @returns why the write failed; undefined also if the reader has gone away
   */
  record(value: unknown): AgentqError | undefined {
    return this.#out.record(`${this.#jsonOf(value)}\n`);
  }

  #jsonOf(value: unknown): string {
    return visibleJson(JSON.stringify(this.shape ? this.shape(value) : value));
  }

  /** One message line, with control characters escaped. It is dropped if it cannot be written. */
  talk(text: string): void {
    this.#err.record(`${visible(text)}\n`);
  }

  /** Overwrites its last state; printed only on a terminal. */
  progress(text: string): void {
    if (this.#err.isTTY) this.#err.record(`\r\u001b[K${text}`);
  }

  /** Colours for standard output, only on a terminal. */
  async style(): Promise<Style> {
    if (!this.#colours || !this.terminal) return plain;
    const { Chalk } = await import('chalk');
    return new Chalk({ level: 1 });
  }
}
