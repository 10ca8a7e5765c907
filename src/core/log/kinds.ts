import { type ApplyPolicy, type Applied, decidePolicy, evolvePolicy, type Policy } from '../policy/policy.ts';
import { decideNote, evolveNote, type Note, type NoteCommand, type NoteEvent } from '../note/note.ts';
import { evolveSpending, type Spending, type Spent } from '../spending/spending.ts';
import { carries } from '../task/carries.ts';
import type { Event as TaskEvent } from '../task/event.ts';
import { lostEvent } from '../task/decision/lost-event.ts';
import { evolveKnown, isPruned, type KnownTask } from '../task/decision/pruned.ts';
import type { Kind } from './kind.ts';

const task: Kind<KnownTask, TaskEvent> = {
  evolve: evolveKnown,
  lost: (task, event, reason) => (isPruned(task) ? undefined : lostEvent(task, event, reason)),
  carries: (task) => !isPruned(task) && carries(task),
  outcome: (task) => (isPruned(task) || !carries(task) ? task.status : undefined),
};

const note: Kind<Note, NoteEvent, NoteCommand> = {
  decide: decideNote,
  evolve: evolveNote,
  lost: () => undefined,
  carries: ({ removed_at }) => removed_at === undefined,
  outcome: ({ removed_at }) => (removed_at === undefined ? undefined : 'removed'),
  keepsEvents: false,
};

const policy: Kind<Policy, Applied, ApplyPolicy> = {
  decide: decidePolicy,
  evolve: evolvePolicy,
  lost: () => undefined,
  carries: () => true,
  outcome: () => undefined,
};

const spending: Kind<Spending, Spent> = {
  evolve: evolveSpending,
  lost: () => undefined,
  carries: () => true,
  outcome: () => undefined,
  keepsEvents: false,
  isSum: true,
};

/** The kinds of things that the log contains. */
export const kinds = { task, note, policy, spending };

export type LogKinds = typeof kinds;
