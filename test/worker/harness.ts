import { withDefaults } from '../option-defaults.ts';
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test as base } from 'vitest';
import type { Output, TaskView } from '../../src/cli/output/schemas/outputs.ts';
import { type Ended, outputOf, runInProcess } from './in-process.ts';

/** The built program; AGENTQ_TEST_BIN names another. */
const PROGRAM = process.env['AGENTQ_TEST_BIN'] ?? fileURLToPath(new URL('../../bin/agentq.cjs', import.meta.url));

/** Time limit of every wait, in ms. A loaded machine may stop for seconds. */
const TIME_LIMIT = 60_000;

/**
 * Options of `describe` for tests that mostly wait: they run concurrently. A wait that reaches its time limit can still
 * report what it waited for.
 */
export const CONCURRENT = { concurrent: true, timeout: 2 * TIME_LIMIT } as const;

/** A lease that does not end if the machine stops for a moment. */
export const LEASE = '4s';

/** The default role of tasks and workers. */
export const ROLE = 'r';

/** Shell functions for the scripts of children. $OUT is the folder of the sandbox. */
const PRELUDE = `
  until_there() { tries=0; until [ -e "$OUT/$1" ]; do tries=$((tries + 1)); [ $tries -lt 600 ] || exit 99; sleep 0.05; done; }
`;

export const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Calls `find` until it returns a truthy value. @throws after {@link TIME_LIMIT} */
export async function until<T>(what: string, find: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + TIME_LIMIT; ; await wait(25)) {
    const found = await find();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`the time limit has passed; waited for ${what}`);
  }
}

/** The user that runs a program, as options of Node's spawn. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Another user than the user of the tests, with paths of Node.js and of the program that this user can run. */
export interface As {
  readonly user: User;
  readonly node: string;
  readonly program: string;
}

export type WorkEvent = Output<'work'>;

/** A process of the program. */
export class Program {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #running = true;

  constructor(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv, user?: User) {
    const [file, ...args] = command;
    this.#child = spawn(file!, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], ...user });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.receive(line));
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => {
        this.#running = false;
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  protected receive(line: string): void {
    this.#stdout += `${line}\n`;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** True until the process has ended and all its output was read. */
  get running(): boolean {
    return this.#running;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** A process of `agentq work`. */
export class Worker extends Program {
  /** The events that it has reported so far. */
  readonly events: WorkEvent[] = [];

  protected override receive(line: string): void {
    this.events.push(JSON.parse(line) as WorkEvent);
  }

  /** Resolves when it has reported this event. */
  async reported(event: string, of: Partial<WorkEvent> = {}): Promise<WorkEvent> {
    const matches = (one: WorkEvent) =>
      one.event === event &&
      (of.task_id === undefined || one.task_id === of.task_id) &&
      (of.attempt === undefined || one.attempt === of.attempt);
    return until(`the report "${event}" ${JSON.stringify(of)}`, () => {
      const found = this.events.find(matches);
      if (!found && !this.running) throw new Error(`the worker ended without the report "${event}": ${this.stderr}`);
      return found;
    });
  }

  /** Resolves when it has printed this text on standard error. */
  async printed(text: string): Promise<void> {
    await until(`the worker to print "${text}"`, () => this.stderr.includes(text));
  }

  /** Resolves when it has ended by itself. @throws if its exit code is not 0 */
  async finished(): Promise<void> {
    const ended = await Promise.race([this.ended, wait(TIME_LIMIT)]);
    if (!ended) throw new Error(`the worker has not ended within the time limit: ${this.stderr}`);
    if (ended.code !== 0) throw new Error(`the worker ended with ${ended.code}: ${this.stderr}`);
  }
}

/** A workspace in a temporary folder, with short backoffs, and the processes that were started in it. */
export class Sandbox {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'agentq-worker-')));
  readonly #programs: Program[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #user: User | undefined;
  readonly #command: readonly [node: string, program: string];

  /** @param as the user that runs its programs; the default is the user of the tests */
  constructor(as?: As) {
    this.#user = as?.user;
    this.#command = as ? [as.node, as.program] : [process.execPath, PROGRAM];
    this.#chown(this.folder);
    const [node, program] = this.#command;
    const { PATH = '', HOME, TMPDIR } = process.env;
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'agentq'), `#!/bin/sh\nexec '${node}' '${program}' "$@"\n`);
    chmodSync(join(bin, 'agentq'), 0o755);
    const home = as ? this.folder : HOME;
    this.#env = { PATH: `${bin}${delimiter}${PATH}`, HOME: home, TMPDIR, OUT: this.folder };
  }

  /** Makes the user of the sandbox the owner of the file. */
  #chown(path: string): void {
    if (this.#user) chownSync(path, this.#user.uid, this.#user.gid);
  }

