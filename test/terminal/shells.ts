import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const runs = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, {
    stdio: 'ignore',
    timeout: 600_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status === 0;

/** Installs the packages `$@` unless another process has done so. Test files run at the same time: one waits for another. */
const INSTALL = `for one; do
  command -v "$one" || { apt-get update; apt-get install -y --no-install-recommends "$@"; break; }
done`;

/**
 * Installs those of the programs that are missing, if the user may. Each program has the name of its package.
 * @returns why a program cannot be used on this machine; programs that are there are left out
 */
export function missing(...programs: readonly string[]): ReadonlyMap<string, string> {
  const isThere = (program: string) => runs('sh', '-c', `command -v ${program}`);
  const wanted = programs.filter((program) => !isThere(program));
  if (wanted.length > 0 && process.getuid?.() === 0 && runs('apt-get', '--version'))
    runs('flock', join(tmpdir(), 'agentq-apt.lock'), 'sh', '-c', INSTALL, 'sh', ...wanted);
  const left = wanted.filter((program) => !isThere(program));
  return new Map(left.map((program) => [program, `${program} is not on this machine (apt-get install ${program})`]));
}
