import { counted } from '../../../core/counted.ts';
import type { Overview } from '../../../app/overview.ts';
import type { Context } from '../../context.ts';
import type { Sink } from '../../process/system.ts';
import { gist, overviewView, printOverview } from './overview.ts';
import { iso } from '../views.ts';

const HOME = '\u001b[H';
const CLEAR = '\u001b[2J';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';

/**
 * Prints an overview whenever it has changed: redrawn on a terminal, else as a block below a line with the time, and
 * with --json as one object in one line. Ends with the overviews, or when the reader of the output has gone away.
 */
export async function showChanges(cli: Context, overviews: AsyncIterable<Overview>): Promise<void> {
  const { io, system } = cli;
  const redraws = io.terminal && system.env['TERM'] !== 'dumb';
  let last: string | undefined;
  for await (const overview of overviews) {
    if (!io.delivered) return;
    const text = io.json ? '' : await textOf(cli, overview);
    // What is redrawn follows the ages too. A block is printed only if more than an age has changed.
    const told = redraws && !io.json ? text : gist(io.json ? { ...overview, running: [] } : overview);
    if (told === last) continue;
    if (io.json) io.data(overviewView(overview));
    else if (redraws) io.bytes(Buffer.from(screen(text, system.stdout.rows, last === undefined)));
    else io.line(`--- ${iso(overview.now)}\n${text.trimEnd()}`);
    last = told;
    if (!io.delivered) return;
  }
}

/** The overview with its messages, as the terminal of the command would show it. */
async function textOf(cli: Context, overview: Overview): Promise<string> {
  const pieces: string[] = [];
  const { stdout } = cli.system;
  const sink: Sink = {
    write: (data) => void pieces.push(String(data)),
    isTTY: stdout.isTTY,
    columns: stdout.columns,
  };
  await printOverview(cli.ioTo(sink), overview);
  return pieces.join('');
}

/** Draws over the last screen from its first line on, so that nothing flickers. */
function screen(text: string, rows: number | undefined, first: boolean): string {
  const lines = text.trimEnd().split('\n');
  const room = rows === undefined || rows < 2 ? lines.length : rows - 1;
  const shown =
    lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${counted(lines.length - room + 1, 'more line')}`];
  return `${first ? CLEAR : ''}${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`;
}
