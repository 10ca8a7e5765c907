import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

/**
 * Becomes the command itself, in a process group of its own, and leaves a guard in that group: one that reads a pipe
 * from us. A line releases it. Where the pipe ends without one, our process has died, in whatever way: then the guard
 * kills the command, removes its folder, and kills what is left of the group.
 */
const GUARD = '{ read -r _ <&3 && exit; kill -KILL $$; rm -rf "$0"; kill -KILL 0; } & exec "$@" 3<&-';

/** The file in its folder to which a process appends all that it prints. */
export const LOG = 'log';

/** A process in the background that never outlives the one that started it, not even one that was killed. */
export class GuardedProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    // Not its input: Node.js ends that by itself, without a line. No guard reads it where the group was killed.
    const pipe = child.stdio[3] as Socket;
    pipe.on('error', () => undefined);
    this.#ended = once(child, 'exit').then(() => pipe.end('\n'));
  }

  /** @param folder where it runs, and its log. Removed only where our process dies first: else that is left to us */
  static async start(command: readonly string[], env: NodeJS.ProcessEnv, folder: string): Promise<GuardedProcess> {
    const output = openSync(join(folder, LOG), 'a');
    try {
      const child = spawn('/bin/sh', ['-c', GUARD, folder, ...command], {
        env,
        cwd: folder,
        detached: true,
        stdio: ['ignore', output, output, 'pipe'],
      });
      await once(child, 'spawn');
      return new GuardedProcess(child);
    } finally {
      closeSync(output);
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended: its exit code, or the name of the signal; null while it runs. */
  get outcome(): number | string | null {
    return this.#child.exitCode ?? this.#child.signalCode;
  }

  /** As a power cut: the whole group, at once. Resolves once the process is gone. */
  async kill(): Promise<void> {
    if (this.running) process.kill(-this.pid, 'SIGKILL');
    await this.#ended;
  }
}
