import type { Command, CommandOf } from '../../src/core/task/decision/command.ts';
import { type Decision, decide } from '../../src/core/task/decision/decide.ts';
import type { Envelope } from '../../src/core/envelope/envelope.ts';
import type { Event } from '../../src/core/task/event.ts';
import type { Evidence } from '../../src/core/evidence/evidence.ts';
import { type Backoff, FREE_HAND_BACKS, handBackBackoff } from '../../src/core/task/retry.ts';
import { sha256Hex } from '../../src/core/sha256.ts';
import type { Task } from '../../src/core/task/task.ts';

/** The time at which every story begins. */
export const T0 = Date.UTC(2027, 0, 31, 9);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

export const ID = 'task-1';
export const ROLE = 'implementer';

/** No jitter as long as `random` is 0.5: the waits are 10 s, 20 s, 40 s, 60 s, 60 s. */
export const backoff: Backoff = { base: 10 * SECOND, factor: 2, max: MINUTE, jitter: 0.2 };

export const envelope = (more: Partial<Envelope> = {}): Envelope => ({
  task_id: ID,
  from: 'coordinator',
  to: ROLE,
  reply_to: 'results.coordinator',
  type: 'task',
  priority: 'normal',
  instructions: 'do it',
  ...more,
});

export const evidence = (name: string, content = name, path = `artifacts/${ID}/1/${name}`): Evidence => ({
  name,
  path,
  sha256: sha256Hex(content),
  size: Buffer.byteLength(content),
});

type More<T extends Command['type']> = Partial<Omit<CommandOf<T>, 'type'>>;

export const submit = (more: Partial<Envelope> = {}, context?: Evidence): CommandOf<'submit'> => ({
  type: 'submit',
  envelope: envelope(more),
  context,
});
export const claim = (worker = 'w1', lease = MINUTE): CommandOf<'claim'> => ({ type: 'claim', worker, lease });
export const renew = (more: More<'renew'> = {}): CommandOf<'renew'> => ({
  type: 'renew',
  by: ROLE,
  lease: MINUTE,
  ...more,
});
export const complete = (more: More<'complete'> = {}): CommandOf<'complete'> => ({
  type: 'complete',
  by: ROLE,
  summary: 'done',
  artifacts: [],
  ...more,
});
export const fail = (more: More<'fail'> = {}): CommandOf<'fail'> => ({
  type: 'fail',
  by: ROLE,
  reason: 'it broke',
  artifacts: [],
  ...more,
});
export const release = (more: More<'release'> = {}): CommandOf<'release'> => ({
  type: 'release',
  by: ROLE,
  reason: 'given back',
  ...more,
});
export const cancel = (more: More<'cancel'> = {}): CommandOf<'cancel'> => ({
  type: 'cancel',
  by: 'coordinator',
  ...more,
});
export const acknowledge = (attempt: number): CommandOf<'acknowledge-cancel'> => ({
  type: 'acknowledge-cancel',
  by: 'w1',
  attempt,
});
export const retry: CommandOf<'retry'> = { type: 'retry', by: 'operator' };
export const edit = (more: More<'edit'> = {}): CommandOf<'edit'> => ({
  type: 'edit',
  by: 'coordinator',
  set: { priority: 'high' },
  ...more,
});
export const redo: CommandOf<'redo'> = { type: 'redo', by: 'coordinator', reason: 'its result was lost' };
export const dismiss: CommandOf<'dismiss'> = { type: 'dismiss', by: 'operator' };
export const elapse: CommandOf<'elapse'> = { type: 'elapse' };

export interface Story {
  readonly task: Task;
  /** The time of the last step. */
  readonly now: number;
  /** All events from the submit on. */
  readonly events: readonly Event[];
}

/**
 * Applies commands one after another. A number is a wait in ms. Uses `decide`, so that tests build only possible tasks.
 * @throws if a step is refused
 */
export function story(...steps: readonly (Command | number)[]): Story {
  let task: Task | undefined;
  let now = T0;
  const events: Event[] = [];
  for (const step of steps) {
    if (typeof step === 'number') {
      now += step;
      continue;
    }
    const decision = decide(task, step, { now, random: () => 0.5 });
    if (decision.refusal) throw new Error(`${step.type} was refused: ${decision.refusal.message}`);
    task = decision.task;
    events.push(...decision.events);
  }
  if (!task) throw new Error('a story begins with a submit');
  return { task, now, events };
}

/** The decision on a command `wait` ms after the end of the story. */
export function when(given: Story, command: Command, wait = 0, random = 0.5): Decision {
  return decide(given.task, command, { now: given.now + wait, random: () => random });
}

/** The steps of this many released attempts. After each of them the task becomes ready again. */
export const handBacks = (times: number): (Command | number)[] =>
  Array.from({ length: times }, (_, index) => [
    claim(),
    release({ attempt: index + 1 }),
    index < FREE_HAND_BACKS ? 0 : handBackBackoff.max,
  ]).flat();

/** The task without its number of refusals, which is all that a refusal changes. */
export function untouched(task: Task | undefined): Partial<Task> | undefined {
  return task && { ...task, refused: 0 };
}
