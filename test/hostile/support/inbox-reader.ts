import { once } from 'node:events';
import type { Options } from './program.ts';
import { startScript } from './program.ts';

/** Twelve messages with this summary do not fit into a pipe. */
export const LONG_SUMMARY = 'so it was done. '.repeat(430);

/** Reads one byte of the output of the program, and then no more. */
const SLOW_READER = '"$0" "$@" | { dd bs=1 count=1 2>&1 >/dev/null | head -c 0; echo begun; exec sleep 25; }';

/** Starts an inbox command that cannot print all messages that it took, and kills it. */
export async function killReader(options: Options): Promise<void> {
  const child = startScript(SLOW_READER, ['inbox', '--json'], { ...options, detached: true });
  await once(child.stdout!, 'readable');
  const gone = once(child, 'close');
  child.stdout!.resume();
  process.kill(-child.pid!, 'SIGKILL');
  await gone;
}

/** The task ids in the output of several readers. */
export const idsIn = (printed: readonly string[]): readonly string[] =>
  printed
    .filter((text) => text !== '')
    .flatMap((text) => (JSON.parse(text) as { messages: { task_id: string }[] }).messages)
    .map(({ task_id }) => task_id);
