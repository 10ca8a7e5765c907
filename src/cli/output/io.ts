import type { ChalkInstance } from 'chalk';
import type { AgentqError } from '../../core/errors.ts';
import { colourLevel } from './colour-level.ts';
import { OutputStream } from './output-stream.ts';
import type { System } from '../process/system.ts';
import { proseWidth, terminalWidth } from './layout/terminal-width.ts';
import { visible, visibleJson } from './visible.ts';
import { wrap } from './layout/wrap.ts';

export type Style = Pick<ChalkInstance, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>;

const same = ((text: string) => text) as unknown as ChalkInstance;
export const plainStyle: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

interface IoOptions {
  readonly json: boolean;
  readonly color: boolean;
  readonly runnable: (text: string) => string;
}

/**
 * Data goes to standard output, messages to standard error. In JSON mode, messages that would disturb a program are
 * left out.
 */
export class Io {
  readonly json: boolean;
  /** Adds the given --dir to the commands in a text of agentq, so that they can be run as they are. */
  readonly runnable: (text: string) => string;
  /** What --compact and --fields do to the data. */
  shape: ((value: unknown) => unknown) | undefined;
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  readonly #env: NodeJS.ProcessEnv;
  readonly #color: boolean;
  #listener: ((message: string) => void) | undefined;

  constructor(system: Pick<System, 'stderr' | 'env'>, output: OutputStream, options: IoOptions) {
    this.runnable = options.runnable;
    this.json = options.json;
    this.#out = output;
    this.#err = new OutputStream(system.stderr);
    this.#env = system.env;
    this.#color = options.color;
  }

  /** Whether standard output is a terminal. */
  get terminal(): boolean {
    return this.#out.isTTY;
  }

  /** The columns of a line on standard output; Infinity if it is no terminal. */
  get width(): number {
    return terminalWidth(this.#out, this.#env);
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

  /**
   * Free text of one or more lines. On a terminal they are broken at blanks, and never inside a word.
   * @param hang the indentation of its further lines, in columns
   */
  prose(text: string, hang = 0): void {
    const width = proseWidth(this.#out, this.#env);
    this.line(width === Infinity ? text : text.replace(/.+/g, (line) => wrap(line, width, hang)));
  }

  /** Text without a line end of its own. */
  text(text: string): void {
    this.#out.write(text);
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

  /**
   * One message, with control characters escaped: one line, on a terminal broken at blanks. It is dropped if it cannot
   * be written.
   */
  talk(text: string): void {
    if (this.#listener) return this.#listener(text);
    this.#err.record(`${wrap(visible(text), this.json ? Infinity : proseWidth(this.#err, this.#env), 2)}\n`);
  }

  /** From now on, messages go to the listener: a program that draws the whole screen shows them itself. */
  divert(listener: ((message: string) => void) | undefined): void {
    this.#listener = listener;
  }

  /** A message that names commands. It must not contain text of a task. */
  hint(text: string): void {
    this.talk(this.runnable(text));
  }

  /** Overwrites its last state; printed only on a terminal. */
  progress(text: string): void {
    if (this.#err.isTTY) this.#err.record(`\r\u001b[K${text}`);
  }

  /** Colours for standard output. */
  async style(): Promise<Style> {
    const level = this.#color ? colourLevel(this.#env, this.#out.isTTY) : 0;
    if (level === 0) return plainStyle;
    const { Chalk } = await import('chalk');
    return new Chalk({ level });
  }
}
