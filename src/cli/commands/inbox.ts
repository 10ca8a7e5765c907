import { fileURLToPath } from 'node:url';
import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { collect, collected, type InboxMessage } from '../../app/inbox.ts';
import { counted } from '../../core/counted.ts';
import { AgentqError } from '../../core/errors.ts';
import { name } from '../../core/identifiers.ts';
import { resultsQueue } from '../../core/envelope/reply-to.ts';
import { duration, limitOf, parseFlags } from '../input/flags.ts';
import type { Io } from '../output/io.ts';
import type { Define } from '../verb.ts';
import type { Output } from '../output/schemas/outputs.ts';
import { warnOfSharedName } from '../shared-name.ts';
import { untilSignal } from '../process/signals.ts';
import { visible } from '../output/visible.ts';

const Flags = z.object({
  as: z.optional(name('agent name')),
  wait: z.optional(duration()),
  limit: z.optional(limitOf()),
  keep: z.optional(z.boolean()),
  queue: z.optional(name('queue name')),
  seen: z.optional(z.boolean()),
});

export const define: Define = (command, context) =>
  command
    .option('--as <agent>', 'the agent of the messages (AGENTQ_AGENT, else coordinator)')
    .option('--queue <name>', 'the queue that a submit named with --reply-to')
    .option('--wait <duration>', 'how long to wait for the first one')
    .option('--limit <n>', 'how many at most (default: 100)')
    .option('--seen', 'list again what the queue has given, the last ended first')
    .option('--keep', 'print them and leave them in the queue')
    .action(async (options) => {
      const { as, wait = 0, limit = 100, keep = false, ...flags } = parseFlags(Flags, options);
      const cli = context();
      const services = await cli.services();
      const queue = flags.queue ?? resultsQueue(cli.identity(as) ?? DEFAULT_AGENT);
      const isUnnamed = flags.queue === undefined && cli.identity(as) === undefined;
      if (flags.seen) {
        if (keep || wait > 0) throw new AgentqError('usage', '--seen excludes --keep and --wait', 'give it alone');
        const given = await collected(services, queue, limit);
        if (given.length === 0)
          throw new AgentqError('empty', cli.io.json ? `${queue} has given nothing that is still known` : '');
        return print(cli.io, given);
      }
      const { messages, acknowledge, release } = await untilSignal(cli.system, (signal) =>
        collect(services, { queue, limit, keep, deadline: services.monotonic() + wait, signal }),
      );
      if (messages.length === 0) throw new AgentqError('empty', cli.io.json ? `nothing waits in ${queue}` : '');
      let arrived = false;
      try {
        print(cli.io, messages);
        arrived = cli.io.delivered;
        if (isUnnamed) warnOfSharedName(cli, services);
      } finally {
        // Messages that could not be printed are available again.
        await (arrived ? acknowledge() : release());
      }
      if (arrived && messages.length === limit && !cli.io.json) cli.io.hint('there may be more: agentq inbox');
    });

function print(io: Io, messages: readonly InboxMessage[]): void {
  if (io.json) return io.data({ messages: [...messages] } satisfies Output<'inbox'>);
  for (const { task_id, status, from, by = from, summary, reason, result_ref, artifact_count, drift } of messages) {
    const files =
      artifact_count === undefined ? undefined : `${counted(artifact_count, 'artifact')}: agentq result ${task_id}`;
    const text = [...(drift ?? []).map((line) => `DRIFT: ${line}`), summary ?? reason, placeOf(result_ref), files]
      .filter((part) => part !== undefined)
      .join('  ');
    io.prose(`${task_id}  ${status}  ${by}  ${visible(text)}`, 2);
  }
}

/** The path of a file of this machine; another reference as it is. */
function placeOf(ref: string | undefined): string | undefined {
  if (!ref?.startsWith('file:///')) return ref;
  try {
    return fileURLToPath(ref);
  } catch {
    return ref;
  }
}
