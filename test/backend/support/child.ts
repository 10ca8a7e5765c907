import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

/** How long a child may run, in ms. A child that runs longer is killed, and the test that waits for it fails. */
const LIFETIME = 30_000;

/** A Node.js process that runs a script of the tests and prints lines. It is killed at the end of the test. */
export class Child {
  readonly lines: string[] = [];
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<void>;
  readonly #listeners = new Set<() => void>();
  #errors = '';

  constructor(script: URL, args: readonly string[], lifetime = LIFETIME) {
    this.#process = spawn(process.execPath, [script.pathname, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: lifetime,
      killSignal: 'SIGKILL',
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    const reader = createInterface({ input: this.#process.stdout });
    reader.on('line', (line) => {
      this.lines.push(line);
      for (const listener of this.#listeners) listener();
    });
    this.#ended = Promise.all([once(this.#process, 'close'), once(reader, 'close')]).then(() => undefined);
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  /** Resolves when the child has printed this many lines. @throws if the child ends before */
  async printed(count: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      const check = () => this.lines.length >= count && resolve();
      this.#listeners.add(check);
      check();
    });
    await Promise.race([enough, this.#ended]);
    if (this.lines.length < count) throw new Error(`the child ended too early: ${this.#errors}`);
  }

  /** Kills the child with SIGKILL. Resolves when it has ended and all its output was read. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
    if (this.#process.signalCode !== 'SIGKILL') throw new Error(`the child had ended before: ${this.#errors}`);
  }

  /** Resolves with the printed lines when the child has ended. @throws if the child failed or was killed */
  async output(): Promise<readonly string[]> {
    await this.#ended;
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0) throw new Error(`the child ended with ${exitCode ?? signalCode}: ${this.#errors}`);
    return this.lines;
  }
}
