import { DEFAULT_AGENT, otherOfDefaultName } from '../app/names/default-name.ts';
import type { Services } from '../app/workspace/services.ts';
import type { Context } from './context.ts';

/**
 * For a command under the default name: warns its agent once if another running agent uses this name in the workspace as
 * well. A person at a terminal is not warned, because one person has several terminals.
 */
export function warnOfSharedName({ system, io }: Context, services: Services): void {
  if (!system.above || system.stderr.isTTY) return;
  const other = otherOfDefaultName(services, system.above());
  if (!other) return;
  io.talk(
    `agentq: warning: another agent (process ${other.pid}) uses the name ${DEFAULT_AGENT} here too: ` +
      'its results come to the same inbox; set AGENTQ_AGENT=NAME for each agent',
  );
}
