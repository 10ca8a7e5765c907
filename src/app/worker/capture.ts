import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** How much of the end of a log is searched for a reason, in bytes. */
const TAIL = 4_096;

/** The longest reason that is taken from a log, in characters. */
const LONGEST = 200;

/**
 * Keeps what a child says: both its streams in the log, its standard output also by itself, since that is the
 * result of a child that writes no result file. Files, not memory: a child may say much.
 */
export class Capture {
  readonly #log: number;
  readonly #stdout: number;
  readonly stdoutFile: string;
  #said = 0;

  constructor(logFile: string, stdoutFile: string, mode: number) {
    this.stdoutFile = stdoutFile;
    this.#log = openSync(logFile, 'a+', mode);
    this.#stdout = openSync(stdoutFile, 'w', mode);
  }

  /** For the child's standard error, which goes into the log without passing through here. */
  get log(): number {
    return this.#log;
  }

  /** Whether the child said anything on its standard output. */
  get spoke(): boolean {
    return this.#said > 0;
  }

  /** Resolves when the stream has ended, or `grace` ms after `exit`: a grandchild may hold the pipe open for ever. */
  async follow(stream: Readable, exit: Promise<unknown>, grace = 1_000): Promise<void> {
    stream.on('data', (chunk: Buffer) => {
      writeSync(this.#log, chunk);
      writeSync(this.#stdout, chunk);
      this.#said += chunk.length;
    });
    const ended = new Promise<void>((resolve) => stream.once('close', resolve));
    let timer: NodeJS.Timeout | undefined;
    const patience = exit.then(() => new Promise<void>((resolve) => (timer = setTimeout(resolve, grace))));
    await Promise.race([ended, patience]);
    clearTimeout(timer);
    stream.destroy();
  }

  /** The line of the log's end that says why: the last one that speaks of an error, else the last one. */
  complaint(): string | undefined {
    const tail = Buffer.alloc(TAIL);
    const { size } = fstatSync(this.#log);
    const read = readSync(this.#log, tail, 0, TAIL, Math.max(0, size - TAIL));
    const lines = tail
      .toString('utf8', 0, read)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const line = lines.findLast((one) => /error|exception|fatal|panic|fail|cannot|denied/i.test(one)) ?? lines.at(-1);
    return line?.slice(0, LONGEST);
  }

  close(): void {
    closeSync(this.#log);
    closeSync(this.#stdout);
    rmSync(this.stdoutFile, { force: true });
  }
}
