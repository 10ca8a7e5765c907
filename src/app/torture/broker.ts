import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';

/** The time between two kills of the broker, and the time until its restart, in ms: minimum and maximum. */
const LIFE = [4_000, 12_000] as const;
const DEATH = [0, 3_000] as const;

/** A broker that this program starts and may kill: a command that runs it in the foreground. */
export class TorturedBroker {
  readonly #command: string;
  #child: ChildProcess;

  constructor(command: string) {
    this.#command = command;
    this.#child = this.#start();
  }

  #start(): ChildProcess {
    const child = spawn('/bin/sh', ['-c', `exec ${this.#command}`], { detached: true, stdio: 'ignore' });
    child.on('error', () => {});
    return child;
  }

  /** Kills it repeatedly, as a power cut would. At the end of the time it runs. */
  async torture(random: () => number, deadline: number, ledger: Ledger): Promise<void> {
    const between = ([least, most]: readonly [number, number]) => least + random() * (most - least);
    for (;;) {
      const life = between(LIFE);
      if (performance.now() + life > deadline) return;
      await pause(life);
      await this.kill();
      ledger.countKill();
      await pause(between(DEATH));
      this.#child = this.#start();
    }
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    process.kill(-this.#child.pid!, 'SIGKILL');
    await gone;
  }
}
