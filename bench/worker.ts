import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { program } from './agentq.ts';
import { environment } from './measure.ts';

/** The interval of the checks whether the worker has done the tasks, in ms. */
const POLL = 10;

/** An `agentq work` for the role of the benchmark, which runs until it is stopped. */
export class BenchWorker implements AsyncDisposable {
  readonly pid: number;
  readonly #process: ChildProcess;
  #completed = 0;
  #problem: string | undefined;

  constructor(workspace: string, options: readonly string[], child: readonly string[]) {
    const args = [program, '--json', 'work', '--as', 'bench', ...options, '--', ...child];
    this.#process = spawn(process.execPath, args, {
      cwd: workspace,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.pid = this.#process.pid!;
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#receive(line));
    this.#process.once('exit', () => (this.#problem ??= 'the worker ended'));
    // It must end before its folder is removed.
    process.prependOnceListener('exit', this.#kill);
  }

  /** Kills the worker without a grace period, because it has no task that needs an orderly end. */
  readonly #kill = (): boolean => this.#process.kill('SIGKILL');

  #receive(line: string): void {
    const { event } = JSON.parse(line) as { event: string };
    if (event === 'completed') this.#completed++;
    else if (event !== 'started') this.#problem ??= line;
  }

  /** Resolves when it has completed this number of tasks since its start. */
  completed(tasks: number): Promise<void> {
    return BenchWorker.completed([this], tasks);
  }

  /** Resolves when these workers together have completed this number of tasks since their start. */
  static async completed(workers: readonly BenchWorker[], tasks: number): Promise<void> {
    while (workers.reduce((sum, worker) => sum + worker.#completed, 0) < tasks) {
      const problem = workers.map((worker) => worker.#problem).find((one) => one !== undefined);
      if (problem !== undefined) throw new Error(problem);
      await pause(POLL);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#kill();
    await gone;
  }
}
