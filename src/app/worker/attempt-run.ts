import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AgentqError, isAway, isBrokers } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence.ts';
import { findSecret } from '../../core/secrets.ts';
import type { Attempt, Task, TaskIn } from '../../core/task.ts';
import { brief } from '../brief.ts';
import { complete, completeLater } from '../complete.ts';
import { attemptFolder, prepareAttempt } from '../evidence-paths.ts';
import { fail } from '../fail.ts';
import { obey } from '../obey.ts';
import { keepInOutbox, type KeptCommand } from '../outbox.ts';
import type { Services } from '../services.ts';
import type { AttemptReport, StopReason } from './attempt-report.ts';
import { Capture } from './capture.ts';
import { childEnvironment } from './child-environment.ts';
import { firstLine } from './first-line.ts';
import { type Exit, ProcessGroup } from './process-group.ts';
import type { RunOptions } from './run-options.ts';

/** EX_TEMPFAIL of sysexits.h: the child asks to be tried again later, at no cost to its attempts. */
const TRY_LATER = 75;

/** The longest span that a timer of Node.js can hold, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The child's result lies in its scratch folder until it is recorded: what a child that lost its task writes later
 * must not reach what was recorded meanwhile.
 */
const RESULT = 'result.md';

/** How long a child that is handed back gets to end by itself, in ms. */
const HAND_BACK_GRACE = 2_000;

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
  /** When the child ended, ms since 1970: what is said of it then counts from then. */
  #endedAt: number | undefined;
  #fault = ''; // what keeps this worker from working, whatever the task

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

  /** Looks whether the task is still ours, and stops the child if it is not. A store that is busy is asked again. */
  async recheck(): Promise<void> {
    let task: Task | undefined;
    try {
      task = await this.#services.backend.task(this.id);
    } catch (error) {
      // That the broker is away was said already.
      if (!isAway(error)) this.#options.warn(`${this.id}: ${(error as Error).message}; looking again later`);
      return;
    }
    const own = this.#own(task);
    if (task?.status === 'cancelled') return this.stop('cancelled');
    if (own && own.outcome === undefined) return;
    if (!own || own.outcome === 'lease-expired') return this.stop('lease-lost');
    // The child has ended its task itself, by agentq complete, fail or release: then it may also end by itself.
    this.#timers.push(setTimeout(() => this.stop('lease-lost'), this.#options.killGrace));
  }

  get #attempt(): number {
    return this.#task.lease.attempt;
  }

  get #spoken(): { by: string; attempt: number } {
    return { by: this.#task.envelope.to, attempt: this.#attempt };
  }

  async #run(): Promise<AttemptReport> {
    const { store, workspace } = this.#services;
    const scratch = join(workspace.runDir, `${this.id}~${this.#attempt}`);
    try {
      const input = await brief(store, this.#task);
      // What lies there is not of this attempt: an older database may have had one of the same name.
      rmSync(scratch, { recursive: true, force: true });
      mkdirSync(scratch, { recursive: true, mode: workspace.modes.folder });
      const folder = await prepareAttempt(store, this.#task);
      const capture = new Capture(
        join(scratch, 'log.txt'),
        join(scratch, 'stdout'),
        workspace.modes.file,
        (problem) => {
          this.#fault = `what it says cannot be kept: ${problem}`;
          this.stop('worker-fault');
        },
      );
      try {
        const ending = await this.#supervise(capture, input, folder, scratch);
        this.#log = await capture.keepLog(store, `${attemptFolder(this.id, this.#attempt)}/log.txt`, (problem) =>
          this.#options.warn(`${this.id}: its log is lost: ${problem}`),
        );
        return await this.#conclude(ending, capture);
      } finally {
        capture.close();
      }
    } catch (error) {
      const told = error instanceof AgentqError ? error.code : undefined;
      if (told !== undefined && told !== 'storage' && told !== 'busy') {
        return await this.#fail((error as Error).message, told !== 'drift');
      }
      // Not the task's fault, and the next one would meet the same: it goes back unharmed, and the worker ends.
      await this.#release(`its worker cannot work: ${(error as Error).message}`, false);
      throw error;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }

  async #supervise(capture: Capture, input: Buffer, folder: string, scratch: string): Promise<Exit | StopReason> {
    const { command, args, cwd, env, killGrace, guard, policy } = this.#options;
    const places = { scratch, resultFile: join(scratch, RESULT), artifactsDir: folder };
    guard.open();
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
    this.#endedAt = this.#services.clock();
    await group.stop(ending === 'handed-back' ? Math.min(killGrace, HAND_BACK_GRACE) : killGrace);
    await said;
    guard.release(group.id);
    return ending;
  }

  #keepLease(): void {
    const { lease } = this.#options.policy;
    const renew = async () => {
      try {
        await obey(this.#services, this.id, { type: 'renew', lease, ...this.#spoken });
      } catch (error) {
        const { code, message } = error as AgentqError;
        if (code === 'cancelled' || code === 'conflict') return await this.recheck();
        if (!isAway(error)) this.#options.warn(`${this.id}: its lease could not be renewed: ${message}`);
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
      case 'worker-fault':
        throw new AgentqError('storage', this.#fault);
      case 'timeout':
        return await this.#fail('it took longer than its timeout', true);
    }
    // The child may have ended its attempt by itself, with agentq complete, fail or release.
    const itself = await this.#ended();
    if (itself) return itself;
    if (ending.kind === 'not-started') {
      throw new AgentqError('storage', `its program cannot be started: ${ending.problem}`, 'is it still there?');
    }
    const how = ending.kind === 'exited' ? `exit ${ending.code}` : `ended by ${ending.signal}`;
    if (how === 'exit 0') return await this.#complete(capture);
    const said = capture.complaint();
    const reason = said === undefined || findSecret(said) !== undefined ? how : `${how}: ${said}`;
    return how === `exit ${TRY_LATER}` ? await this.#release(reason, true) : await this.#fail(reason, true);
  }

  /** Says that the process group of a cancelled attempt is gone. */
  async #acknowledge(): Promise<AttemptReport> {
    const { attempt, worker } = this.#task.lease;
    try {
      await obey(this.#services, this.id, { type: 'acknowledge-cancel', by: worker, attempt });
    } catch (error) {
      if (!isBrokers(error)) throw error;
    }
    return this.#report('cancelled');
  }

  async #complete({ answered, stdoutFile }: Capture): Promise<AttemptReport> {
    const place = join(dirname(stdoutFile), RESULT);
    const written = lstatSync(place, { throwIfNoEntry: false });
    if (written && !written.isFile()) return await this.#fail('what it left as its result is no file', true);
    const file = written ? place : answered ? stdoutFile : undefined;
    const resultFile = file === undefined ? undefined : { file, own: true };
    const summary = file === undefined ? undefined : firstLine(file);
    const warn = (line: string) => this.#options.warn(`${this.id}: ${line}`);
    const said = { resultFile, summary, artifacts: [], allowSecret: true, warn };
    const request = { id: this.id, ...this.#spoken, ...said };
    const later = () => completeLater(this.#services, this.#task, request);
    return await this.#settle(later, async () => {
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
    const said = { ...this.#spoken, reason, artifacts: this.#log };
    const { backoff } = this.#options.policy;
    const later = async () => ({ type: 'fail', ...said, ...(retry && { backoff }) }) as const;
    return await this.#settle(later, async () => {
      const { task } = await fail(this.#services, { id: this.id, ...said, retry, allowSecret: true });
      return this.#report(task.status === 'failed' ? 'failed' : 'retrying', reason);
    });
  }

  async #release(reason: string, later: boolean): Promise<AttemptReport> {
    const { backoff } = this.#options.policy;
    return await this.#settle(undefined, async () => {
      await obey(this.#services, this.id, { type: 'release', reason, ...(later && { backoff }), ...this.#spoken });
      return this.#report(later ? 'deferred' : 'handed-back', reason);
    });
  }

  /**
   * Ends the attempt in the queue. A store that can't be written just now is tried again: the work is done and
   * paid for. Where the task is no longer ours, says what it has become. Where the broker is away, it is kept on the
   * disk until it is back, and at once where that is known: this process may not live so long.
   * @param later what the queue is to be told then; undefined where the end of the lease tells as much
   */
  async #settle(
    later: (() => Promise<KeptCommand>) | undefined,
    end: () => Promise<AttemptReport>,
  ): Promise<AttemptReport> {
    const { backend, clock } = this.#services;
    const at = this.#endedAt ?? clock();
    const keep = async (why: string) => {
      if (later) keepInOutbox(this.#services.workspace, this.id, await later(), at);
      return this.#report('kept', why);
    };
    if (later && backend.away) return await keep('the broker is away');
    for (let patience = 30; ; patience--) {
      try {
        return await end();
      } catch (error) {
        if (!(error instanceof AgentqError)) throw error;
        if (isBrokers(error)) return await keep(error.message);
        if (error.code === 'cancelled') return await this.#acknowledge();
        if (error.code === 'conflict') return (await this.#ended()) ?? this.#report('lease-lost');
        if ((error.code !== 'busy' && error.code !== 'storage') || patience === 0) throw error;
        this.#options.warn(`${this.id}: ${error.message}; trying again`);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  /** How the queue says that the attempt was ended by whoever held it; undefined where it was not, or can't say. */
  async #ended(): Promise<AttemptReport | undefined> {
    if (this.#services.backend.away) return undefined;
    const task = await this.#services.backend.task(this.id).catch((error: unknown) => {
      if (isBrokers(error)) return undefined;
      throw error;
    });
    const own = this.#own(task);
    if (own?.outcome === 'completed') return this.#report('completed');
    if (own?.outcome === 'failed') return this.#report(task?.status === 'failed' ? 'failed' : 'retrying', own.reason);
    return own?.outcome === 'released' ? this.#report('handed-back', own.reason) : undefined;
  }

  #own(task: Task | undefined): Attempt | undefined {
    return task?.attempts.find((attempt) => attempt.number === this.#attempt);
  }

  #report(outcome: AttemptReport['outcome'], reason?: string): AttemptReport {
    return { id: this.id, attempt: this.#attempt, outcome, reason };
  }
}
