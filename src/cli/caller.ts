import type { Command } from 'commander';
import * as z from 'zod/mini';
import { findTask } from '../app/change/apply-command.ts';
import { AgentqError } from '../core/errors.ts';
import { name } from '../core/identifiers.ts';
import type { Context } from './context.ts';
import { count } from './input/flags.ts';

/** The options of all commands of a worker about the task that it holds. */
export const callerFlags = () => ({ from: z.optional(name('agent name')), attempt: z.optional(count()) });

export function addCallerOptions(command: Command): Command {
  return command
    .argument('[id]', 'the task (AGENTQ_TASK_ID)')
    .option('--from <role>', 'the role of the task, or the worker that claimed it (AGENTQ_AGENT)')
    .option('--attempt <n>', 'the attempt number from the claim (AGENTQ_ATTEMPT)');
}

export interface Caller {
  readonly id: string;
  readonly by: string;
  readonly attempt: number | undefined;
}

/**
 * The caller, task and attempt of a worker's command. The role may be missing if the attempt is known, or if the
 * command only reports.
 * @throws AgentqError `usage` if the role is required and missing
 */
export async function callerOf(
  cli: Context,
  named: {
    readonly id: string | undefined;
    readonly from?: string | undefined;
    readonly attempt?: number | undefined;
  },
  anonymous = false,
): Promise<Caller> {
  const { id, attempt } = cli.taskAndAttempt(named.id, named.attempt);
  const by = await cli.author(named.from);
  if (by !== undefined) return { id, attempt, by };
  if (attempt === undefined && !anonymous) {
    throw new AgentqError(
      'usage',
      'no role, attempt or agent is named',
      'give --from ROLE, or --attempt N, or set AGENTQ_AGENT',
    );
  }
  const { envelope } = await findTask(await cli.services(), id);
  return { id, attempt, by: envelope.to };
}
