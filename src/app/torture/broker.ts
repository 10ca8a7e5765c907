import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';

/** How long the broker lives between two kills, and how long it stays away, in ms, at least and at most. */
const LIFE = [4_000, 12_000] as const;
const DEATH = [0, 3_000] as const;

/** A broker that was started here, and may therefore be killed: a command that runs it in the foreground. */
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

  /** Kills it as a power cut would, again and again; when the time is over, it runs. */
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
