import type { LogOutput } from '../../app/logs/log-output.ts';
import type { Io } from './io.ts';
import type { Output } from './schemas/outputs.ts';
import { visibleText } from './visible.ts';

/** The length at which a line is printed as several objects, in characters. */
const LONGEST_LINE = 64 * 1024;

/** Prints logs: as bytes; as safe text on a terminal; or with --json one object for each line. */
export function logPrinter(io: Io, id: string, follow: boolean): LogOutput {
  let decoder = new TextDecoder();
  let attempt: number | undefined;
  let rest = '';

  const record = (number: number, text: string) => io.data({ attempt: number, text } satisfies Output<'logs'>);
  const printLines = (number: number, text: string, isEnd: boolean) => {
    rest += text;
    for (;;) {
      const end =
        rest.indexOf('\n') + 1 || (rest.length >= LONGEST_LINE || isEnd ? Math.min(rest.length, LONGEST_LINE) : 0);
      if (end === 0) return;
      record(number, rest.slice(0, end));
      rest = rest.slice(end);
    }
  };

  return {
    begin(number) {
      if (follow && attempt !== undefined && !io.json) io.talk(`agentq: attempt ${number} of ${id}`);
      attempt = number;
      decoder = new TextDecoder();
    },
    take(number, bytes) {
      if (io.json) printLines(number, decoder.decode(bytes, { stream: true }), false);
      else if (io.terminal) io.text(visibleText(decoder.decode(bytes, { stream: true })));
      else io.bytes(bytes);
      return io.delivered;
    },
    end(number) {
      const text = decoder.decode();
      if (io.json) printLines(number, text, true);
      else if (io.terminal) io.text(visibleText(text));
    },
    say: (line) => io.talk(`agentq: ${line}`),
  };
}
