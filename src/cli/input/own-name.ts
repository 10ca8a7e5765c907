import type { Command } from 'commander';
import { DEFAULT_AGENT } from '../../app/names/default-name.ts';
import { AgentqError } from '../../core/errors.ts';
import { ME } from '../../core/identifiers.ts';

/** The options that name an agent or a worker; `--as` of a worker's command names a role. */
const AGENT = /^--(?:(?:from|as|by) <agent>|from <role>|worker <name>)$/;

/**
 * Replaces `me` in the options of a command line by the name of the caller.
 * @param identity the value of AGENTQ_AGENT
 * @throws AgentqError `usage` if a worker has no name
 */
export function resolveMe(command: Command, identity: () => string | undefined): void {
  for (const option of command.options) {
    const key = option.attributeName();
    if (command.getOptionValue(key) !== ME || !AGENT.test(option.flags)) continue;
    const known = identity() ?? (option.flags.endsWith('<agent>') ? DEFAULT_AGENT : undefined);
    if (known === undefined)
      throw new AgentqError('usage', `${option.long} me: you have no name`, 'set AGENTQ_AGENT=NAME');
    command.setOptionValue(key, known);
  }
}
