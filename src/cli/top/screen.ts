import type { WriteStream } from 'node:tty';
import termkit, { type Attributes } from 'terminal-kit';
import { isPlain, type Measure } from '../output/layout/display-width.ts';
import type { Line, Look } from './line.ts';
import type { Size } from './model.ts';

/** The alternate screen, without a cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[2J';
const LEAVE = '\u001b[0m\u001b[?25h\u001b[?1049l';

/**
 * The whole screen of a terminal. It writes only the characters that have changed. {@link leave} restores the terminal;
 * so does the end of the process, unless it is killed with SIGKILL.
 */
export class Screen {
  readonly #output: WriteStream;
  readonly #measure: Measure;
  readonly #colours: boolean;
  readonly #terminal: object;
  #buffer: InstanceType<typeof termkit.ScreenBuffer> | undefined;
  /** The lines in the buffer, each as a text that is the same for equal lines. */
  #shown: string[] = [];
  #entered = false;

  constructor(output: WriteStream, measure: Measure, colours: boolean) {
    this.#output = output;
    this.#measure = measure;
    this.#colours = colours;
    // The codes of its eight colours and its styles are those of all common terminals, whatever TERM is.
    const terminal = termkit.Terminal.create({ generic: 'xterm-256color', stdin: process.stdin, stdout: output });
    terminal.shutdown = true;
    this.#terminal = terminal;
  }

  get size(): Size {
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  enter(): void {
    this.#entered = true;
    this.#buffer = undefined;
    this.#output.on('error', ignore); // the terminal may be gone
    process.prependListener('uncaughtException', this.leave);
    process.on('exit', this.leave);
    this.#output.write(ENTER);
  }

  readonly leave = (): void => {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('uncaughtException', this.leave);
    process.off('exit', this.leave);
    this.#output.write(LEAVE);
  };

  /** @param lines as many as the screen has, none wider than it is */
  draw(lines: readonly Line[]): void {
    if (!this.#entered) return;
    const { columns, rows } = this.size;
    const buffer = (this.#buffer ??= this.#begin({ columns, rows }));
    let changed = false;
    for (const [y, line] of lines.slice(0, rows).entries()) {
      const key = JSON.stringify(line);
      if (key === this.#shown[y]) continue;
      this.#shown[y] = key;
      this.#put(buffer, y, line, columns);
      changed = true;
    }
    if (changed) buffer.draw({ delta: true });
  }

  /** To be called when the size has changed. */
  resized(): void {
    this.#buffer = undefined;
    if (this.#entered) this.#output.write('\u001b[2J');
  }

  #begin({ columns, rows }: Size): InstanceType<typeof termkit.ScreenBuffer> {
    this.#shown = [];
    return new termkit.ScreenBuffer({ dst: this.#terminal, width: columns, height: rows });
  }

  #put(buffer: InstanceType<typeof termkit.ScreenBuffer>, y: number, line: Line, columns: number): void {
    const inverse = line.isMarked === true;
    let x = 0;
    const put = (text: string, look?: Look) => {
      const attr = { ...this.#attributes(look), inverse };
      if (isPlain(text)) {
        buffer.put({ x, y, attr }, text);
        x += text.length;
        return;
      }
      for (const { segment } of new Intl.Segmenter().segment(text)) {
        const width = this.#measure(segment);
        if (width === 0) continue;
        // A cell holds one code point. One that the buffer takes for narrower or wider would move the rest of the line.
        buffer.put({ x, y, attr }, String.fromCodePoint(segment.normalize('NFC').codePointAt(0)!));
        if (buffer.cx !== x + width) buffer.put({ x, y, attr }, '?'.padEnd(width));
        x += width;
      }
    };
    for (const { text, look } of line.spans) put(text, look);
    put(' '.repeat(Math.max(0, columns - x)));
  }

  #attributes(look: Look | undefined): Attributes {
    if (look === undefined) return {};
    if (look === 'bold') return { bold: true };
    if (look === 'dim') return { dim: true };
    return this.#colours ? { color: look } : {};
  }
}

const ignore = (): void => {};
