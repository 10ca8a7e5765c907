import type { ChalkInstance } from 'chalk';
import type { Sink, System } from './system.ts';
import { visible, visibleJson } from './visible.ts';

export type Style = Pick<ChalkInstance, 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'>;

const same = ((text: string) => text) as unknown as ChalkInstance;
const plain: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

/** Data goes to standard output, talk to standard error; in JSON mode the talk that would be in the way is left out. */
export class Io {
  readonly json: boolean;
  readonly #out: Sink;
  readonly #err: Sink;
  readonly #colours: boolean;

  constructor(system: System, options: { readonly json: boolean; readonly color: boolean }) {
    this.json = options.json;
    this.#out = system.stdout;
    this.#err = system.stderr;
    this.#colours = options.color && !system.env['NO_COLOR'] && system.env['TERM'] !== 'dumb';
  }

  /** Whether a person sees standard output directly. */
  get terminal(): boolean {
    return this.#out.isTTY === true;
  }

  get width(): number {
    return this.#out.columns ?? 120;
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

  /** One line of talk, safe whatever it quotes. */
  talk(text: string): void {
    try {
      this.#err.write(`${visible(text)}\n`);
    } catch {
      // Nobody can be told that nobody can be told.
    }
  }

  /** Writes over its last state; only a terminal gets to see it. */
  progress(text: string): void {
    if (this.#err.isTTY) this.#err.write(`\r\u001b[K${text}`);
  }

  /** Colours for standard output: none where nobody would see them. */
  async style(): Promise<Style> {
    if (!this.#colours || !this.terminal) return plain;
    const { Chalk } = await import('chalk');
    return new Chalk({ level: 1 });
  }
}