  async init(): Promise<void> {
    mkdirSync(this.path('.agentq'));
    this.#chown(this.path('.agentq'));
    const backoff = { base: '50ms', max: '100ms' };
    this.write('.agentq/config.json', JSON.stringify({ version: 1, defaults: { backoff } }));
    await this.ok('init');
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** @returns its path */
  write(name: string, content: string | Uint8Array = ''): string {
    writeFileSync(this.path(name), content);
    this.#chown(this.path(name));
    return this.path(name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** Waits until a file has this many lines. @returns all its lines */
  async lines(name: string, count = 1): Promise<readonly string[]> {
    return until(`${count} lines in ${name}`, () => {
      const lines = this.has(name) ? this.read(name).split('\n').slice(0, -1) : [];
      return lines.length >= count ? lines : undefined;
    });
  }

  /** Waits until children have written this many process ids to the file `pids`. @returns the ids */
  async processIds(count: number): Promise<readonly number[]> {
    return (await this.lines('pids', count)).map(Number);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** Runs a command to its end. It may fail. */
  agentq(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** Starts a command that the test may kill. */
  start(...args: readonly string[]): Program {
    return this.#start(new Program([...this.#command, ...args], this.folder, this.#env, this.#user));
  }

  /** Starts the built program, with arguments, through another one. */
  startBehind(starter: readonly string[], ...args: readonly string[]): Program {
    return this.#start(new Program([...starter, ...this.#command, ...args], this.folder, this.#env, this.#user));
  }

  /**
   * Runs a command that must succeed, in the process of the test unless another user or program is wanted: what these
   * tests are about are the worker and its children.
   *
   * @returns its output without the last line end
   */
  async ok(...args: readonly string[]): Promise<string> {
    if (this.#user || process.env['AGENTQ_TEST_BIN']) return outputOf(args, await this.agentq(...args));
    return outputOf(args, await runInProcess(args, this.folder, this.#env));
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.ok('--json', ...args)) as T;
  }

  async #show(id: string): Promise<Output<'show'>> {
    return this.json('show', id);
  }

  /** @returns the id */
  submit(...more: readonly string[]): Promise<string> {
    const instructions: Readonly<Record<string, string>> = more.includes('--file') ? {} : { '--instructions': 'do it' };
    return this.ok('submit', ...withDefaults({ '--to': ROLE, ...instructions }, more));
  }

  async task(id: string): Promise<TaskView> {
    return (await this.#show(id)).task;
  }

  /** Waits until the task has ended. @returns the task */
  async ended(id: string): Promise<TaskView> {
    const { stdout, stderr } = await this.agentq('wait', id, '--timeout', `${TIME_LIMIT}ms`, '--json');
    const { done, tasks } = JSON.parse(stdout || '{}') as Partial<Output<'wait'>>;
    if (!done) throw new Error(`${id} has not ended within the time limit: ${stderr}${stdout}`);
    return tasks![0]!;
  }

  /** The verified result. @throws if the evidence has changed */
  result(id: string): Promise<Output<'result'>> {
    return this.json('result', id);
  }

  async history(id: string): Promise<Output<'show'>['events']> {
    return (await this.#show(id)).events;
  }

  /** Starts a worker whose children run a script. */
  work(script: string, ...options: readonly string[]): Worker {
    return this.workWith(['/bin/sh', '-c', PRELUDE + script], ...options);
  }

  /** Starts a worker whose children run this program. */
  workWith(program: readonly string[], ...options: readonly string[]): Worker {
    return this.workBehind([], program, ...options);
  }

  /** Starts a worker through another program, such as `env`. */
  workBehind(starter: readonly string[], program: readonly string[], ...options: readonly string[]): Worker {
    const work = [...this.#command, '--json', 'work', ...withDefaults({ '--as': ROLE }, options), '--', ...program];
    return this.#start(new Worker([...starter, ...work], this.folder, this.#env, this.#user));
  }

  /** Runs a worker until no task is left. */
  async workOff(script: string, ...options: readonly string[]): Promise<Worker> {
    const worker = this.work(script, '--until-empty', ...options);
    await worker.finished();
    return worker;
  }

  /** Resolves when a worker of this name has tried to claim. */
  async present(name: string): Promise<void> {
    await until(`the worker ${name} to claim`, async () => {
      const { roles } = await this.json<Output<'status'>>('status');
      return roles.some(({ workers }) => workers.some(({ worker }) => worker === name));
    });
  }

  #start<P extends Program>(program: P): P {
    this.#programs.push(program);
    return program;
  }

  /** Kills all remaining processes, also those outside their process group and orphans, and removes the folder. */
  async close(): Promise<void> {
    for (const program of this.#programs) if (program.running) program.signal('SIGKILL');
    await until('all processes to be killed', () => {
      const left = processesOf(this.folder);
      for (const pid of left) kill(pid);
      return left.length === 0;
    });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A test with a new sandbox. */
export const test = base.extend('q', async ({ task: _task }, { onCleanup }) => {
  const sandbox = new Sandbox();
  onCleanup(() => sandbox.close());
  await sandbox.init();
  return sandbox;
});

/** Whether the system has /proc. */
export const hasProc = existsSync('/proc/self/environ') && existsSync(`/proc/self/task/${process.pid}/children`);

/** Whether the process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (!hasProc) return true;
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat !== '' && !/\) [ZX] /.test(stat);
}

/** Resolves when all these processes have ended. */
export async function gone(pids: readonly number[]): Promise<void> {
  await until(`the processes ${pids.join(', ')} to end`, () => !pids.some(isAlive));
}

/** The child processes of all threads of a process. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readOrEmpty(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((one) => one !== '')
      .map(Number),
  );
}

/** The processes of a sandbox. Their environment contains its folder. */
function processesOf(folder: string): number[] {
  if (!hasProc) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && readOrEmpty(`/proc/${name}/environ`).includes(`OUT=${folder}\0`))
    .map(Number);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended by itself.
  }
}
