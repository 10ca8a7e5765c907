import { groupOf } from '../envelope/group.ts';
import type { Envelope } from '../envelope/envelope.ts';
import type { Budget } from '../policy/document.ts';
import type { Subject } from '../thing.ts';

/** What is added up together: the cost of a role's tasks, of a group's tasks, or of all. */
export type Scope = 'all' | `role.${string}` | `group.${string}`;

/** All scopes that the cost of a task belongs to, the narrowest first. */
export function scopesOf(envelope: Envelope): readonly Scope[] {
  const group = groupOf(envelope);
  return [...(group === undefined ? [] : [`group.${group}` as const]), `role.${envelope.to}`, 'all'];
}

/** What a budget limits. */
export function scopeOf({ role, group }: Budget): Scope {
  if (group !== undefined) return `group.${group}`;
  return role === undefined ? 'all' : `role.${role}`;
}

/** What was spent on a scope, as a thing of the log. */
export const spendingOn = (scope: Scope): Subject => ({ kind: 'spending', id: scope });
