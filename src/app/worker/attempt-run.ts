import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isAway } from '../../core/errors.ts';
import type { Evidence } from '../../core/evidence/evidence.ts';
import { findSecret } from '../../core/secrets/find-secret.ts';
import type { Task, TaskIn } from '../../core/task/task.ts';
import { type Brief, brief } from '../assignment/brief.ts';
import { attemptFolder, prepareAttempt } from '../evidence/evidence-paths.ts';
import { removeFolder } from '../../files/remove-folder.ts';
import { logPath } from '../logs/attempt-log.ts';
import { keepLogs } from '../logs/keep-log.ts';
import { scratchFolder, scratchResult } from '../scratch.ts';
import type { Services } from '../workspace/services.ts';
import { AttemptProcesses } from './processes/attempt-processes.ts';
import {
  type AttemptEnd,
  type ChildEnd,
  endOfChild,
  endOfError,
  processesToEnd,
  type RunEnd,
  type StopReason,
} from './attempt-end.ts';
import type { AttemptReport } from './attempt-report.ts';
import { blame } from './blame.ts';
import { Capture } from './child/capture.ts';
import { assignment } from './child/assignment.ts';
import { CostFile } from './child/cost-file.ts';
import { childEnvironment, contextFile, type Places } from './child/child-environment.ts';
import { feed } from './child/feed.ts';
import { firstLine } from './child/first-line.ts';
import { ProcessGroup } from './processes/process-group.ts';
import { LeaseRenewal } from './lease-renewal.ts';
import { holdOf } from './recorded-outcome.ts';
import type { RunOptions } from './run-options.ts';
import { Settlement } from './settlement.ts';
import { terminate } from './processes/termination.ts';

/** The longest duration of a Node.js timer, in ms. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** One attempt at one task: its child process, its lease and its outcome. */
export class AttemptRun {
  readonly id: string;
  readonly done: Promise<AttemptReport>;
  readonly #services: Services;
  readonly #task: TaskIn<'working'>;
  readonly #options: RunOptions;
  readonly #settlement: Settlement;
  readonly #processes: AttemptProcesses;
  readonly #stopping = Promise.withResolvers<RunEnd>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #costs: CostFile;
  #log: readonly Evidence[] = [];
  #endedAt: number | undefined;

  constructor(services: Services, task: TaskIn<'working'>, options: RunOptions) {
    this.id = task.id;
    this.#services = services;
    this.#task = task;
    this.#options = options;
    this.#costs = new CostFile(join(scratchFolder(services.workspace, task.id, task.lease.attempt), 'cost.json'));
    this.#processes = new AttemptProcesses(services.workspace, task.id, (attempt) => attempt === this.#attempt);
    this.#settlement = new Settlement(services, task, options, () => terminate([this.#processes], options.killGrace));
    this.done = this.#run().finally(() => this.#timers.forEach(clearTimeout));
  }

  /** Asks the child to stop; the first reason counts. */
  stop(why: StopReason): void {
    this.#stopping.resolve({ kind: 'stopped', why });
  }

