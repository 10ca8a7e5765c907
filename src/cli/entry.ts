import { fstatSync, writeSync } from 'node:fs';
import { AgentqError } from '../core/errors.ts';
import { processAndAbove } from '../files/running-process.ts';
import { main } from './main.ts';
import { report } from './errors/error-report.ts';
import { clockId } from './process/clock-id.ts';
import { hangupIgnored } from './process/hangup.ts';
import { OutputClosed, type Sink, type System } from './process/system.ts';

/**
 * Runs the program in this process.
 * @param cacheFolder a folder that only the user can write to
 * @returns the exit code; bin/agentq.cjs exits with it
 */
export function run(cacheFolder?: string): Promise<number> {
  // A URL may contain a password, and all users of the machine can read command lines.
  if (process.argv.some((arg) => /^(--url=)?[a-z][a-z\d+.-]*:\/\/[^/\s]*@/i.test(arg))) process.title = 'agentq';
  const system: System = {
    args: process.argv.slice(2),
    env: process.env,
    cacheFolder,
    get cwd() {
      try {
        return process.cwd();
      } catch {
        throw new AgentqError('no-workspace', 'the current folder was deleted', 'go to another one');
      }
    },
    get stdin() {
      // Node.js treats a folder as a stream that has ended.
      if (fstatSync(0).isDirectory())
        throw new AgentqError('unreadable-file', 'standard input is a folder', 'redirect it from a file');
      return process.stdin;
    },
    stdout: standard(1, () => process.stdout),
    stderr: standard(2, () => process.stderr),
    hostname: () => process.getBuiltinModule('node:os').hostname(),
    clockId,
    pid: process.pid,
    above: () => processAndAbove(process.ppid),
    clock: Date.now,
    // It does not use performance.now(), whose first call costs a one-shot command 0.7 ms.
    monotonic: () => process.uptime() * 1_000,
    random: Math.random,
    endsProcess: true,
    onSignal(listener) {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
      const ignored = hangupIgnored(process.env);
      const handler = (signal: NodeJS.Signals) => {
        if (signal !== 'SIGHUP' || !ignored) listener(signal);
      };
      // Also if SIGHUP must be ignored: without a listener it would end the process.
      for (const signal of signals) process.on(signal, handler);
      return () => signals.forEach((signal) => process.off(signal, handler));
    },
  };
  // An error outside of the command, or a rejection without a handler, ends the process at once.
  const { promise: crashed, resolve: crash } = Promise.withResolvers<number>();
  process.on('uncaughtException', (error) => crash(report(error, system)));
  return Promise.race([main(system), crashed]);
}

/**
 * A standard stream with synchronous writes, so that all output is written when the process exits. The stream of
 * Node.js is created only if the output may be a terminal, because its creation costs 2 ms.
 */
function standard(fd: 1 | 2, stream: () => NodeJS.WriteStream): Sink {
  return {
    write(data) {
      let rest = typeof data === 'string' ? Buffer.from(data) : data;
      while (rest.length > 0) rest = rest.subarray(writeSome(fd, rest));
    },
    get isTTY() {
      return fstatSync(fd).isCharacterDevice() && stream().isTTY;
    },
    get columns() {
      return stream().columns;
    },
    get rows() {
      return stream().rows;
    },
  };
}

/** @returns how many bytes were written */
function writeSome(fd: number, data: Uint8Array): number {
  try {
    return writeSync(fd, data);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw new OutputClosed();
    if (code !== 'EAGAIN')
      throw new AgentqError(
        'storage',
        `${fd === 1 ? 'standard output' : 'standard error'}: ${(error as Error).message}`,
      );
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return 0;
  }
}
