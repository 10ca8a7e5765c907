import { counted } from '../../counted.ts';
import type { Event } from '../event.ts';
import type { Envelope } from '../../envelope/envelope.ts';
import { resultsQueue } from '../../envelope/reply-to.ts';

/** The type of a task that represents an unreadable message. */
export const UNREADABLE = 'unreadable';

/** How much of such a message is shown, in bytes. */
const SHOWN = 4_096;

/**
 * Represents a message that is not a task as a task that failed at once, so that people find it among the dead letters.
 */
export function unreadableEvents(id: string, role: string, content: Buffer, reason: string, at: number): Event[] {
  const envelope: Envelope = {
    task_id: id,
    from: 'unknown',
    to: role,
    reply_to: resultsQueue('unknown'),
    type: UNREADABLE,
    priority: 'normal',
    instructions: visibleBytes(content),
  };
  const base = { v: 1, task_id: id, at } as const;
  return [
    { ...base, type: 'submitted', envelope },
    { ...base, type: 'attempt-failed', attempt: 1, by: role, reason, artifacts: [], retry_at: null },
  ];
}

/** Printable ASCII as it is, and everything else as \xNN. */
function visibleBytes(content: Buffer): string {
  const shown = [...content.subarray(0, SHOWN)]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
  return content.length > SHOWN ? `${shown}… (${counted(content.length, 'byte')})` : shown;
}
