import * as z from 'zod/mini';
import { collect } from '../../app/inbox.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { resultsQueue } from '../../core/reply-to.ts';
import { count, duration, parseFlags } from '../flags.ts';
import type { Define } from '../main.ts';
import type { Output } from '../schemas.ts';
import { untilSignal } from '../signals.ts';
import { visible } from '../visible.ts';

const Flags = z.object({
  as: z.optional(name('agent name')),
  wait: z.optional(duration()),
  limit: z.optional(count()),
  keep: z.optional(z.boolean()),
  queue: z.optional(name('queue name')),
});

export const define: Define = (command, context) =>
  command
    .option('--as <agent>', 'whose results (AGENTQ_AGENT, else coordinator)')
    .option('--queue <name>', 'the queue that a submit named with --reply-to')
    .option('--wait <duration>', 'wait so long for the first one')
    .option('--limit <n>', 'at most so many (default: 100)')
    .option('--keep', 'look without taking them out')
    .action(async (options) => {
      const { as, wait = 0, limit = 100, keep = false, ...flags } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const queue = flags.queue ?? resultsQueue(cli.identity(as) ?? 'coordinator');
      const { messages, acknowledge } = await untilSignal(cli.system, (signal) =>
        collect(services, queue, limit, services.monotonic() + wait, signal),
      );
      if (messages.length === 0) throw new AgentqError('empty', cli.io.json ? `nothing waits in ${queue}` : '');
      if (cli.io.json) cli.io.data({ messages: [...messages] } satisfies Output<'inbox'>);
      else {
        for (const { task_id, status, from, summary, reason, result_ref, drift } of messages) {
          const said = [...(drift ?? []).map((line) => `DRIFT: ${line}`), summary ?? reason, result_ref]
            .filter((part) => part !== undefined)
            .join('  ');
          cli.io.line(`${task_id}  ${status}  ${from}  ${visible(said)}`);
        }
        if (messages.length === limit && cli.io.delivered) cli.io.talk('there may be more: agentq inbox');
      }
      // What did not arrive is shown again.
      if (!keep && cli.io.delivered) await acknowledge();
    });
