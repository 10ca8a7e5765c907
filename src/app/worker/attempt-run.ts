import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AgentqError } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence.ts';
import { findSecret } from '../../core/secrets.ts';
import type { TaskIn } from '../../core/task.ts';
import { brief } from '../brief.ts';
import { complete } from '../complete.ts';
import type { RolePolicy } from '../config.ts';
import { attemptFolder, resultPath } from '../evidence-paths.ts';
import { fail } from '../fail.ts';
import { obey } from '../obey.ts';
import type { Services } from '../services.ts';
import { Capture } from './capture.ts';
import { childEnvironment } from './child-environment.ts';
import { firstLine } from './first-line.ts';
import type { Guard } from './guard.ts';
import { type Exit, ProcessGroup } from './process-group.ts';

/** EX_TEMPFAIL of sysexits.h: the child asks to be tried again later, at no cost to its attempts. */
const TRY_LATER = 75;

/** The longest span that a timer of Node.js can hold, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** How long a child that is handed back gets to end by itself, in ms. */
const HAND_BACK_GRACE = 2_000;

export interface RunOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly policy: RolePolicy;
  /** How long a child has between SIGTERM and SIGKILL, in ms. */
  readonly killGrace: number;
  readonly guard: Guard;
  readonly warn: (line: string) => void;
}

export type StopReason = 'cancelled' | 'lease-lost' | 'timeout' | 'handed-back';

export interface AttemptReport {
  readonly id: string;
  readonly attempt: number;
  readonly outcome: 'completed' | 'failed' | 'retrying' | 'deferred' | 'cancelled' | 'lease-lost' | 'handed-back';
  readonly reason?: string | undefined;
}

/** One attempt at one task: a child process, its lease, and what becomes of them. */
export class AttemptRun {
  readonly id: string;
  readonly done: Promise<AttemptReport>;
  readonly #services: Services;
  readonly #task: TaskIn<'working'>;
  readonly #options: RunOptions;
  readonly #stopping = Promise.withResolvers<StopReason>();
  readonly #timers: NodeJS.Timeout[] = [];
  #log: readonly Evidence[] = [];

  constructor(services: Services, task: TaskIn<'working'>, options: RunOptions) {
    this.id = task.id;
    this.#services = services;
    this.#task = task;
    this.#options = options;
    this.done = this.#run().finally(() => this.#timers.forEach(clearTimeout));
  }

  /** Asks the child to stop; the first reason counts. */
  stop(reason: StopReason): void {
    this.#stopping.resolve(reason);
  }

  /** Looks whether the task is still ours, and stops the child if it is not. */
  async recheck(): Promise<void> {
    const task = await this.#services.backend.task(this.id);
    if (task?.status === 'cancelled') this.stop('cancelled');
    else if (task?.status === 'working' && task.lease.attempt === this.#attempt) return;
    // The child may have ended its task itself, by agentq complete or fail: then it may also end by itself.
    else if (task?.attempts.at(-1)?.number !== this.#attempt || task.attempts.at(-1)?.outcome === 'lease-expired') {
      this.stop('lease-lost');
    }
  }

  get #attempt(): number {
    return this.#task.lease.attempt;
  }

  /** In whose name it speaks: that of the worker which holds the lease. */
  get #spoken(): { by: string; attempt: number } {
    return { by: this.#task.envelope.to, attempt: this.#attempt };
  }

