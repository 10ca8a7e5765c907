import type { CommandOf } from '../../core/command.ts';
import { AgentqError } from '../../core/errors.ts';
import type { EventOf } from '../../core/event.ts';
import { Unroutable } from './broker-error.ts';
import { RESERVED } from './names.ts';

export function unknownRole(role: string): AgentqError {
  return new AgentqError(
    'topology',
    `the broker has no queue for ${role}`,
    `declare it: agentq init --workers ${role}`,
  );
}

/** Publishes a submit. @throws AgentqError `topology` where nobody has declared its role */
export async function routed<T>({ envelope }: EventOf<'submitted'>, publish: () => Promise<T>): Promise<T> {
  try {
    return await publish();
  } catch (error) {
    throw error instanceof Unroutable ? unknownRole(envelope.to) : error;
  }
}

/** Such a queue name would be taken for a routing key of ours. */
export function refuseReserved({ envelope }: CommandOf<'submit'>): void {
  if (!envelope.reply_to.startsWith(RESERVED)) return;
  throw new AgentqError(
    'invalid-name',
    `${envelope.reply_to} cannot take result messages: names that begin with ${RESERVED} are agentq's own`,
    'name another queue with --reply-to',
  );
}
