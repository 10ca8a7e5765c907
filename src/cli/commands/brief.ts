import * as z from 'zod/mini';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { agentBrief } from '../../app/agent-brief/agent-brief.ts';
import { name } from '../../core/identifiers.ts';
import { AgentqError } from '../../core/errors.ts';
import { count, parseFlags } from '../input/flags.ts';
import type { Define } from '../verb.ts';
import { briefJson, briefText, fit } from '../output/report/brief-view.ts';

const Flags = z.object({
  as: z.optional(name('agent name')),
  group: z.optional(name('group')),
  maxTokens: z.optional(count()),
});

/** A token is counted as this many bytes. */
const TOKEN = 3;

/** The counts and the longest name must fit. */
const LEAST = 150;

export const define: Define = (command, context) =>
  command
    .option('--as <agent>', 'whose tasks: as their coordinator and as their worker (AGENTQ_AGENT, else coordinator)')
    .option('--group <name>', 'only tasks of this group')
    .option('--max-tokens <n>', 'the longest brief, with 3 bytes for a token (default: 800)')
    .action(async (options) => {
      const { as, group, maxTokens = 800 } = parseFlags(Flags, options);
      if (maxTokens < LEAST) throw new AgentqError('usage', `--max-tokens must be at least ${LEAST}`);
      const cli = context();
      const services = await cli.services();
      const brief = await agentBrief(services, cli.identity(as) ?? DEFAULT_AGENT, group, cli.system.hostname());
      const render = cli.io.json ? briefJson(brief) : briefText(brief, services.backend.now);
      const text = fit(brief, render, maxTokens * TOKEN).slice(0, -1);
      if (cli.io.json) cli.io.data(JSON.parse(text));
      else cli.io.prose(text, 4);
    });
