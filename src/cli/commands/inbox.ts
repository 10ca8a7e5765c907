import * as z from 'zod/mini';
import { collect } from '../../app/inbox.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { resultsQueue } from '../../core/envelope/reply-to.ts';
import type { ResultMessage } from '../../core/result/result-message.ts';
import { duration, limitOf, parseFlags } from '../input/flags.ts';
import type { Io } from '../output/io.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas.ts';
import { untilSignal } from '../process/signals.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({
  as: z.optional(name('agent name')),
  wait: z.optional(duration()),
  limit: z.optional(limitOf()),
  keep: z.optional(z.boolean()),
  queue: z.optional(name('queue name')),
});

export const define: Define = (command, context) =>
  command
    .option('--as <agent>', 'the agent of the messages (AGENTQ_AGENT, else coordinator)')
    .option('--queue <name>', 'the queue that a submit named with --reply-to')
    .option('--wait <duration>', 'how long to wait for the first one')
    .option('--limit <n>', 'how many at most (default: 100)')
    .option('--keep', 'print them and leave them in the queue')
    .action(async (options) => {
      const { as, wait = 0, limit = 100, keep = false, ...flags } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const queue = flags.queue ?? resultsQueue(cli.identity(as) ?? 'coordinator');
      const { messages, acknowledge, release } = await untilSignal(cli.system, (signal) =>
        collect(services, { queue, limit, keep, deadline: services.monotonic() + wait, signal }),
      );
      if (messages.length === 0) throw new AgentqError('empty', cli.io.json ? `nothing waits in ${queue}` : '');
      let arrived = false;
      try {
        print(cli.io, messages);
        arrived = cli.io.delivered;
      } finally {
        // Messages that could not be printed are available again.
        await (arrived ? acknowledge() : release());
      }
      if (arrived && messages.length === limit && !cli.io.json) cli.io.talk('there may be more: agentq inbox');
    });

function print(io: Io, messages: readonly ResultMessage[]): void {
  if (io.json) return io.data({ messages: [...messages] } satisfies Output<'inbox'>);
  for (const { task_id, status, from, summary, reason, result_ref, drift } of messages) {
    const text = [...(drift ?? []).map((line) => `DRIFT: ${line}`), summary ?? reason, result_ref]
      .filter((part) => part !== undefined)
      .join('  ');
    io.prose(`${task_id}  ${status}  ${from}  ${visible(text)}`, 2);
  }
}
