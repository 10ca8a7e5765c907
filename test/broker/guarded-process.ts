import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

/**
 * Runs the command in a new process group with a guard. The guard reads a pipe from the test process. A line ends the
 * guard. If the pipe ends without a line, the test process has died: the guard then kills the command, removes its
 * folder, and kills the rest of the group.
 */
const GUARD = '{ read -r _ <&3 && exit; kill -KILL $$; rm -rf "$0"; kill -KILL 0; } & exec "$@" 3<&-';

/** The file in its folder to which a process appends its output. */
export const LOG = 'log';

/** A background process that ends at the latest with the process that started it, also if that was killed. */
export class GuardedProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid!;
    // Not the standard input: Node.js closes that without a line. If the group was killed, no guard reads the pipe.
    const pipe = child.stdio[3] as Socket;
    pipe.on('error', () => undefined);
    this.#ended = once(child, 'exit').then(() => pipe.end('\n'));
  }

  /** @param folder its working folder, with its log. It is removed only if the test process dies before the command */
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

  /** Kills the whole process group with SIGKILL. Resolves when the process has ended. */
  async kill(): Promise<void> {
    if (this.running) process.kill(-this.pid, 'SIGKILL');
    await this.#ended;
  }
}
