import { withDefaults } from '../option-defaults.ts';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import type { TestContext } from 'vitest';
import { main } from '../../src/cli/main.ts';
import type { Sink, System } from '../../src/cli/process/system.ts';

/** The outcome of one command line. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order of writing. */
  readonly output: string;
  /** The bytes of standard output. */
  readonly bytes: Buffer;
  /** Standard output as JSON. */
  json<T = any>(): T;
}

/** A command line that is still running. */
export interface Running {
  readonly done: Promise<Ran>;
  /** Resolves when the command waits and handles signals. */
  readonly listening: Promise<void>;
  /** Sends it a SIGTERM. */
  signal(): void;
  /** What it has printed to both streams until now. */
  output(): string;
}

/** The environment of the program. */
export interface Environment {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string | Buffer;
  /** Whether both output streams are a terminal with this many columns. */
  readonly tty?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** The time at which every test begins. */
export const BEGINNING = Date.parse('2027-03-01T12:00:00.000Z');

class Clock {
  /** The time of the clock, in ms since 1970. */
  now = BEGINNING;
  /** The monotonic time, in ms. */
  passed = 1_000;
  /** The time that passes at each read of the clock, in ms, so that a wait reaches its deadline. */
  drift = 0;
  /** How far each read sets the clock forward or back, in ms. The monotonic time does not change. */
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
  readonly rows?: number;

  readonly #output: string[];

  /** @param output receives the text of both streams */
  constructor({ tty = false, columns = 120, rows = 24 }: Environment, output: string[]) {
    this.#output = output;
    this.isTTY = tty;
    if (!tty) return;
    this.columns = columns;
    this.rows = rows;
  }

  write(data: string | Uint8Array): void {
    const piece = Buffer.from(data);
    this.#pieces.push(piece);
    this.#output.push(piece.toString('utf8'));
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

/** The program in this process, in a new folder, with a clock that stands still. */
export class Shell {
  readonly cwd: string;
  readonly clock: Clock;
  readonly #environment: Environment;

  constructor(cwd: string, clock = new Clock(), environment: Environment = {}) {
    this.cwd = environment.cwd ?? cwd;
    this.clock = clock;
    this.#environment = environment;
  }

  /** The same folder and clock in another environment. The variables in `env` are added to the present ones. */
  with(environment: Environment): Shell {
    const env = { ...this.#environment.env, ...environment.env };
    return new Shell(this.cwd, this.clock, { ...this.#environment, ...environment, env });
  }

  advance(seconds: number): void {
    this.clock.advance(seconds * 1_000);
  }

  start(...args: string[]): Running {
    const { env = {}, stdin = '' } = this.#environment;
    const output: string[] = [];
    const stdout = new Collector(this.#environment, output);
    const stderr = new Collector(this.#environment, output);
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
        output: output.join(''),
        json: () => JSON.parse(bytes.toString('utf8')),
      };
    });
    return {
      done,
      listening: listening.promise,
      signal: () => listeners.forEach((listener) => listener('SIGTERM')),
      output: () => output.join(''),
    };
  }

  run(...args: string[]): Promise<Ran> {
    return this.start(...args).done;
  }

  /** Runs a command that must succeed. @returns its output without the last line end */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  /** Runs a command that must succeed, with --json. */
  async json<T = any>(...args: string[]): Promise<T> {
    return JSON.parse(await this.ok('--json', ...args));
  }

  /** Runs a command that must fail, with --json. @returns its exit code and the error that it printed */
  async refused(
    ...args: string[]
  ): Promise<{ exit: number; code: string; message: string; hint?: string; stdout: string }> {
    const { code, stdout, stderr } = await this.run('--json', ...args);
    if (code === 0) throw new Error(`agentq ${args.join(' ')} was not refused: ${stdout}`);
    const last = stderr.trimEnd().split('\n').at(-1)!;
    if (!last.startsWith('{')) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    return { ...JSON.parse(last).error, exit: code, stdout };
  }

  /** Submits a task with this id, to the role `r` unless `more` names another. */
  async submit(id: string, ...more: string[]): Promise<string> {
    return this.ok('submit', ...withDefaults({ '--to': 'r', '--id': id, '--instructions': `do ${id}` }, more));
  }

  /** Claims for the role `r`. @returns the claim */
  async claim<T = any>(...more: string[]): Promise<T> {
    return this.json('claim', ...withDefaults({ '--as': 'r' }, more));
  }

  task<T = any>(id: string): Promise<T> {
    return this.json('status', id);
  }

  path(...parts: string[]): string {
    return join(this.cwd, ...parts);
  }

  /** Writes a file in the folder. @returns its path */
  write(name: string, content: string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** The files in and below a folder, without the internal files of agentq. */
  files(folder: string): string[] {
    return readdirSync(this.path(folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.agentq-'))
      .map((entry) => relative(this.path(folder), join(entry.parentPath, entry.name)))
      .toSorted();
  }

  /** All evidence files in the store of the workspace. */
  stored(): string[] {
    return ['tasks', 'results', 'artifacts'].flatMap((folder) =>
      this.files(`.agentq/${folder}`).map((file) => `${folder}/${file}`),
    );
  }
}

/** A folder in memory if the system has one, because these tests do not depend on the disk. */
export const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** `bare`: an empty folder. `q`: a folder with a workspace. */
export interface Shells {
  bare: Shell;
  q: Shell;
}

/** Fixtures for `test.extend` of vitest. */
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
