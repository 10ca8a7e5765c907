import { hostname } from 'node:os';
import { main } from './main.ts';

/** Runs the program in this process. @returns the exit code; bin/agentq.cjs exits with it */
export function run(): Promise<number> {
  // A reader that has seen enough (agentq list | head) is not an error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  return main({
    args: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    hostname,
    pid: process.pid,
    clock: Date.now,
    random: Math.random,
    onSignal(listener) {
      const signals = ['SIGINT', 'SIGTERM'] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => signals.forEach((signal) => process.off(signal, listener));
    },
  });
}