  async #run(): Promise<AttemptReport> {
    const { store, workspace } = this.#services;
    const scratch = join(workspace.runDir, `${this.id}~${this.#attempt}`);
    try {
      const input = await brief(store, this.#task);
      mkdirSync(scratch, { recursive: true, mode: workspace.modes.folder });
      const folder = await store.prepare(attemptFolder(this.id, this.#attempt));
      await store.prepare('results');
      const capture = new Capture(join(scratch, 'log.txt'), join(scratch, 'stdout'), workspace.modes.file);
      try {
        const ending = await this.#supervise(capture, input, folder, scratch);
        await this.#keepLog(capture);
        return await this.#conclude(ending, capture);
      } finally {
        capture.close();
      }
    } catch (error) {
      if (!(error instanceof AgentqError)) throw error;
      return await this.#fail(error.message, error.code !== 'drift');
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  async #supervise(capture: Capture, input: Buffer, folder: string, scratch: string): Promise<Exit | StopReason> {
    const { command, args, cwd, env, killGrace, guard, policy } = this.#options;
    const places = { scratch, resultFile: this.#resultFile, artifactsDir: folder };
    const group = new ProcessGroup({
      command,
      args,
      cwd,
      env: { ...env, ...childEnvironment(this.#services, this.#task, this.#attempt, input, places) },
    });
    guard.watch(group.id);
    this.#keepLease();
    if (policy.timeout !== undefined) {
      this.#timers.push(setTimeout(() => this.stop('timeout'), Math.min(policy.timeout, LONGEST_TIMER)));
    }
    group.child.stdin?.end(input);
    const said = capture.follow(group.child.stdout!, group.child.stderr!, group.exit);
    const ending = await Promise.race([group.exit, this.#stopping.promise]);
    await group.stop(ending === 'handed-back' ? Math.min(killGrace, HAND_BACK_GRACE) : killGrace);
    await said;
    guard.release(group.id);
    return ending;
  }

  get #resultFile(): string {
    return this.#services.store.locate(resultPath(this.id, this.#attempt));
  }

  #keepLease(): void {
    const { lease } = this.#options.policy;
    const renew = async () => {
      try {
        await obey(this.#services, this.id, { type: 'renew', lease, ...this.#spoken });
      } catch (error) {
        if (!(error instanceof AgentqError)) throw error;
        if (error.code === 'cancelled' || error.code === 'conflict') await this.recheck();
        else this.#options.warn(`${this.id}: its lease could not be renewed: ${error.message}`);
      }
    };
    this.#timers.push(setInterval(() => void renew(), Math.min(lease / 3, LONGEST_TIMER)));
  }

  async #conclude(ending: Exit | StopReason, capture: Capture): Promise<AttemptReport> {
    switch (ending) {
      case 'cancelled':
        return await this.#acknowledge();
      case 'lease-lost':
        return this.#report('lease-lost');
      case 'handed-back':
        return await this.#release('its worker was stopped', false);
      case 'timeout':
        return await this.#fail('it took longer than its timeout', true);
    }
    if (ending.kind === 'not-started')
      return await this.#fail(`its program could not be started: ${ending.problem}`, true);
    const how = ending.kind === 'exited' ? `exit ${ending.code}` : `ended by ${ending.signal}`;
    if (how === 'exit 0') return await this.#complete(capture);
    const said = capture.complaint();
    const reason = said === undefined || findSecret(said) !== undefined ? how : `${how}: ${said}`;
    return how === `exit ${TRY_LATER}` ? await this.#release(reason, true) : await this.#fail(reason, true);
  }

  /** Says that the process tree of a cancelled attempt is gone. */
  async #acknowledge(): Promise<AttemptReport> {
    const { attempt, worker } = this.#task.lease;
    await obey(this.#services, this.id, { type: 'acknowledge-cancel', by: worker, attempt });
    return this.#report('cancelled');
  }

  async #complete({ answered, stdoutFile }: Capture): Promise<AttemptReport> {
    const written = statSync(this.#resultFile, { throwIfNoEntry: false });
    if (written && !written.isFile()) return await this.#fail('what it left as its result is no file', true);
    const text = written ? this.#resultFile : answered ? stdoutFile : undefined;
    const summary = text === undefined ? undefined : firstLine(text);
    const request = {
      id: this.id,
      ...this.#spoken,
      artifacts: [],
      resultFile: text,
      summary,
      allowSecret: true,
    };
    return await this.#settle(async () => {
      try {
        await complete(this.#services, request);
        return this.#report('completed');
      } catch (error) {
        if (error instanceof AgentqError && error.code === 'missing-artifacts')
          return await this.#fail(error.message, true);
        throw error;
      }
    });
  }

  async #fail(reason: string, retry: boolean): Promise<AttemptReport> {
    return await this.#settle(async () => {
      const { task } = await fail(this.#services, {
        id: this.id,
        ...this.#spoken,
        reason,
        retry,
        artifacts: this.#log,
        allowSecret: true,
      });
      return this.#report(task.status === 'failed' ? 'failed' : 'retrying', reason);
    });
  }

  async #release(reason: string, later: boolean): Promise<AttemptReport> {
    const { backoff } = this.#options.policy;
    return await this.#settle(async () => {
      await obey(this.#services, this.id, {
        type: 'release',
        reason,
        ...(later && { backoff }),
        ...this.#spoken,
      });
      return this.#report(later ? 'deferred' : 'handed-back', reason);
    });
  }

  /** Puts what the child said beside its artifacts, now that it says no more. */
  async #keepLog({ spoke, logFile }: Capture): Promise<void> {
    if (!spoke) return;
    const path = `${attemptFolder(this.id, this.#attempt)}/log.txt`;
    const { evidence } = await this.#services.store.put(path, 'log', { file: logFile });
    this.#log = [evidence];
  }

  /**
   * Ends the attempt in the queue. A store that can't be written just now is tried again: the work is done and
   * paid for. Where the task is no longer ours, says what it has become.
   */
  async #settle(end: () => Promise<AttemptReport>): Promise<AttemptReport> {
    for (let patience = 30; ; patience--) {
      try {
        return await end();
      } catch (error) {
        if (!(error instanceof AgentqError)) throw error;
        if (error.code === 'cancelled') return await this.#acknowledge();
        if (error.code === 'conflict') return await this.#endedElsewhere();
        if ((error.code !== 'busy' && error.code !== 'storage') || patience === 0) throw error;
        this.#options.warn(`${this.id}: ${error.message}; trying again`);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  async #endedElsewhere(): Promise<AttemptReport> {
    const task = await this.#services.backend.task(this.id);
    const own = task?.attempts.find((attempt) => attempt.number === this.#attempt);
    if (own?.outcome === 'completed') return this.#report('completed');
    if (own?.outcome === 'failed') return this.#report(task?.status === 'failed' ? 'failed' : 'retrying', own.reason);
    return this.#report('lease-lost');
  }

  #report(outcome: AttemptReport['outcome'], reason?: string): AttemptReport {
    return { id: this.id, attempt: this.#attempt, outcome, reason };
  }
}
