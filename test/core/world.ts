import * as fc from 'fast-check';
import type { Command, CommandType } from '../../src/core/task/decision/command.ts';
import { type Decision, decide } from '../../src/core/task/decision/decide.ts';
import { elapse } from '../../src/core/task/fold/elapse.ts';
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

/** One step: some time passes, then a command is given. */
export interface Step {
  readonly wait: number;
  /** The sender. A worker remembers the attempt of its last claim. */
  readonly worker: string;
  readonly verb: CommandType;
  /** The attempt number in the command: the remembered one, none, the latest, or any. */
  readonly names: 'remembered' | 'none' | 'latest' | number;
  readonly asRole: boolean;
  /** Whether a failure or a release has a backoff, and a submit repeats the content. */
  readonly again: boolean;
  /** The text of the command. There are few texts, so that commands are sometimes repeated. */
  readonly word: string;
  readonly random: number;
}

type Sender = { readonly by: string; readonly attempt: number | undefined };

const promised = ['patch'];
const artifacts = (word: string) => (word === 'bare' ? [] : [evidence('patch', word)]);

/** The command of a step, for every type of command. */
const verbs: { readonly [T in CommandType]: (step: Step, sender: Sender, task: Task) => Command & { type: T } } = {
  submit: ({ again, word }: Step, _sender: Sender, { envelope }: Task) => ({
    type: 'submit',
    envelope: again ? envelope : { ...envelope, instructions: word },
  }),
  claim: ({ worker }: Step) => claim(worker),
  renew: ({ word }: Step, sender: Sender) => renew({ ...sender, note: word }),
  complete: ({ word }: Step, sender: Sender) => complete({ ...sender, summary: word, artifacts: artifacts(word) }),
  fail: ({ word, again }: Step, sender: Sender) => fail({ ...sender, reason: word, ...(again && { backoff }) }),
  release: ({ word, again }: Step, sender: Sender) => release({ ...sender, reason: word, ...(again && { backoff }) }),
  cancel: ({ word }: Step) => ({ type: 'cancel', by: 'coordinator', reason: word }),
  'acknowledge-cancel': ({ worker }: Step, { attempt }: Sender) => ({
    type: 'acknowledge-cancel',
    by: worker,
    attempt: attempt ?? 1,
  }),
  'note-refusal': ({ word }: Step, sender: Sender) => ({
    type: 'note-refusal',
    of: 'complete',
    reason: word,
    ...sender,
  }),
  retry: () => ({ type: 'retry', by: 'operator' }),
  edit: ({ word, again }: Step) => ({
    type: 'edit',
    by: 'operator',
    set: { instructions: word, ...(again && { ttl_seconds: 600 }) },
  }),
  redo: ({ word }: Step) => ({ type: 'redo', by: 'operator', reason: word }),
  dismiss: () => ({ type: 'dismiss', by: 'operator' }),
  restore: (_step: Step, _sender: Sender, { attempts_above = 0 }: Task) => ({
    type: 'restore',
    epoch: Math.floor(attempts_above / ATTEMPTS_PER_EPOCH) + 1,
    since: Math.floor(attempts_above / ATTEMPTS_PER_EPOCH),
  }),
  prune: () => ({ type: 'prune', before: 0, keep_dead: false, remember: 1 }),
  elapse: () => ({ type: 'elapse' }),
};

/** Claims and ends of attempts are frequent, so that many tasks have a second attempt. */
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
  edit: 2,
  redo: 3,
  dismiss: 1,
  restore: 1,
  // After `prune` there is no task to continue with.
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

/** New tasks, and some that have almost reached the maximum of starts. */
export const initialStories: fc.Arbitrary<Story> = fc
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

/** An executed step: its task, its command and its decision. */
export interface Turn {
  readonly before: Task;
  readonly command: Command;
  readonly now: number;
  readonly decision: Decision;
  /** The task and the events of time until `now`. */
  readonly elapsed: ReturnType<typeof elapse>;
  /** All events, including those of this turn. */
  readonly log: readonly Event[];
}

/** Executes the steps one after another from the end of the initial story, and calls `check` after each step. */
export function run(initial: Story, taken: readonly Step[], check: (turn: Turn) => void = () => {}): Story {
  const memory = new Map<string, number>();
  let { task, now } = initial;
  const events = [...initial.events];
  for (const step of taken) {
    const before = task;
    now += step.wait;
    const command = commandOf(step, before, memory);
    const decision = decide(before, command, { now, random: () => step.random });
    task = decision.task!;
    events.push(...decision.events);
    for (const event of decision.events) if (event.type === 'claimed') memory.set(event.worker, event.attempt);
    check({
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

/** The command of a step for the task that its sender sees. */
export function commandOf(step: Step, task: Task, memory: ReadonlyMap<string, number>): Command {
  const { names, worker, asRole } = step;
  const attempts = { remembered: memory.get(worker), none: undefined, latest: task.attempts.at(-1)?.number ?? 0 };
  const attempt = typeof names === 'number' ? names : attempts[names];
  return verbs[step.verb](step, { by: asRole ? ROLE : worker, attempt }, task);
}
