import { customAlphabet } from 'nanoid/non-secure';
import * as z from 'zod/mini';
import type { Config } from '../app/workspace/config.ts';
import type { BackupServices } from '../app/backup/backup.ts';
import type { Services } from '../app/workspace/services.ts';
import { waitingInOutbox } from '../app/outbox/outbox.ts';
import { findWorkspace, type Workspace } from '../app/workspace/workspace.ts';
import { FsStore } from '../artifacts/fs/fs-store.ts';
import type { Glance } from '../backend/glance.ts';
import { createBackend, openArchive, openBackend, openGlance, openTopology } from '../backend/open.ts';
import type { BackendOptions, QueueOptions } from '../backend/options.ts';
import type { SnapshotFiles } from '../backend/snapshot-files.ts';
import type { Topology } from '../backend/topology.ts';
import { AgentqError, isAway } from '../core/errors.ts';
import { ME, name } from '../core/identifiers.ts';
import { inputError } from '../core/issue.ts';
import { refuseSecret } from '../core/secrets/find-secret.ts';
import { count, duration, parseFlags } from './input/flags.ts';
import { type GlobalOptions, printsJson } from './input/global-options.ts';
import { Io } from './output/io.ts';
import type { Called } from './output/shape/output-of.ts';
import { OutputStream } from './output/output-stream.ts';
import type { Sink, System } from './process/system.ts';
import { queueOptions } from './queue-options.ts';

/**
 * Creates ids of 59 bits from letters and digits that look different from each other. It does not use the secure
 * generator: an id is not a secret, a collision is noticed, and loading OpenSSL costs every call 4 ms.
 */
const freshId = customAlphabet('23456789abcdefghjkmnpqrstuvwxyz', 12);

/** The context of a command: its output, the identity of the caller, and the queue, which is opened on first use. */
export class Context {
  readonly system: System;
  readonly output: OutputStream;
  readonly io: Io;
  readonly #options: GlobalOptions;
  readonly #runnable: (text: string) => string;
  #services: Services | undefined;

  /** @param repeatDir adds a given --dir to the commands in a text */
  constructor(
    system: System,
    output: OutputStream,
    options: GlobalOptions,
    repeatDir = (text: string, _dir: string | undefined): string => text,
  ) {
    this.system = system;
    this.output = output;
    this.#options = options;
    this.#runnable = (text) => repeatDir(text, options.dir);
    this.io = this.#io(system, output);
  }

