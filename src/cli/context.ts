import { customAlphabet } from 'nanoid/non-secure';
import * as z from 'zod/mini';
import type { Services } from '../app/services.ts';
import { findWorkspace, type Workspace } from '../app/workspace.ts';
import { FsStore } from '../artifacts/fs/fs-store.ts';
import { type BackendOptions, createBackend, openBackend } from '../backend/open.ts';
import { AgentqError } from '../core/errors.ts';
import { name } from '../core/identifiers.ts';
import { inputError } from '../core/issue.ts';
import { count } from './flags.ts';
import type { GlobalOptions } from './global-options.ts';
import { Io } from './io.ts';
import type { System } from './system.ts';

/**
 * Letters and digits that nobody takes for one another, 59 bits of them. Not the secure generator: an id is no
 * secret, a clash is noticed, and to load OpenSSL costs every call 4 ms.
 */
const freshId = customAlphabet('23456789abcdefghjkmnpqrstuvwxyz', 12);

/** What a command is given: where to write, who speaks, and the queue, opened when it is first asked for. */
export class Context {
  readonly system: System;
  readonly io: Io;
  readonly #options: GlobalOptions;
  #services: Services | undefined;

  constructor(system: System, options: GlobalOptions) {
    this.system = system;
    this.#options = options;
    this.io = new Io(system, { json: options.json ?? false, color: options.color !== false });
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

  /** Makes what the workspace's backend needs. @returns whether anything was made */
  createBackend(workspace: Workspace): Promise<{ readonly created: boolean }> {
    return createBackend(this.#backendOptions(workspace));
  }

  #backendOptions({ dir, modes }: Workspace): BackendOptions {
    const { clock, random } = this.system;
    return { dir, fileMode: modes.file, folderMode: modes.folder, clock, random };
  }

  /** @throws AgentqError `no-workspace`, and whatever the store has to say */
  async services(): Promise<Services> {
    if (this.#services) return this.#services;
    const workspace = findWorkspace(this.namedDir, this.system.cwd);
    const { storeDir, modes } = workspace;
    const store = new FsStore(storeDir, modes.file, modes.folder);
    const backend = await openBackend(this.#backendOptions(workspace));
    const newId = () => `task-${freshId()}`;
    return (this.#services = { workspace, store, backend, clock: this.system.clock, newId });
  }

  async close(): Promise<void> {
    await this.#services?.backend.close();
  }
}
