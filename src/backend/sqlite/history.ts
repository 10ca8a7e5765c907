import { AgentqError } from '../../core/errors.ts';
import { Event, isNewerEvent } from '../../core/task/event.ts';
import type { Connection } from '../projection/connection.ts';
import { parseStored } from '../projection/rows.ts';

/**
 * The events of a task, in the order of the log; empty for an unknown id.
 * @throws AgentqError `newer-schema` or `corrupt` if one of them is unreadable
 */
export function history(db: Connection, id: string): readonly Event[] {
  const sql = 'SELECT body FROM events WHERE task = (SELECT n FROM tasks WHERE id = ?) ORDER BY seq';
  return db.all<{ body: string }>(sql, id).map(({ body }) => {
    const stored = parseStored(body);
    const parsed = Event.safeParse(stored);
    if (parsed.success) return parsed.data;
    if (isNewerEvent(stored))
      throw new AgentqError('newer-schema', `a newer agentq wrote an event of ${id}`, 'use the newer agentq');
    throw new AgentqError('corrupt', `the log of ${id} contains an event that is unreadable`, 'agentq doctor');
  });
}
