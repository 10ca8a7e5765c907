import { once } from 'node:events';
import type { Options } from './program.ts';
import { startScript } from './program.ts';

/** A dozen of these are more than fits into a pipe. */
export const LONG_SUMMARY = 'so it was done. '.repeat(430);

/** Reads a little of what the program prints, and then no more. */
const SLUGGISH = '"$0" "$@" | { dd bs=1 count=1 2>&1 >/dev/null | head -c 0; echo begun; exec sleep 25; }';

/** Starts an inbox that can't print all of what it took, and kills it in the middle. */
export async function killReader(options: Options): Promise<void> {
  const child = startScript(SLUGGISH, ['inbox', '--json'], { ...options, detached: true });
  await once(child.stdout!, 'readable');
  const gone = once(child, 'close');
  child.stdout!.resume();
  process.kill(-child.pid!, 'SIGKILL');
  await gone;
}

/** The ids in what several readers printed. */
export const idsIn = (printed: readonly string[]): readonly string[] =>
  printed
    .filter((text) => text !== '')
    .flatMap((text) => (JSON.parse(text) as { messages: { task_id: string }[] }).messages)
    .map(({ task_id }) => task_id);
