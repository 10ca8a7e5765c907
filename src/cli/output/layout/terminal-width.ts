import type { Sink } from '../../process/system.ts';

/** Assumed for a terminal that does not know its size. */
const USUAL = 80;

/** Text is not printed wider than this on a terminal, because long lines are hard to read. */
export const PROSE = 100;

/**
 * The columns that a line may have: COLUMNS if it is set, else the width of the terminal.
 * @returns Infinity for an output that is no terminal: its reader gets whole values
 */
export function terminalWidth(stream: Sink, env: NodeJS.ProcessEnv): number {
  const named = /^[1-9]\d{0,4}$/.test(env['COLUMNS'] ?? '') ? Number(env['COLUMNS']) : undefined;
  if (named !== undefined) return named;
  return stream.isTTY ? stream.columns || USUAL : Infinity;
}

/** The same for free text and messages. COLUMNS alone does not count: a program may read the lines. */
export function proseWidth(stream: Sink, env: NodeJS.ProcessEnv): number {
  return stream.isTTY ? Math.min(terminalWidth(stream, env), PROSE) : Infinity;
}
