import { withDefaults } from '../option-defaults.ts';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
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
import { fileURLToPath } from 'node:url';
import { remove } from '../../src/backend/amqp/topology/declare.ts';
import { Names } from '../../src/backend/amqp/wire/names.ts';
import { topologyOf } from '../../src/backend/amqp/topology/topology.ts';
import type { Output, TaskView } from '../../src/cli/output/schemas/outputs.ts';
import { withPrefix } from '../backend/support/amqp-harness.ts';
import { onClient } from '../backend/support/on-client.ts';
import { otherBroker } from '../broker/shared-broker.ts';
import { processesWith } from '../broker/marked-processes.ts';
import { Program, until, Worker } from '../worker/harness.ts';

/** The built program; AGENTQ_TEST_BIN names another. */
export const PROGRAM =
  process.env['AGENTQ_TEST_BIN'] ?? fileURLToPath(new URL('../../bin/agentq.cjs', import.meta.url));

/** The longest wait of a command for other processes. A loaded machine may stop for seconds. */
export const TIME_LIMIT = '40s';

/** Time limit in ms of tests with several processes on two cores. */
export const SLOW = 120_000;

/** A lease that ends soon. */
export const SHORT_LEASE = '1s';

/** The roles that the coordinator declares. */
export const ROLES = ['r', 's'];

/** Shell functions for the scripts of children. $OUT is the folder of the site. */
const PRELUDE = `
  until_there() { tries=0; until [ -e "$OUT/$1" ]; do tries=$((tries + 1)); [ $tries -lt 1200 ] || exit 99; sleep 0.05; done; }
`;

export interface Ended {
  /** null: the process was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SiteOptions {
  /** The prefix of all names on the broker. The default is a random one. */
  readonly prefix?: string;
  /** Whether the environment of the machines contains the URL of the broker. */
  readonly environment?: boolean;
}

