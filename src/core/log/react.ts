import { consequencesOfCost, consequencesOfSpending } from '../budget/consequences.ts';
import { usedUpFor } from '../budget/used-up.ts';
import type { Scope } from '../spending/scope.ts';
import { messagesOf } from '../task/messages.ts';
import { presentTask } from '../task/decision/pruned.ts';
import { POLICY } from '../policy/policy.ts';
import { booksOf } from './books.ts';
import type { Change, EventOf, Reaction, View, World } from './kind.ts';
import type { LogKinds } from './kinds.ts';

/** What follows from a change of a thing in the log. The only place that decides it, for all backends. */
export function react(change: Change<LogKinds>, view: View<LogKinds>): Reaction<EventOf<LogKinds>> {
  switch (change.kind) {
    case 'task': {
      const { event } = change;
      const [before, after] = [presentTask(change.before), presentTask(change.after)];
      const messages = messagesOf(before, after, event);
      return { messages, events: after ? consequencesOfCost(before, after, event) : [] };
    }
    case 'spending': {
      const task = presentTask(view.find('task', change.event.task));
      return { events: consequencesOfSpending(booksOf(view), change.id as Scope, change.event, task) };
    }
    case 'note':
    case 'policy':
      return {};
    default:
      return change satisfies never;
  }
}

/** Why an event may not take effect as the world is: no attempt begins beyond a budget. */
export function forbid(change: Change<LogKinds>, view: View<LogKinds>): string | undefined {
  if (change.kind !== 'task' || change.event.type !== 'claimed') return undefined;
  const task = presentTask(change.before);
  return task && usedUpFor(booksOf(view), task, change.event.at)?.reason;
}

/** What was spent decides only while a policy applies. */
export function decidesOnTasks(kind: string, world: World<LogKinds>): boolean {
  return kind === POLICY.kind || (kind === 'spending' && world.find('policy', POLICY.id) !== undefined);
}
