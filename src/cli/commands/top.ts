import type { ReadStream } from 'node:tty';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { AgentqError } from '../../core/errors.ts';
import { untilSignal } from '../process/signals.ts';
import type { Define } from '../verb.ts';

export const define: Define = (command, context) =>
  command
    .option('--from <agent>', 'who cancels and retries (AGENTQ_AGENT, else as for cancel and dlq retry)')
    .addHelpText('after', HELP)
    .action(async ({ from }: { from?: string }) => {
      const cli = context();
      const { io, system } = cli;
      const input = system.stdin as Partial<ReadStream>;
      if (io.json) throw new AgentqError('usage', 'agentq top is for people', 'agentq status --json');
      if (!io.terminal || input.isTTY !== true || system.env['TERM'] === 'dumb')
        throw new AgentqError('usage', 'agentq top needs a terminal that it can draw on', 'agentq status --watch');
      const by = await cli.author(from);
      const services = await cli.services();
      const { runTop } = await import('../top/run.ts');
      const authors = { cancel: by ?? DEFAULT_AGENT, retry: by ?? 'person' };
      const terminal = { input: input as ReadStream, output: process.stdout };
      await untilSignal(system, (signal) => runTop(services, io, authors, terminal, signal));
    });

const HELP = `
It shows the roles, who works on what, dead letters and waiting tasks, and
changes with the queue. Keys:
  up, down, j, k, PgUp, PgDn, g, G   move
  Enter   open          l   follow the output
  r   retry             c   cancel, after a question
  ?   help              /   filter by role or text
  q   quit`;