/** Machines that share one broker and one store. Each has its own workspace and its own cache. */
export class Site {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'agentq-site-')));
  readonly store = join(this.folder, 'store');
  readonly names: Names;
  /** The URL of the broker with the prefix. */
  readonly url: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #programs: Program[] = [];

  constructor(broker: string, { prefix, environment = true }: SiteOptions = {}) {
    this.names = new Names(prefix ?? `s${randomBytes(6).toString('hex')}`);
    this.url = withPrefix(broker, this.names.prefix);
    const { PATH = '', HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env;
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'agentq'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
    chmodSync(join(bin, 'agentq'), 0o755);
    this.#env = {
      PATH: `${bin}${delimiter}${PATH}`,
      HOME,
      TMPDIR,
      NODE_COMPILE_CACHE,
      OUT: this.folder,
      ...(environment && { AGENTQ_URL: this.url }),
    };
  }

  /** A machine without a workspace. */
  bare(name: string): Machine {
    mkdirSync(this.path(name));
    return new Machine(this, name, this.#env, this.#programs);
  }

  /** A machine with a workspace. The first one declares the topology. */
  async machine(name: string, ...options: readonly string[]): Promise<Machine> {
    const machine = this.bare(name);
    await machine.ok('init', '--store', this.store, '--workers', ROLES.join(), ...options);
    machine.configure({ defaults: { backoff: { base: '50ms', max: '100ms' } } });
    return machine;
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, content: string | Uint8Array = ''): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** Waits until a file has this many lines. @returns all its lines */
  async lines(name: string, count = 1): Promise<readonly string[]> {
    return until(`${count} lines in ${name}`, () => {
      const lines = this.has(name) ? this.read(name).split('\n').slice(0, -1) : [];
      return lines.length >= count ? lines : undefined;
    });
  }

  /** Kills all remaining processes and removes the folder. The topology stays on the broker. */
  async clear(): Promise<void> {
    for (const program of this.#programs) if (program.running) program.signal('SIGKILL');
    await until('all processes to be killed', () => {
      const left = processesWith(`OUT=${this.folder}`);
      for (const line of left) kill(Number.parseInt(line, 10));
      return left.length === 0;
    });
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The same, and removes the topology from a broker that outlives the test run. */
  async close({ roles = ROLES, replyTos = ['results.coordinator'] } = {}): Promise<void> {
    await this.clear();
    if (otherBroker === undefined) return;
    const topology = topologyOf({
      names: this.names,
      roles,
      replyTos,
      replicated: false,
      retention: { days: 1, bytes: 1e9 },
    });
    await onClient(this.url, (link) => remove(link, topology));
  }
}

/** One machine of a site. */
export class Machine {
  readonly site: Site;
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #programs: Program[];

  constructor(site: Site, name: string, env: NodeJS.ProcessEnv, programs: Program[]) {
    this.site = site;
    this.folder = site.path(name);
    this.#env = env;
    this.#programs = programs;
  }

  /** The same machine with other variables. */
  with(env: NodeJS.ProcessEnv): Machine {
    return new Machine(
      this.site,
      this.folder.slice(this.site.folder.length + 1),
      { ...this.#env, ...env },
      this.#programs,
    );
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** Adds to the config of the workspace. */
  configure(more: object): void {
    const file = this.path('.agentq', 'config.json');
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...more }));
  }

  /** The files of a folder of the workspace; none if the folder does not exist. */
  files(folder: string): readonly string[] {
    const path = this.path('.agentq', folder);
    return existsSync(path) ? readdirSync(path).toSorted() : [];
  }

  start(...args: readonly string[]): Program {
    return this.#start(new Program([process.execPath, PROGRAM, ...args], this.folder, this.#env));
  }

  /** Runs a command to its end. It may fail. */
  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  async code(...args: readonly string[]): Promise<number | null> {
    return (await this.run(...args)).code;
  }

  /** Runs a command that must succeed. @returns its output without the last line end */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  async json<T = any>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.ok('--json', ...args)) as T;
  }

  /** Runs a command that must fail. @returns the error, and all output */
  async refused(...args: readonly string[]): Promise<Output<'error'>['error'] & { readonly output: string }> {
    const { code, stdout, stderr } = await this.run('--json', ...args);
    if (code === 0) throw new Error(`agentq ${args.join(' ')} was not refused: ${stdout}`);
    const last = stderr.trimEnd().split('\n').at(-1)!;
    if (!last.startsWith('{"error"')) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    const { error } = JSON.parse(last) as Output<'error'>;
    if (error.exit !== code) throw new Error(`agentq ${args.join(' ')} ended with ${code}, and printed ${last}`);
    return { ...error, output: stdout + stderr };
  }

  /** Submits to the role `r`. @returns the id */
  submit(id: string, ...more: readonly string[]): Promise<string> {
    return this.ok('submit', ...withDefaults({ '--to': 'r', '--id': id, '--instructions': `do ${id}` }, more));
  }

  /** Waits for a task of the role `r` and claims it. */
  claim(...more: readonly string[]): Promise<Output<'claim'>> {
    return this.json('claim', ...withDefaults({ '--as': 'r', '--wait': TIME_LIMIT }, more));
  }

  async task(id: string): Promise<TaskView> {
    return (await this.json<Output<'show'>>('show', id)).task;
  }

  async events(id: string): Promise<Output<'show'>['events']> {
    return (await this.json<Output<'show'>>('show', id)).events;
  }

  /** Waits for all these tasks. @returns the exit code */
  wait(...ids: readonly string[]): Promise<number | null> {
    return this.code('wait', ...ids, '--timeout', TIME_LIMIT);
  }

  /** Starts a worker of the role `r` whose children run a script. */
  work(script: string, ...options: readonly string[]): Worker {
    const work = ['--json', 'work', ...withDefaults({ '--as': 'r' }, options), '--', '/bin/sh', '-c', PRELUDE + script];
    return this.#start(new Worker([process.execPath, PROGRAM, ...work], this.folder, this.#env));
  }

  /** Runs a worker until no task is left. */
  async workOff(script: string, ...options: readonly string[]): Promise<Worker> {
    const worker = this.work(script, '--until-empty', ...options);
    await worker.finished();
    return worker;
  }

  #start<P extends Program>(program: P): P {
    this.#programs.push(program);
    return program;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended by itself.
  }
}
