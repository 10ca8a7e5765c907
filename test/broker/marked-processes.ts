import { spawnSync } from 'node:child_process';

/** All processes on this machine with that text among their arguments or in their environment, one line each. */
export function processesWith(mark: string): readonly string[] {
  // Wide, and with the environment of each, which Linux and the BSDs agree on. RabbitMQ's Erlang brings ps along.
  const ran = spawnSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (ran.status !== 0) throw new Error(`ps failed: ${ran.error?.message ?? ran.stderr}`);
  return ran.stdout.split('\n').filter((line) => line.includes(mark));
}
