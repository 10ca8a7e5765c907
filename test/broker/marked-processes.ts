import { spawnSync } from 'node:child_process';

/** All processes on this machine with this text in their arguments or environment, one line each. */
export function processesWith(mark: string): readonly string[] {
  // `e` prints the environment and `ww` full lines, on Linux and on BSD. RabbitMQ depends on Erlang, which needs ps.
  const ran = spawnSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (ran.status !== 0) throw new Error(`ps failed: ${ran.error?.message ?? ran.stderr}`);
  return ran.stdout.split('\n').filter((line) => line.includes(mark));
}
