import { customAlphabet } from 'nanoid/non-secure';
import * as z from 'zod/mini';
import { brokerPolicy, type Config } from '../app/workspace/config.ts';
import type { BackupServices } from '../app/backup/backup.ts';
import type { Services } from '../app/workspace/services.ts';
import { waitingInOutbox } from '../app/outbox/outbox.ts';
import { findWorkspace, type Workspace } from '../app/workspace/workspace.ts';
import { FsStore } from '../artifacts/fs/fs-store.ts';
import {
  createBackend,
  declareTopology,
  openArchive,
  openBackend,
  plannedTopology,
  removeTopology,
} from '../backend/open.ts';
import type { BackendOptions, BrokerOptions, BrokerReport, TopologyWish } from '../backend/options.ts';
import { AgentqError, isAway } from '../core/errors.ts';
import { name } from '../core/identifiers.ts';
import { inputError } from '../core/issue.ts';
import { refuseSecret } from '../core/secrets/find-secret.ts';
import { count, duration, parseFlags } from './input/flags.ts';
import type { GlobalOptions } from './input/global-options.ts';
import { Io } from './output/io.ts';
import type { OutputStream } from './output/output-stream.ts';
import type { System } from './process/system.ts';

export type { TopologyWish } from '../backend/options.ts';

/**
 * Letters and digits that nobody takes for one another, 59 bits of them. Not the secure generator: an id is no
 * secret, a clash is noticed, and to load OpenSSL costs every call 4 ms.
 */
const freshId = customAlphabet('23456789abcdefghjkmnpqrstuvwxyz', 12);

/** What a command is given: where to write, who speaks, and the queue, opened when it is first asked for. */
export class Context {
  readonly system: System;
  readonly output: OutputStream;
  readonly io: Io;
  readonly #options: GlobalOptions;
  #services: Services | undefined;

  constructor(system: System, output: OutputStream, options: GlobalOptions) {
    this.system = system;
    this.output = output;
    this.#options = options;
    this.io = new Io(system, output, { json: options.json ?? false, color: options.color !== false });
  }

