import * as z from 'zod/mini';
import { followLogs, printLog } from '../../app/logs/read-logs.ts';
import { count, parseFlags } from '../input/flags.ts';
import { logPrinter } from '../output/log-printer.ts';
import type { Define } from '../verb.ts';
import { untilSignal } from '../process/signals.ts';

const Flags = z.object({
  follow: z.optional(z.boolean()),
  attempt: z.optional(count()),
  tail: z.optional(count()),
});

export const define: Define = (command, context) =>
  command
    .argument('<id>')
    .option('-f, --follow', 'print more as it comes, and the attempts that follow, until the task has ended')
    .option('--attempt <n>', 'the attempt (default: the latest); --follow ends with it')
    .option('--tail <n>', 'begin with the last n lines')
    .addHelpText('after', HELP)
    .action(async (id: string, options) => {
      const { follow = false, ...more } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const request = { id, ...more };
      const output = logPrinter(cli.io, id, follow);
      if (!follow) return printLog(services, request, output);
      await untilSignal(cli.system, (signal) => followLogs(services, request, output, signal));
    });

const HELP = `
Prints standard output and standard error of the program that a worker runs for the task. On a terminal, control
characters are escaped; otherwise the bytes are printed as they are. With --json, each line is an object. While an
attempt runs on another machine, its log is there; it arrives in the store when the attempt ends. A task that was
claimed by hand has no log.`;
