import { isName } from '../identifiers.ts';
import type { Envelope } from './envelope.ts';

/** The group that a task belongs to; undefined if it has none. A version that did not know groups may have written any value. */
export function groupOf({ group }: Envelope): string | undefined {
  return typeof group === 'string' && isName('group', group) ? group : undefined;
}
