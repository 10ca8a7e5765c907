import { lstatSync, mkdirSync } from 'node:fs';
import { AgentqError, isAway } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import { findSecret } from '../../core/secrets/find-secret.ts';
import type { Task, TaskIn } from '../../core/task/task.ts';
import { type Brief, brief } from '../brief.ts';
import { attemptFolder, prepareAttempt } from '../evidence/evidence-paths.ts';
import { applyCommand } from '../apply-command.ts';
import { removeScratch, scratchFolder, scratchResult } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';
import { AttemptProcesses } from './processes/attempt-processes.ts';
import type { AttemptReport, StopReason } from './attempt-report.ts';
import { blame } from './blame.ts';
import { Capture } from './child/capture.ts';
import { childEnvironment, contextFile } from './child/child-environment.ts';
import { feed } from './child/feed.ts';
import { firstLine } from './child/first-line.ts';
import { type Exit, ProcessGroup } from './processes/process-group.ts';
import type { RunOptions } from './run-options.ts';
import { Settlement } from './settlement.ts';
import { terminate } from './processes/termination.ts';

/** EX_TEMPFAIL of sysexits.h: the child asks for a later try that does not count as an attempt. */
const TRY_LATER = 75;

/** The longest duration of a Node.js timer, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** How long a child may run after SIGTERM when its task is released, in ms. */
const HAND_BACK_GRACE = 2_000;

/** One attempt at one task: its child process, its lease and its outcome. */
export class AttemptRun {
  readonly id: string;
  readonly done: Promise<AttemptReport>;
  readonly #services: Services;
  readonly #task: TaskIn<'working'>;
  readonly #options: RunOptions;
  readonly #settlement: Settlement;
  readonly #processes: AttemptProcesses;
  readonly #stopping = Promise.withResolvers<StopReason>();
  readonly #timers: NodeJS.Timeout[] = [];
  #log: readonly Evidence[] = [];
  #fault = ''; // the reason why this worker cannot do any task

  constructor(services: Services, task: TaskIn<'working'>, options: RunOptions) {
    this.id = task.id;
    this.#services = services;
    this.#task = task;
    this.#options = options;
    this.#processes = new AttemptProcesses(services.workspace, task.id, (attempt) => attempt === this.#attempt);
    this.#settlement = new Settlement(services, task, options, () => terminate([this.#processes], options.killGrace));
    this.done = this.#run().finally(() => this.#timers.forEach(clearTimeout));
  }

  /** Asks the child to stop; the first reason counts. */
  stop(reason: StopReason): void {
    this.#stopping.resolve(reason);
  }

  /**
   * Checks whether the attempt still holds the task, and stops the child if it does not. It asks a busy store again.
   */
  async recheck(): Promise<void> {
    let task: Task | undefined;
    try {
      task = await this.#services.backend.task(this.id);
    } catch (error) {
      // The outage was already reported.
      if (!isAway(error)) this.#options.warn(`${this.id}: ${(error as Error).message}; looking again later`);
      return;
    }
    const own = this.#settlement.ownIn(task);
    if (task?.status === 'cancelled') return this.stop('cancelled');
    if (own && own.outcome === undefined) return;
    if (!own || own.outcome === 'lease-expired') return this.stop('lease-lost');
    // The child has ended its task with agentq complete, fail or release. It may continue until it ends by itself.
    this.#timers.push(setTimeout(() => this.stop('lease-lost'), this.#options.killGrace));
  }

