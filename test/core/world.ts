import * as fc from 'fast-check';
import type { Command, CommandType } from '../../src/core/task/decision/command.ts';
import { type Decision, decide } from '../../src/core/task/decision/decide.ts';
import { elapse } from '../../src/core/task/elapse.ts';
import { ATTEMPTS_PER_EPOCH } from '../../src/core/task/epoch.ts';
import type { Event } from '../../src/core/task/event.ts';
import { MAX_STARTS } from '../../src/core/task/retry.ts';
import type { Task } from '../../src/core/task/task.ts';
import {
  backoff,
  claim,
  complete,
  evidence,
  fail,
  handBacks,
  MINUTE,
  release,
  renew,
  ROLE,
  SECOND,
  type Story,
  story,
  submit,
} from './tasks.ts';

/** One thing that happens in the world: some time passes, then somebody gives a command. */
export interface Step {
  readonly wait: number;
  /** Who speaks; a worker remembers the attempt that its last claim gave it, however long ago. */
  readonly worker: string;
  readonly verb: CommandType;
  /** The number that the speaker gives: the one it remembers, none, the latest, or any. */
  readonly names: 'remembered' | 'none' | 'latest' | number;
  readonly asRole: boolean;
  /** Whether a failure or a hand-back takes a backoff, and a submit repeats the content. */
  readonly again: boolean;
  /** What is said; few, so that the same is sometimes said twice. */
  readonly word: string;
  readonly random: number;
}

type Spoken = { readonly by: string; readonly attempt: number | undefined };

const promised = ['patch'];
const artifacts = (word: string) => (word === 'bare' ? [] : [evidence('patch', word)]);

/** How a step becomes a command, for every type of command that there is. */
const verbs: { readonly [T in CommandType]: (step: Step, spoken: Spoken, task: Task) => Command & { type: T } } = {
  submit: ({ again, word }: Step, _spoken: Spoken, { envelope }: Task) => ({
    type: 'submit',
    envelope: again ? envelope : { ...envelope, instructions: word },
  }),
  claim: ({ worker }: Step) => claim(worker),
  renew: ({ word }: Step, spoken: Spoken) => renew({ ...spoken, note: word }),
  complete: ({ word }: Step, spoken: Spoken) => complete({ ...spoken, summary: word, artifacts: artifacts(word) }),
  fail: ({ word, again }: Step, spoken: Spoken) => fail({ ...spoken, reason: word, ...(again && { backoff }) }),
  release: ({ word, again }: Step, spoken: Spoken) => release({ ...spoken, reason: word, ...(again && { backoff }) }),
  cancel: ({ word }: Step) => ({ type: 'cancel', by: 'coordinator', reason: word }),
  'acknowledge-cancel': ({ worker }: Step, { attempt }: Spoken) => ({
    type: 'acknowledge-cancel',
    by: worker,
    attempt: attempt ?? 1,
  }),
  'note-refusal': ({ word }: Step, spoken: Spoken) => ({
    type: 'note-refusal',
    of: 'complete',
    reason: word,
    ...spoken,
  }),
  retry: () => ({ type: 'retry', by: 'operator' }),
  dismiss: () => ({ type: 'dismiss', by: 'operator' }),
  restore: (_step: Step, _spoken: Spoken, { attempts_above = 0 }: Task) => ({
    type: 'restore',
    epoch: Math.floor(attempts_above / ATTEMPTS_PER_EPOCH) + 1,
    since: Math.floor(attempts_above / ATTEMPTS_PER_EPOCH),
  }),
  prune: () => ({ type: 'prune', before: 0, keep_dead: false, remember: 1 }),
  elapse: () => ({ type: 'elapse' }),
};

/** Claims and the ends of attempts most of all: else few tasks would live to see a second attempt. */
const weights: Record<CommandType, number> = {
  submit: 1,
  claim: 15,
  renew: 4,
  complete: 2,
  fail: 8,
  release: 7,
  cancel: 1,
  'acknowledge-cancel': 2,
  'note-refusal': 1,
  retry: 4,
  dismiss: 1,
  restore: 1,
  // After it there is no task to continue with.
  prune: 0,
  elapse: 2,
};

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record<Step>({
    wait: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 3, arbitrary: fc.nat(25 * SECOND) },
      { weight: 2, arbitrary: fc.constantFrom(1, 10 * SECOND, MINUTE - 1, MINUTE, 5 * MINUTE) },
    ),
    worker: fc.constantFrom('w1', 'w2', 'w3'),
    verb: fc.oneof(
      ...(Object.keys(verbs) as CommandType[]).map((verb) => ({
        weight: weights[verb],
        arbitrary: fc.constant(verb),
      })),
    ),
    names: fc.oneof(
      { weight: 4, arbitrary: fc.constant<Step['names']>('latest') },
      { weight: 3, arbitrary: fc.constant<Step['names']>('remembered') },
      { weight: 2, arbitrary: fc.constant<Step['names']>('none') },
      { weight: 1, arbitrary: fc.nat(5) },
    ),
    asRole: fc.nat(3).map((n) => n > 0),
    again: fc.boolean(),
    word: fc.constantFrom('bare', 'one', 'other'),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  }),
  { maxLength: 60, size: 'max' },
);

/** Tasks at the beginning of their life, and some that have used up almost all of their starts. */
export const beginnings: fc.Arbitrary<Story> = fc
  .record({
    envelope: fc.record(
      {
        max_attempts: fc.integer({ min: 1, max: 4 }),
        ttl_seconds: fc.constantFrom(20, 600),
        delay_seconds: fc.constantFrom(1, 30),
        expected_output: fc.constant({ artifacts: promised }),
      },
      { requiredKeys: [] },
    ),
    old: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  })
  .map(({ envelope, old }) =>
    old
      ? story(submit({ max_attempts: 3 }), ...handBacks(MAX_STARTS - 3))
      : story({ ...submit(envelope), max_attempts: 2 }),
  );

/** A step as it was taken: what was said of which task, and what came of it. */
export interface Turn {
  readonly before: Task;
  readonly command: Command;
  readonly now: number;
  readonly decision: Decision;
  /** The task and the events as time alone has made them by `now`. */
  readonly elapsed: ReturnType<typeof elapse>;
  /** All events, those of this turn included. */
  readonly log: readonly Event[];
}

/** Takes the steps one after another from where the beginning ends; `look` sees each turn. */
export function live(beginning: Story, taken: readonly Step[], look: (turn: Turn) => void = () => {}): Story {
  const memory = new Map<string, number>();
  let { task, now } = beginning;
  const events = [...beginning.events];
  for (const step of taken) {
    const before = task;
    now += step.wait;
    const command = commandOf(step, before, memory);
    const decision = decide(before, command, { now, random: () => step.random });
    task = decision.task!;
    events.push(...decision.events);
    for (const event of decision.events) if (event.type === 'claimed') memory.set(event.worker, event.attempt);
    look({
      before,
      command,
      now,
      decision,
      elapsed:
        command.type === 'restore' && before.status === 'working' ? { task: before, events: [] } : elapse(before, now),
      log: events,
    });
  }
  return { task, now, events };
}

/** What the step's speaker says of the task as it sees it. */
export function commandOf(step: Step, task: Task, memory: ReadonlyMap<string, number>): Command {
  const { names, worker, asRole } = step;
  const attempts = { remembered: memory.get(worker), none: undefined, latest: task.attempts.at(-1)?.number ?? 0 };
  const attempt = typeof names === 'number' ? names : attempts[names];
  return verbs[step.verb](step, { by: asRole ? ROLE : worker, attempt }, task);
}
