import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { Sink, System } from '../../src/cli/process/system.ts';

/** What one command line did. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as it left the program. */
  readonly bytes: Buffer;
  /** Standard output as JSON. */
  json<T = any>(): T;
}

/** A command line that is still running. */
export interface Running {
  readonly done: Promise<Ran>;
  /** Resolves when the command waits, and hears signals. */
  readonly listening: Promise<void>;
  /** Sends it a SIGTERM. */
  signal(): void;
}

/** What the process around the program is like. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Whether both output streams are a terminal, of so many columns. */
  readonly tty?: boolean;
  readonly columns?: number;
}

/** The time that every test begins at. */
export const BEGINNING = Date.parse('2027-03-01T12:00:00.000Z');

class Clock {
  /** What it shows, ms since 1970. */
  now = BEGINNING;
  /** How much time has passed, in ms. */
  passed = 1_000;
  /** How much time passes at each look, in ms: so that what waits for a deadline comes to it. */
  drift = 0;
  /** By how much each look finds it set forward, or back, in ms: no time passes with that. */
  skew = 0;
  readonly read = (): number => {
    this.#pass();
    return this.now;
  };
  readonly monotonic = (): number => {
    this.#pass();
    return this.passed;
  };

  #pass(): void {
    this.advance(this.drift);
    this.now += this.skew;
  }

  advance(ms: number): void {
    this.now += ms;
    this.passed += ms;
  }
}

class Collector implements Sink {
  readonly #pieces: Buffer[] = [];
  readonly isTTY: boolean;
  readonly columns?: number;

  constructor({ tty = false, columns = 120 }: Surroundings) {
    this.isTTY = tty;
    if (tty) this.columns = columns;
  }

  write(data: string | Uint8Array): void {
    this.#pieces.push(Buffer.from(data));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** The program in this process, in a folder of its own, with a clock that stands still. */
export class Shell {
  readonly cwd: string;
  readonly clock: Clock;
  readonly #around: Surroundings;

  constructor(cwd: string, clock = new Clock(), around: Surroundings = {}) {
    this.cwd = around.cwd ?? cwd;
    this.clock = clock;
    this.#around = around;
  }

  /** The same folder and clock in other surroundings; `env` is added to. */
  with(around: Surroundings): Shell {
    const env = { ...this.#around.env, ...around.env };
    return new Shell(this.cwd, this.clock, { ...this.#around, ...around, env });
  }

  advance(seconds: number): void {
    this.clock.advance(seconds * 1_000);
  }

  start(...args: string[]): Running {
    const { env = {}, stdin = '' } = this.#around;
    const stdout = new Collector(this.#around);
    const stderr = new Collector(this.#around);
    const listeners = new Set<(signal: NodeJS.Signals) => void>();
    const listening = Promise.withResolvers<void>();
    const system: System = {
      args,
      env,
      cwd: this.cwd,
      stdin: Readable.from([Buffer.from(stdin)]),
      stdout,
      stderr,
      hostname: () => 'host',
      clockId: () => 'clock',
      pid: 4711,
      clock: this.clock.read,
      monotonic: this.clock.monotonic,
      random: () => 0.5,
      endsProcess: false,
      onSignal(listener) {
        listeners.add(listener);
        listening.resolve();
        return () => listeners.delete(listener);
      },
    };
    const done = main(system).then((code): Ran => {
      const bytes = stdout.bytes;
      return {
        code,
        bytes,
        stdout: bytes.toString('utf8'),
        stderr: stderr.bytes.toString('utf8'),
        json: () => JSON.parse(bytes.toString('utf8')),
      };
    });
    return { done, listening: listening.promise, signal: () => listeners.forEach((listener) => listener('SIGTERM')) };
  }

  run(...args: string[]): Promise<Ran> {
    return this.start(...args).done;
  }

  /** Runs what must succeed. @returns what it printed, without the last line end */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** Runs what must succeed, with --json. */
  async json<T = any>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok('--json', ...args));
  }

  /** Runs what must be refused, with --json. @returns its code and the error that it printed */
  async refused(
    ...args: string[]
  ): Promise<{ exit: number; code: string; message: string; hint?: string; stdout: string }> {
    const { code, stdout, stderr } = await this.run('--json', ...args);
    if (code === 0) throw new Error(`agentq ${args.join(' ')} was not refused: ${stdout}`);
    const last = stderr.trimEnd().split('\n').at(-1)!;
    if (!last.startsWith('{')) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    return { ...JSON.parse(last).error, exit: code, stdout };
  }

  /** Submits a task of the id to the role `r`. */
  async submit(id: string, ...more: string[]): Promise<string> {
    return this.ok('submit', '--to', 'r', '--id', id, '--instructions', `do ${id}`, ...more);
  }

  /** Claims for the role `r`. @returns the claim */
  async claim<T = any>(...more: string[]): Promise<T> {
    return this.json('claim', '--as', 'r', ...more);
  }

  task<T = any>(id: string): Promise<T> {
    return this.json('status', id);
  }

  path(...parts: string[]): string {
    return join(this.cwd, ...parts);
  }

  /** Writes a file of the folder. @returns its path */
  write(name: string, content: string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** The files of a folder, and below it, without those that agentq keeps for itself. */
  files(folder: string): string[] {
    return readdirSync(this.path(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.agentq-'))
      .map((entry) => relative(this.path(folder), join(entry.parentPath, entry.name)))
      .toSorted();
  }

  /** All the evidence in the workspace's own store. */
  stored(): string[] {
    return ['tasks', 'results', 'artifacts'].flatMap((folder) =>
      this.files(`.agentq/${folder}`).map((file) => `${folder}/${file}`),
    );
  }
}

/** In memory where the system has such a place: a test cares for what a command does, and not for the disk. */
export const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** `bare`: an empty folder. `q`: a folder with a workspace. */
export interface Shells {
  bare: Shell;
  q: Shell;
}

/** For `test.extend` of vitest. */
export const fixtures = {
  async bare({ onTestFinished }: TestContext, use: (shell: Shell) => Promise<void>): Promise<void> {
    const folder = realpathSync(mkdtempSync(join(SCRATCH, 'agentq-cli-')));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await use(new Shell(folder));
  },
  async q({ bare }: Pick<Shells, 'bare'>, use: (shell: Shell) => Promise<void>): Promise<void> {
    await bare.ok('init');
    await use(bare);
  },
};
