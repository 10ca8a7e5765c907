import { type ChildProcess, spawn } from 'node:child_process';

/** How long after a SIGKILL to wait for the end of the group, in ms. */
const UNBURIED = 1_000;

export interface Spawning {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export type Exit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'not-started'; readonly problem: string };

/** A child that leads a process group of its own, so that all it starts can be stopped with it. */
export class ProcessGroup {
  readonly child: ChildProcess;
  readonly exit: Promise<Exit>;

  constructor({ command, args, cwd, env }: Spawning) {
    this.child = spawn(command, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.exit = new Promise((resolve) => {
      this.child.once('error', ({ message }) => resolve({ kind: 'not-started', problem: message }));
      this.child.once('exit', (code, signal) =>
        resolve(signal ? { kind: 'signalled', signal } : { kind: 'exited', code: code ?? 1 }),
      );
    });
    // A child that does not read its standard input is not an error of ours.
    this.child.stdin?.on('error', () => {});
  }

  get id(): number | undefined {
    return this.child.pid;
  }

  /** @returns whether anyone of the group was there to be signalled */
  signal(signal: NodeJS.Signals | 0): boolean {
    if (this.id === undefined) return false;
    try {
      return process.kill(-this.id, signal);
    } catch {
      return false;
    }
  }

  /**
   * SIGTERM to the whole group; SIGKILL to what is left of it after `grace` ms. Resolves when it is gone, or soon
   * after the SIGKILL: what nobody buries, as in a container without an init, still counts as there.
   */
  async stop(grace: number): Promise<void> {
    this.signal('SIGTERM');
    const deadline = performance.now() + grace;
    while (this.signal(0) && performance.now() < deadline + UNBURIED) {
      if (performance.now() >= deadline) this.signal('SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.exit;
  }
}