  get #attempt(): number {
    return this.#task.lease.attempt;
  }

  async #run(): Promise<AttemptReport> {
    const { ground } = this.#options;
    const scratch = scratchFolder(this.#services.workspace, this.id, this.#attempt);
    try {
      this.#keepLease();
      if (await this.#endEarlierAttempts()) return await this.#attend(scratch);
      return await this.#settlement.release('a process of an earlier attempt cannot be ended', true);
    } catch (error) {
      const fault = blame(error, ground);
      if (fault.on === 'attempt') return await this.#settlement.fail(fault.reason, fault.retry, this.#log);
      // The next task would fail in the same way. The task returns to the queue without a counted attempt, and the
      // worker ends.
      await this.#giveBack(fault.error);
      throw fault.error;
    } finally {
      this.#removeScratch(scratch);
    }
  }

  /**
   * Ends the remaining processes of earlier attempts. They exist if both worker and guard were killed, and would work
   * at the same time as this attempt.
   * @returns whether nothing is left
   */
  async #endEarlierAttempts(): Promise<boolean> {
    if (this.#attempt === 1) return true;
    const earlier = new AttemptProcesses(this.#services.workspace, this.id, (attempt) => attempt < this.#attempt);
    return await terminate([earlier], this.#options.killGrace);
  }

  /** Runs the child and returns the outcome. */
  async #attend(scratch: string): Promise<AttemptReport> {
    const { store, workspace } = this.#services;
    const { ground, warn } = this.#options;
    store.attend();
    // An existing folder does not belong to this attempt: its content is not the result.
    removeScratch(scratch);
    mkdirSync(workspace.runDir, { recursive: true, mode: workspace.modes.folder });
    mkdirSync(scratch, { mode: workspace.modes.folder });
    const input = await brief(store, this.#task, contextFile(scratch));
    const folder = await prepareAttempt(store, this.#task);
    const capture = new Capture(scratch, workspace.modes.file, (problem) => {
      this.#fault = `what it says cannot be kept: ${problem}`;
      this.stop('worker-fault');
    });
    try {
      const ending = await this.#supervise(capture, input, folder, scratch);
      // Checked before anything is written to the old path of the workspace.
      const broken = ground.fault();
      if (broken) throw broken;
      this.#log = await capture.keepLog(store, `${attemptFolder(this.id, this.#attempt)}/log.txt`, (problem) =>
        warn(`${this.id}: its log is lost: ${problem}`),
      );
      return await this.#conclude(ending, capture);
    } finally {
      capture.close();
    }
  }

  async #supervise(capture: Capture, input: Brief, folder: string, scratch: string): Promise<Exit | StopReason> {
    const { command, args, cwd, env, killGrace, guard, policy } = this.#options;
    const resultFile = scratchResult(this.#services.workspace, this.id, this.#attempt);
    const places = { scratch, resultFile, artifactsDir: folder };
    guard.open();
    const group = new ProcessGroup({
      command,
      args,
      cwd,
      env: { ...env, ...childEnvironment(this.#services, this.#task, this.#attempt, input, places) },
    });
    if (group.id !== undefined) guard.watch({ group: group.id, resultFile });
    if (policy.timeout !== undefined) {
      this.#timers.push(setTimeout(() => this.stop('timeout'), Math.min(policy.timeout, LONGEST_TIMER)));
    }
    feed(group.streams?.stdin, input);
    const said = group.streams && capture.follow(group.streams, group.exit);
    const ending = await Promise.race([group.exit, this.#stopping.promise]);
    this.#settlement.endedAt = this.#services.clock();
    // A child that ends by itself may leave a daemon. A stopped child may not.
    const all = typeof ending === 'string' ? [group, this.#processes] : [group];
    await terminate(all, ending === 'handed-back' ? Math.min(killGrace, HAND_BACK_GRACE) : killGrace);
    await group.exit;
    await said;
    if (group.id !== undefined) guard.release(group.id);
    return ending;
  }

  #keepLease(): void {
    const { lease } = this.#options.policy;
    const renew = async () => {
      try {
        await applyCommand(this.#services, this.id, { type: 'renew', lease, ...this.#settlement.spoken });
      } catch (error) {
        const { code, message } = error as AgentqError;
        if (code === 'cancelled' || code === 'conflict') return await this.recheck();
        if (!isAway(error)) this.#options.warn(`${this.id}: its lease could not be renewed: ${message}`);
      }
    };
    this.#timers.push(setInterval(() => void renew(), Math.min(lease / 3, LONGEST_TIMER)));
  }

  async #conclude(ending: Exit | StopReason, capture: Capture): Promise<AttemptReport> {
    const settlement = this.#settlement;
    switch (ending) {
      case 'cancelled':
        return await settlement.acknowledge();
      case 'lease-lost':
        return await settlement.surrender();
      case 'handed-back':
        return await settlement.release('its worker was stopped', false);
      case 'worker-fault':
        throw new AgentqError('storage', this.#fault);
      case 'timeout':
        return await settlement.fail('it took longer than its timeout', true, this.#log);
    }
    // The child may have ended its attempt with agentq complete, fail or release.
    const itself = await settlement.ended();
    if (itself) return itself;
    if (ending.kind === 'not-started') {
      throw new AgentqError('storage', `its program cannot be started: ${ending.problem}`, 'is it still there?');
    }
    const how = ending.kind === 'exited' ? `exit ${ending.code}` : `ended by ${ending.signal}`;
    if (how === 'exit 0') return await this.#complete(capture);
    const said = capture.complaint();
    const reason = said === undefined || (await findSecret(said)) !== undefined ? how : `${how}: ${said}`;
    if (how === `exit ${TRY_LATER}`) return await settlement.release(reason, true);
    return await settlement.fail(reason, true, this.#log);
  }

  async #complete(capture: Capture): Promise<AttemptReport> {
    if (!capture.intact) {
      throw new AgentqError(
        'unreadable-file',
        'its scratch folder, where its result would be, was removed or replaced',
      );
    }
    const resultFile = scratchResult(this.#services.workspace, this.id, this.#attempt);
    const written = lstatSync(resultFile, { throwIfNoEntry: false });
    if (written && !written.isFile()) {
      throw new AgentqError('unreadable-file', 'what it left as its result is not a regular file');
    }
    const file = written ? resultFile : capture.answered ? capture.stdoutFile : undefined;
    if (file === undefined) return await this.#settlement.complete({});
    return await this.#settlement.complete({ resultFile: { file, own: true }, summary: await firstLine(file) });
  }

  /** If this cannot be recorded either, the end of the lease has the same effect. */
  async #giveBack({ message }: Error): Promise<void> {
    try {
      await this.#settlement.release(`its worker cannot work: ${message}`, false);
    } catch (error) {
      this.#options.warn(`${this.id}: it could not be given back: ${(error as Error).message}`);
    }
  }

  /** doctor removes scratch folders that cannot be removed here. */
  #removeScratch(scratch: string): void {
    try {
      removeScratch(scratch);
    } catch (error) {
      this.#options.warn(`${this.id}: its scratch is left behind: ${(error as Error).message}`);
    }
  }
}
