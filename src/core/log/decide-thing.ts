import type { Given, ThingDecision } from '../thing.ts';
import type { Kinds } from './kind.ts';
import type { LogEvent } from './rules.ts';

/** Decides a command on a thing that is not a task, by the rules of its kind. */
export function decideThing(
  kinds: Kinds,
  kind: string,
  state: unknown,
  command: unknown,
  given: Given,
): ThingDecision<LogEvent> {
  const rules = kinds[kind];
  if (!rules?.decide) throw new TypeError(`things of the kind ${kind} take no commands`);
  return rules.decide(state, command, given) as ThingDecision<LogEvent>;
}
