import { AgentqError } from '../../core/errors.ts';
import type { PassedOver } from '../backend.ts';
import type { LogParts } from './log-backend.ts';
import { StoppedAt } from './roadblock.ts';
import { SKIP } from './subject.ts';
import { noteMessage } from './outgoing.ts';

/** The last entries of the log that could not be read and were passed over, the latest first. */
export function passedOver({ cache }: LogParts): readonly PassedOver[] {
  return cache.db.all<PassedOver & object>('SELECT offset, key, user, reason FROM passed_over ORDER BY offset DESC');
}

/**
 * Tells all readers of the log to pass over the entry that stops them, because it says that a newer agentq wrote it.
 * @throws AgentqError `usage` where the entry at this offset does not stop the reading; `denied` where the user may
 * not say so: only coordinators may
 */
export async function skip({ log, link, names, clock }: LogParts, offset: number): Promise<void> {
  const stop = await log.catchUp().then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof StoppedAt) return error.offset;
      throw error;
    },
  );
  if (stop !== offset) {
    const instead = stop === undefined ? 'no entry does' : `entry ${stop} does`;
    throw new AgentqError('usage', `entry ${offset} of the log does not stop the reading: ${instead}`);
  }
  const message = noteMessage(names, log.newId(), clock(), { skip: offset }, { subject: SKIP, role: null });
  await link.lasting((session) => session.publish(message));
  await log.catchUp();
}