  /**
   * Checks whether the attempt still holds the task, and stops the child if it does not. It asks a busy store again.
   * @param rung whether a change of a task rang: then this machine has seen the change
   */
  async recheck(rung: boolean): Promise<void> {
    const { backend } = this.#services;
    let task: Task | undefined;
    try {
      task = rung ? await backend.lastKnown(this.id) : undefined;
      // A cache that is being rebuilt may still be at an earlier state: only the log can end the child.
      if (holdOf(task, this.#attempt) !== 'held') task = await backend.task(this.id);
    } catch (error) {
      // The outage was already reported.
      if (!isAway(error)) this.#options.warn(`${this.id}: ${(error as Error).message}; checking again later`);
      return;
    }
    this.#heed(task);
  }

  /** Stops the child if the attempt does not hold the task any more. */
  #heed(task: Task | undefined): void {
    switch (holdOf(task, this.#attempt)) {
      case 'held':
        return;
      case 'cancelled':
        return this.stop('cancelled');
      case 'lost':
        return this.stop('lease-lost');
      case 'ended':
        // The child may continue until it ends by itself.
        this.#timers.push(setTimeout(() => this.stop('lease-lost'), this.#options.killGrace));
    }
  }

  get #attempt(): number {
    return this.#task.lease.attempt;
  }

  async #run(): Promise<AttemptReport> {
    const scratch = scratchFolder(this.#services.workspace, this.id, this.#attempt);
    const renewal = this.#keepLease();
    try {
      const { ground } = this.#options;
      const end = await this.#attend(scratch).catch(async (error: unknown) => endOfError(await blame(error, ground)));
      const at = this.#endedAt ?? this.#services.clock();
      return await this.#settlement.record(end, { at, log: this.#log, cost: this.#costs.cost });
    } finally {
      renewal.stop();
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

  /** Runs the child. @returns the end of the attempt, which the queue does not know yet */
  async #attend(scratch: string): Promise<AttemptEnd> {
    if (!(await this.#endEarlierAttempts())) {
      return { tell: 'release', reason: 'a process of an earlier attempt cannot be ended', backoff: true };
    }
    const { store, workspace } = this.#services;
    const { ground, warn, briefOnly } = this.#options;
    await store.attend();
    // An existing folder does not belong to this attempt: its content is not the result.
    removeFolder(scratch);
    mkdirSync(workspace.runDir, { recursive: true, mode: workspace.modes.folder });
    mkdirSync(scratch, { mode: workspace.modes.folder });
    const artifactsDir = store.staging.locate(attemptFolder(this.id, this.#attempt));
    const places = {
      scratch,
      resultFile: scratchResult(workspace, this.id, this.#attempt),
      artifactsDir,
      costFile: this.#costs.path,
    };
    // No child of this machine writes the logs of earlier attempts any more.
    const known = this.#attempt === 1 ? this.#task : await keepLogs(this.#services, this.#task, warn);
    const { text, variables } = assignment(this.#services, known, this.#attempt, places);
    const input = await brief(this.#services, this.#task, contextFile(scratch), briefOnly ? '' : text);
    prepareAttempt(store.staging, this.#task);
    const capture = new Capture(scratch, workspace.modes.file, (problem) =>
      this.#stopping.resolve({ kind: 'output-lost', problem }),
    );
    try {
      const end = await this.#supervise(capture, input, places, variables);
      this.#readCost(capture);
      // Checked before anything is written to the old path of the workspace.
      const broken = await ground.fault();
      if (broken) throw broken;
      this.#log = await capture.keepLog(store, logPath(this.id, this.#attempt), (problem) =>
        warn(`${this.id}: its log is lost: ${problem}`),
      );
      return endOfChild(await this.#whatItDid(end, capture));
    } finally {
      capture.close();
    }
  }

  async #supervise(capture: Capture, input: Brief, places: Places, assigned: NodeJS.ProcessEnv): Promise<RunEnd> {
    const { command, args, cwd, env, killGrace, guard, policy } = this.#options;
    const started = guard.expect(places.resultFile);
    const group = new ProcessGroup({
      command,
      args,
      cwd,
      env: { ...env, ...childEnvironment(this.#services, this.#task, this.#attempt, input, places, assigned) },
    });
    started(group.id);
    if (policy.timeout !== undefined) {
      this.#timers.push(setTimeout(() => this.stop('timeout'), Math.min(policy.timeout, LONGEST_TIMER)));
    }
    feed(group.streams?.stdin, input);
    const captured = group.streams && capture.follow(group.streams, group.exit);
    const end = await Promise.race([group.exit, this.#stopping.promise]);
    this.#endedAt = this.#services.clock();
    const { which, grace } = processesToEnd(end, killGrace);
    const others = which === 'all' && group.id !== undefined ? [this.#processes.outside(group.id)] : [];
    await terminate([group, ...others], grace);
    await group.exit;
    await captured;
    if (group.id !== undefined) guard.release(group.id);
    return end;
  }

  #keepLease(): LeaseRenewal {
    const { policy, warn } = this.#options;
    return new LeaseRenewal(this.#services, {
      id: this.id,
      caller: this.#settlement.caller,
      lease: policy.lease,
      costs: this.#costs,
      warn,
      onRenewed: (task) => this.#heed(task),
      onRefused: () => this.recheck(false),
    });
  }

  /** Reads the final cost of the attempt. A file that is not valid changes no outcome. */
  #readCost(capture: Capture): void {
    this.#costs.read();
    const { path, problem } = this.#costs;
    if (problem === undefined) return;
    const what = `the cost in ${path} is not valid: ${problem}`;
    capture.note(`agentq: ${what}`);
    this.#options.warn(`${this.id}: ${what}`);
  }

  /** Collects the facts that decide on the attempt. */
  async #whatItDid(end: RunEnd, capture: Capture): Promise<ChildEnd> {
    if (end.kind !== 'exited' && end.kind !== 'signalled') return end;
    const outcome = await this.#settlement.recorded();
    if (outcome) return { kind: 'ended-itself', outcome };
    if (end.kind === 'exited' && end.code === 0) return await this.#resultOf(capture);
    const complaint = capture.complaint();
    const secret = complaint !== undefined && (await findSecret(complaint)) !== undefined;
    return { ...end, complaint: secret ? undefined : complaint };
  }

  /** The result file of the child, or else what it printed. */
  async #resultOf(capture: Capture): Promise<ChildEnd> {
    if (!capture.intact) {
      const problem = 'its scratch folder, where its result would be, was removed or replaced';
      return { kind: 'no-result', problem };
    }
    const resultFile = scratchResult(this.#services.workspace, this.id, this.#attempt);
    const written = lstatSync(resultFile, { throwIfNoEntry: false });
    if (written && !written.isFile()) {
      return { kind: 'no-result', problem: 'its result is not a regular file' };
    }
    const file = written ? resultFile : capture.answered ? capture.stdoutFile : undefined;
    if (file === undefined) return { kind: 'succeeded', result: {} };
    const result = { resultFile: { file, own: true }, summary: await firstLine(file) };
    return { kind: 'succeeded', result };
  }

  /** doctor removes scratch folders that cannot be removed here. */
  #removeScratch(scratch: string): void {
    try {
      removeFolder(scratch);
    } catch (error) {
      this.#options.warn(`${this.id}: its scratch folder could not be removed: ${(error as Error).message}`);
    }
  }
}
