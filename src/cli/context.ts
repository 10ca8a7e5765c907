import { customAlphabet } from 'nanoid';
import * as z from 'zod/mini';
import type { Services } from '../app/services.ts';
import { findWorkspace, type Workspace } from '../app/workspace.ts';
import { FsStore } from '../artifacts/fs/fs-store.ts';
import { type BackendOptions, openBackend } from '../backend/open.ts';
import { AgentqError } from '../core/errors.ts';
import { AgentName, TaskId } from '../core/identifiers.ts';
import { inputError } from '../core/issue.ts';
import { Io } from './io.ts';
import type { System } from './system.ts';

/** Letters and digits that nobody takes for one another, 60 bits of them. */
const freshId = customAlphabet('23456789abcdefghjkmnpqrstuvwxyz', 12);

const Environment = z.object({
  AGENTQ_DIR: z.optional(z.string()),
  AGENTQ_AGENT: z.optional(AgentName),
  AGENTQ_TASK_ID: z.optional(TaskId),
  AGENTQ_ATTEMPT: z.optional(z.string().check(z.regex(/^[1-9]\d{0,8}$/, { error: 'must be the number of an attempt' }))),
});

export interface GlobalOptions {
  readonly dir?: string;
  readonly json?: boolean;
  readonly color: boolean;
}

/** What a command is given: where to write, who speaks, and the queue, opened when it is first asked for. */
export class Context {
  readonly system: System;
  readonly io: Io;
  readonly #options: GlobalOptions;
  #services: Services | undefined;

  constructor(system: System, options: GlobalOptions) {
    this.system = system;
    this.#options = options;
    this.io = new Io(system, { json: options.json ?? false, color: options.color });
  }

  get #environment(): z.infer<typeof Environment> {
    const set = Object.entries(this.system.env).filter(([name, value]) => name.startsWith('AGENTQ_') && value !== '');
    const parsed = Environment.safeParse(Object.fromEntries(set));
    if (parsed.success) return parsed.data;
    throw inputError(parsed.error, (path) => path.join('.'));
  }

  /** `--dir`, else AGENTQ_DIR. */
  get namedDir(): string | undefined {
    return this.#options.dir ?? this.#environment.AGENTQ_DIR;
  }

  /** `--from`, else AGENTQ_AGENT. */
  identity(named: string | undefined): string | undefined {
    return named ?? this.#environment.AGENTQ_AGENT;
  }

  /**
   * The task that a worker's command is about, and the attempt that speaks: what the command line says, else what
   * the runner set for its child.
   * @throws AgentqError `usage` where neither names a task
   */
  spokenOf(id: string | undefined, attempt: number | undefined): { readonly id: string; readonly attempt: number | undefined } {
    const { AGENTQ_TASK_ID, AGENTQ_ATTEMPT } = this.#environment;
    const chosen = id ?? AGENTQ_TASK_ID;
    if (chosen === undefined) throw new AgentqError('usage', 'no task is named', 'give its id, or set AGENTQ_TASK_ID');
    const inherited = chosen === AGENTQ_TASK_ID && AGENTQ_ATTEMPT !== undefined ? Number(AGENTQ_ATTEMPT) : undefined;
    return { id: chosen, attempt: attempt ?? inherited };
  }

  backendOptions({ dir, modes }: Workspace): BackendOptions {
    const { clock, random } = this.system;
    return { dir, fileMode: modes.file, folderMode: modes.folder, clock, random };
  }

  /** @throws AgentqError `no-workspace`, and whatever the store has to say */
  async services(): Promise<Services> {
    if (this.#services) return this.#services;
    const workspace = findWorkspace(this.namedDir, this.system.cwd);
    const { storeDir, modes } = workspace;
    const store = new FsStore(storeDir, modes.file, modes.folder);
    const backend = await openBackend(this.backendOptions(workspace));
    const newId = () => `task-${freshId()}`;
    return (this.#services = { workspace, store, backend, clock: this.system.clock, newId });
  }

  async close(): Promise<void> {
    await this.#services?.backend.close();
  }
}
