import { counted } from '../../../core/counted.ts';
import type { Command } from '../../../core/task/decision/command.ts';
import { AgentqError } from '../../../core/errors.ts';

/** How messages name a change whose effect is unknown, and what to do then. */
export interface Change {
  readonly name: string;
  readonly hint: string;
}

const AGAIN = 'run it again: a change that took effect is not repeated';

/** One command on one task. */
export function changeOf(id: string, command: Command): Change {
  const name = `${command.type} of ${id}`;
  if (command.type === 'claim') {
    return { name, hint: `claim again; if it is claimed already, the lease of ${command.worker} ends by itself` };
  }
  if (command.type !== 'submit') return { name, hint: AGAIN };
  const how = command.envelope.idempotency_key === undefined ? `--id ${id}` : 'the same --idempotency-key';
  return { name, hint: `run it again with ${how}: the same content gives the same task` };
}

/** Several commands, which take effect together or not at all. */
export function changeOfAll(ids: readonly string[]): Change {
  return { name: `batch of ${counted(ids.length, 'task')} from ${ids[0]} to ${ids.at(-1)}`, hint: AGAIN };
}

/**
 * Makes a change. Once it was sent, a broker that does not answer may have accepted it, or accept it later.
 * @param make receives a callback to call when it was sent
 * @throws AgentqError `outcome-unknown` in place of `unreachable` then
 */
export async function reportingUnknownOutcome<T>(
  { name, hint }: Change,
  make: (onSent: () => void) => Promise<T>,
): Promise<T> {
  let sent = false;
  try {
    return await make(() => (sent = true));
  } catch (error) {
    if (!sent || !(error instanceof AgentqError) || error.code !== 'unreachable') throw error;
    throw new AgentqError('outcome-unknown', `it is not known whether the ${name} took effect: ${error.message}`, hint);
  }
}
