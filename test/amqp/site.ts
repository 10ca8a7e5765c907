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
import type { Output, TaskView } from '../../src/cli/output/schemas.ts';
import { withPrefix } from '../backend/support/amqp-harness.ts';
import { onClient } from '../backend/support/on-client.ts';
import { processesWith } from '../broker/marked-processes.ts';
import { Program, until, Worker } from '../worker/harness.ts';

/** The built program; AGENTQ_TEST_BIN names another. */
export const PROGRAM =
  process.env['AGENTQ_TEST_BIN'] ?? fileURLToPath(new URL('../../bin/agentq.cjs', import.meta.url));

/** A command waits for what others bring about no longer than this: these machines may stand still for seconds. */
export const PATIENCE = '40s';

/** For tests of whole processes, several of them at once on two cores: in ms. */
export const SLOW = 120_000;

/** A lease that nobody outlives who is not to. */
export const SHORT_LEASE = '1s';

/** The roles that the coordinator declares. */
export const ROLES = ['r', 's'];

/** What every child's script can use. $OUT is the site's folder. */
const PRELUDE = `
  until_there() { tries=0; until [ -e "$OUT/$1" ]; do tries=$((tries + 1)); [ $tries -lt 1200 ] || exit 99; sleep 0.05; done; }
`;

export interface Ended {
  /** null: it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SiteOptions {
  /** What names begin with on the broker; one of its own where none is given. */
  readonly prefix?: string;
  /** Whether the machines find the broker's URL in their environment. */
  readonly environment?: boolean;
}

/** Machines with one broker and one store in common: each has a workspace of its own, and so a cache of its own. */
export class Site {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'agentq-site-')));
  readonly store = join(this.folder, 'store');
  readonly names: Names;
  /** With the prefix. */
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

  /** A folder, which is no workspace yet. */
  bare(name: string): Machine {
    mkdirSync(this.path(name));
    return new Machine(this, name, this.#env, this.#programs);
  }

  /** A machine with a workspace. The first one declares what they all need. */
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

  /** The lines of a file that others write, once there are so many. */
  async lines(name: string, count = 1): Promise<readonly string[]> {
    return until(`${count} lines in ${name}`, () => {
      const lines = this.has(name) ? this.read(name).split('\n').slice(0, -1) : [];
      return lines.length >= count ? lines : undefined;
    });
  }

  /** Kills whatever still runs, and removes the folder. What was declared stays on the broker. */
  async clear(): Promise<void> {
    for (const program of this.#programs) if (program.running) program.signal('SIGKILL');
    await until('everything to be killed', () => {
      const left = processesWith(`OUT=${this.folder}`);
      for (const line of left) kill(Number.parseInt(line, 10));
      return left.length === 0;
    });
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The same, and removes all that was declared. */
  async close({ roles = ROLES, replyTos = ['results.coordinator'] } = {}): Promise<void> {
    await this.clear();
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

/** What one machine does. */
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

  /** The files of a folder of the workspace; none where it is not there. */
  files(folder: string): readonly string[] {
    const path = this.path('.agentq', folder);
    return existsSync(path) ? readdirSync(path).toSorted() : [];
  }

  start(...args: readonly string[]): Program {
    return this.#start(new Program([process.execPath, PROGRAM, ...args], this.folder, this.#env));
  }

  /** Runs a command to its end, however it ends. */
  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  async code(...args: readonly string[]): Promise<number | null> {
    return (await this.run(...args)).code;
  }

  /** Runs a command that must succeed. @returns what it printed, without the last line end */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout.replace(/\n$/, '');
  }

  async json<T = any>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.ok('--json', ...args)) as T;
  }

  /** Runs a command that must be refused. @returns what it says, and all that it printed */
  async refused(...args: readonly string[]): Promise<Output<'error'>['error'] & { readonly said: string }> {
    const { code, stdout, stderr } = await this.run('--json', ...args);
    if (code === 0) throw new Error(`agentq ${args.join(' ')} was not refused: ${stdout}`);
    const last = stderr.trimEnd().split('\n').at(-1)!;
    if (!last.startsWith('{"error"')) throw new Error(`agentq ${args.join(' ')} ended with ${code}: ${stderr}`);
    const { error } = JSON.parse(last) as Output<'error'>;
    if (error.exit !== code) throw new Error(`agentq ${args.join(' ')} ended with ${code}, and said ${last}`);
    return { ...error, said: stdout + stderr };
  }

  /** Submits to the role `r`. @returns the id */
  submit(id: string, ...more: readonly string[]): Promise<string> {
    return this.ok('submit', '--to', 'r', '--id', id, '--instructions', `do ${id}`, ...more);
  }

  /** Claims for the role `r`, once there is something. */
  claim(...more: readonly string[]): Promise<Output<'claim'>> {
    return this.json('claim', '--as', 'r', '--wait', PATIENCE, ...more);
  }

  async task(id: string): Promise<TaskView> {
    return (await this.json<Output<'show'>>('show', id)).task;
  }

  async events(id: string): Promise<Output<'show'>['events']> {
    return (await this.json<Output<'show'>>('show', id)).events;
  }

  /** Waits for all of them. @returns the exit code */
  wait(...ids: readonly string[]): Promise<number | null> {
    return this.code('wait', ...ids, '--timeout', PATIENCE);
  }

  /** Starts a worker of the role `r` whose children run a script. */
  work(script: string, ...options: readonly string[]): Worker {
    const work = ['--json', 'work', '--as', 'r', ...options, '--', '/bin/sh', '-c', PRELUDE + script];
    return this.#start(new Worker([process.execPath, PROGRAM, ...work], this.folder, this.#env));
  }

  /** Lets a worker do all that is there to do, and ends it. */
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
    // It has ended by itself meanwhile.
  }
}
