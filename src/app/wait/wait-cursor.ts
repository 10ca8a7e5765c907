import { AgentqError } from '../../core/errors.ts';
import type { Scope } from './wait-any.ts';

/**
 * A cursor: up to where in the log the ended tasks of a scope were told. It also names the scope: a task of another
 * scope may have ended before, untold.
 */
export function cursorOf(scope: Scope, place: string): string {
  return `${place}.${markOf(scope)}`;
}

/** @throws AgentqError `usage` if the cursor is of another scope, or none */
export function placeIn(cursor: string, scope: Scope): string {
  const at = cursor.lastIndexOf('.');
  if (at > 0 && cursor.slice(at + 1) === markOf(scope)) return cursor.slice(0, at);
  throw new AgentqError(
    'usage',
    '--since: the cursor belongs to a wait for other tasks, or is damaged',
    'give it with the same ids, ended ones too, or with the same --from; leave it out to begin again',
  );
}

/** FNV-1a, 32 bits: it recognizes a mistake. */
function markOf(scope: Scope): string {
  const text = scope.from === undefined ? [...new Set(scope.ids)].toSorted().join('\n') : `from ${scope.from}`;
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(36);
}