  #environment<T extends z.ZodMiniType>(variable: string, schema: () => T): z.output<T> | undefined {
    const value = this.system.env[variable];
    if (value === undefined || value === '') return undefined;
    const parsed = schema().safeParse(value);
    if (parsed.success) return parsed.data;
    throw inputError(parsed.error, () => variable, variable);
  }

  /** `--dir`, else AGENTQ_DIR. */
  get namedDir(): string | undefined {
    return this.#options.dir ?? this.#environment('AGENTQ_DIR', z.string);
  }

  /** `--from`, else AGENTQ_AGENT. */
  identity(named: string | undefined): string | undefined {
    return named ?? this.#environment('AGENTQ_AGENT', () => name('agent name'));
  }

  /**
   * The same for a name that the log is to keep.
   * @throws AgentqError `secret` where it seems to hold a credential
   */
  async author(named: string | undefined): Promise<string | undefined> {
    const identity = this.identity(named);
    await refuseSecret(identity, 'the agent name');
    return identity;
  }

  /**
   * The task that a worker's command is about, and the attempt that speaks: what the command line says, else what
   * the runner set for its child.
   * @throws AgentqError `usage` where neither names a task
   */
  spokenOf(
    id: string | undefined,
    attempt: number | undefined,
  ): { readonly id: string; readonly attempt: number | undefined } {
    const inherited = this.system.env['AGENTQ_TASK_ID'];
    const chosen = id ?? this.#environment('AGENTQ_TASK_ID', () => name('task id'));
    if (chosen === undefined) throw new AgentqError('usage', 'no task is named', 'give its id, or set AGENTQ_TASK_ID');
    if (attempt !== undefined || chosen !== inherited) return { id: chosen, attempt };
    return { id: chosen, attempt: this.#environment('AGENTQ_ATTEMPT', count) };
  }

  /** `--url` alone: what is said on the command line of init is kept. */
  get urlOption(): string | undefined {
    return this.#options.url;
  }

  /** `--url`, else AGENTQ_URL. */
  get namedUrl(): string | undefined {
    return this.#options.url ?? this.#environment('AGENTQ_URL', z.string);
  }

  /** `--broker-timeout`, in ms. */
  get #brokerTimeout(): number | undefined {
    const { brokerTimeout } = this.#options;
    return brokerTimeout === undefined
      ? undefined
      : parseFlags(z.object({ brokerTimeout: duration() }), { brokerTimeout }).brokerTimeout;
  }

  /** Where the queue lies on a broker; undefined where it lies in the workspace. */
  #broker(config: Config, refOf = (path: string) => path): BrokerOptions | undefined {
    const url = this.namedUrl ?? config.url;
    if (url === undefined) return undefined;
    const { replicated, timeout, tokenGrace, retention } = brokerPolicy(config);
    return {
      url,
      patience: this.#brokerTimeout ?? timeout,
      say: (line) => this.io.talk(`agentq: ${line}`),
      refOf,
      replicated,
      tokenGrace,
      retention,
    };
  }

  /** Declares on the broker what a workspace of this config needs there. @returns undefined where it needs none */
  async declareTopology(config: Config, topology: TopologyWish): Promise<BrokerReport | undefined> {
    const broker = this.#broker(config);
    return broker && declareTopology(broker, this.system, topology);
  }

  /** Removes it again, with everything in it. */
  async removeTopology(config: Config, topology: TopologyWish): Promise<void> {
    const broker = this.#broker(config);
    if (broker) await removeTopology(broker, this.system, topology);
  }

  /** What would be declared on the named broker. */
  plannedTopology(config: Config, topology: TopologyWish, as: 'topology' | 'definitions'): Promise<object> {
    const broker = this.#broker(config);
    if (!broker) throw new AgentqError('usage', 'there is no broker to plan for', 'give --url amqp://…');
    return plannedTopology(broker, topology, as);
  }

  /**
   * Sees to it that the workspace has its store: makes what is missing of it, and marks it.
   * @param isNew whether the workspace has recorded nothing yet
   * @returns whether the store is marked; one of an older version is so where evidence that was recorded lies there
   * @throws AgentqError `storage` where another store lies there, or none
   */
  async settleStore(workspace: Workspace, isNew: boolean): Promise<boolean> {
    const { findStore, takeStore } = await import('../app/evidence/workspace-store.ts');
    const store = storeOf(workspace);
    const { storeId } = workspace;
    if (storeId === undefined ? !isNew : store.identity() !== storeId)
      return await findStore(await this.services(), freshId());
    takeStore(workspace, store, freshId());
    return true;
  }

  /**
   * What backups are made of and restored to. The queue need not be there, or be whole.
   * @throws AgentqError `no-workspace`, or `usage` where the queue lies on a broker
   */
  async backupServices(): Promise<BackupServices> {
    const workspace = findWorkspace(this.namedDir, this.system);
    const archive = await openArchive(this.#backendOptions(workspace));
    const { file, folder } = workspace.modes;
    const storeIn = (dir: string) => new FsStore(dir, file, folder);
    return { workspace, archive, store: storeOf(workspace), storeIn, clock: this.system.clock };
  }

  /** Makes what the workspace's backend needs. @returns whether anything was made */
  createBackend(workspace: Workspace): Promise<{ readonly created: boolean }> {
    return createBackend(this.#backendOptions(workspace));
  }

  #backendOptions(workspace: Workspace): BackendOptions {
    const { clock, random } = this.system;
    const { dir, modes, config } = workspace;
    const broker = this.#broker(config, (path) => storeOf(workspace).refOf(path));
    return { dir, fileMode: modes.file, folderMode: modes.folder, clock, random, broker };
  }

  /** @throws AgentqError `no-workspace`, and whatever the store has to say */
  async services(): Promise<Services> {
    if (this.#services) return this.#services;
    const workspace = findWorkspace(this.namedDir, this.system);
    const store = storeOf(workspace);
    const backend = await openBackend(this.#backendOptions(workspace));
    const { clock, monotonic } = this.system;
    const newId = () => `task-${freshId()}`;
    this.#services = { workspace, store, backend, clock, monotonic, newId };
    if (this.#broker(workspace.config)) await this.#flushOutbox(this.#services);
    return this.#services;
  }

  /** What was said while the broker was away goes before what is said now. */
  async #flushOutbox({ workspace, backend }: Services): Promise<void> {
    if (waitingInOutbox(workspace).length === 0) return;
    const { flushOutbox } = await import('../app/outbox/flush-outbox.ts');
    try {
      await flushOutbox(workspace, backend, (line) => this.io.talk(`agentq: ${line}`));
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }

  /** @param ending whether the process ends with the command */
  async close(ending: boolean): Promise<void> {
    const backend = this.#services?.backend;
    await (ending ? backend?.leave() : backend?.close());
  }
}

function storeOf({ storeDir, modes, storeId }: Workspace): FsStore {
  return new FsStore(storeDir, modes.file, modes.folder, storeId);
}