  #io(system: Pick<System, 'stderr' | 'env'>, output: OutputStream): Io {
    const { color } = this.#options;
    const runnable = this.#runnable;
    return new Io(system, output, { json: printsJson(this.#options), color: color !== false, runnable });
  }

  /** An output that writes data and messages to one sink, in their order. */
  ioTo(sink: Sink): Io {
    return this.#io({ stderr: sink, env: this.system.env }, new OutputStream(sink));
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

  /**
   * `--from`, else AGENTQ_AGENT.
   * @throws AgentqError `usage` if AGENTQ_AGENT is `me`
   */
  identity(named: string | undefined): string | undefined {
    const known = named ?? this.#environment('AGENTQ_AGENT', () => name('agent name'));
    if (known === ME) throw new AgentqError('usage', 'AGENTQ_AGENT=me is no name', 'me stands for the name in it');
    return known;
  }

  newNoteId(): string {
    return `note-${freshId(6)}`;
  }

  /**
   * The same for a name that is recorded in the log.
   * @throws AgentqError `secret` if it seems to contain a credential
   */
  async author(named: string | undefined): Promise<string | undefined> {
    const identity = this.identity(named);
    await refuseSecret(identity, 'the agent name');
    return identity;
  }

  /**
   * The task and the attempt of a worker's command: from the command line, or else from the environment that the runner
   * gave to its child.
   * @throws AgentqError `usage` if neither names a task
   */
  taskAndAttempt(
    id: string | undefined,
    attempt: number | undefined,
  ): { readonly id: string; readonly attempt: number | undefined } {
    const inherited = this.system.env['AGENTQ_TASK_ID'];
    const chosen = id ?? this.#environment('AGENTQ_TASK_ID', () => name('task id'));
    if (chosen === undefined) throw new AgentqError('usage', 'no task is named', 'give its id, or set AGENTQ_TASK_ID');
    if (attempt !== undefined || chosen !== inherited) return { id: chosen, attempt };
    return { id: chosen, attempt: this.#environment('AGENTQ_ATTEMPT', count) };
  }

  /** Only `--url`: init saves the URL of its command line. */
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

  #queue(config: Config, refOf = (path: string) => path, snapshots?: () => Promise<SnapshotFiles>): QueueOptions {
    const say = (line: string) => this.io.talk(`agentq: ${line}`);
    const machine = () => ({ name: this.system.hostname(), clock: this.system.clockId() });
    return queueOptions(this.namedUrl ?? config.url, config, {
      timeout: this.#brokerTimeout,
      say,
      refOf,
      machine,
      snapshots,
    });
  }

  /** What must be declared for the queue of a workspace with this config. Undefined if that is nothing. */
  topology(config: Config): Promise<Topology | undefined> {
    return openTopology(this.#queue(config), this.system);
  }

  /**
   * Makes sure that the workspace has its store: creates missing parts and marks it.
   * @param isNew whether the workspace has recorded nothing yet
   * @returns whether the store is marked; a store of an older version is marked if it contains recorded evidence
   * @throws AgentqError `storage` if another store or no store is there
   */
  async settleStore(workspace: Workspace, isNew: boolean): Promise<boolean> {
    const { findStore, takeStore } = await import('../app/evidence/workspace-store.ts');
    const store = storeOf(workspace);
    const { storeId } = workspace;
    if (storeId === undefined ? !isNew : (await store.identity()) !== storeId)
      return await findStore(await this.services(), freshId());
    await takeStore(workspace, store, freshId());
    return true;
  }

  /**
   * The archive for backup and restore. The queue may be missing or damaged.
   * @throws AgentqError `no-workspace`, or `usage` if the queue is on a broker
   */
  async backupServices(): Promise<BackupServices> {
    const workspace = await findWorkspace(this.namedDir, this.system);
    const archive = await openArchive(this.#backendOptions(workspace));
    if (!archive) {
      throw new AgentqError(
        'usage',
        'the queue is on a broker, which has its own backups',
        'docs/brokers.md; the evidence is plain files',
      );
    }
    const { file, folder } = workspace.modes;
    const storeIn = (dir: string) => new FsStore(dir, file, folder);
    return { workspace, archive, store: storeOf(workspace), storeIn, clock: this.system.clock };
  }

  /** The config of the workspace, and what this machine knows of its queue. It changes nothing and connects nowhere. */
  async glance(): Promise<{ readonly config: Config; readonly known: Glance | undefined }> {
    const { dir, config } = await findWorkspace(this.namedDir, this.system);
    return { config, known: await openGlance(dir, this.#queue(config)) };
  }

  /** Creates the files of the workspace's backend. @returns whether anything was created */
  createBackend(workspace: Workspace): Promise<{ readonly created: boolean }> {
    return createBackend(this.#backendOptions(workspace));
  }

  #backendOptions(workspace: Workspace): BackendOptions {
    const { clock, random } = this.system;
    const { dir, modes, config } = workspace;
    const snapshots = async () => {
      const { snapshotFilesIn } = await import('../app/snapshot-files.ts');
      return snapshotFilesIn(storeOf(workspace));
    };
    const queue = this.#queue(config, (path) => storeOf(workspace).refOf(path), snapshots);
    return { dir, fileMode: modes.file, folderMode: modes.folder, clock, random, queue };
  }

  /** @throws AgentqError `no-workspace`, and errors of the store */
  async services(): Promise<Services> {
    if (this.#services) return this.#services;
    const workspace = await findWorkspace(this.namedDir, this.system);
    const store = storeOf(workspace);
    const backend = await openBackend(this.#backendOptions(workspace));
    const { clock, monotonic } = this.system;
    const newId = () => `task-${freshId()}`;
    this.#services = { workspace, store, backend, clock, monotonic, newId };
    if (backend.place) await this.#flushOutbox(this.#services);
    return this.#services;
  }

  /** Commands from the outbox are sent before the current command. */
  async #flushOutbox(services: Services): Promise<void> {
    if (waitingInOutbox(services.workspace).length === 0) return;
    const { flushOutbox } = await import('../app/outbox/flush-outbox.ts');
    try {
      await flushOutbox(services, (line) => this.io.talk(`agentq: ${line}`), true);
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }

  /**
   * Applies --compact and --fields to all that the command prints.
   * @throws AgentqError `usage` for an unknown field
   */
  async shapeOutput(command: Called, options: { readonly compact: boolean; readonly fields: string | undefined }) {
    const [{ outputOf }, { shapeOf }] = await Promise.all([
      import('./output/shape/output-of.ts'),
      import('./output/shape/shape.ts'),
    ]);
    const store = () => this.#services?.store.refOf('').replace(/\/?$/, '/');
    this.io.shape = shapeOf({ ...options, output: outputOf(command), store });
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
