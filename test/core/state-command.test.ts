import { describe, expect, test } from 'vitest';
import type { Command, CommandType } from '../../src/core/task/decision/command.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { EventType } from '../../src/core/task/event.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import type { Status, Task } from '../../src/core/task/task.ts';
import {
  acknowledge,
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  edit,
  elapse,
  fail,
  MINUTE,
  redo,
  release,
  renew,
  retry,
  SECOND,
  type Story,
  story,
  submit,
  T0,
  untouched,
} from './tasks.ts';

/** All commands except `prune`, which removes the task: test/core/prune.test.ts. */
type TabledCommand = Exclude<CommandType, 'prune'>;

/** No task, every status, and variants of statuses in which commands have other results. */
type State =
  'none' | Status | 'queued again' | 'queued, redone' | 'scheduled again' | 'failed, dismissed' | 'cancelled, stopped';

type Expected =
  | { readonly kind: 'happens'; readonly event: EventType; readonly status: Status }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'noted' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly recorded: boolean };

const happens = (event: EventType, status: Status): Expected => ({ kind: 'happens', event, status });
/** The command is accepted and changes nothing, because it is a repeat. */
const nothing: Expected = { kind: 'nothing' };
/** The history records it, and nothing else changes. */
const noted: Expected = { kind: 'noted' };
const refused = (code: ErrorCode): Expected => ({ kind: 'refused', code, recorded: false });
/** Refused, and the history of the task records it. */
const recorded: Expected = { kind: 'refused', code: 'conflict', recorded: true };
const conflict = refused('conflict');
const gone = refused('cancelled');
const recordedGone: Expected = { kind: 'refused', code: 'cancelled', recorded: true };
const unknown = refused('not-found');

const submitted = submit({ ttl_seconds: 60 });
const given: Record<Exclude<State, 'none'>, Story> = {
  queued: story(submitted),
  'queued again': story(submitted, claim(), release()),
  'queued, redone': story(submitted, claim(), complete({ attempt: 1 }), redo),
  scheduled: story(submit({ ttl_seconds: 60, delay_seconds: 5 })),
  'scheduled again': story(submitted, claim(), fail({ backoff })),
  working: story(submitted, claim()),
  completed: story(submitted, claim(), complete({ attempt: 1 })),
  failed: story(submitted, claim(), fail({ attempt: 1 })),
  'failed, dismissed': story(submitted, claim(), fail({ attempt: 1 }), dismiss),
  cancelled: story(submitted, claim(), cancel()),
  'cancelled, stopped': story(submitted, claim(), cancel(), acknowledge(1)),
  expired: story(submitted, MINUTE, elapse),
};

/** Each command comes from the role, for the last attempt. */
function commandOf(type: TabledCommand, task: Task | undefined): Command {
  const attempt = task?.attempts.at(-1)?.number;
  const commands: { readonly [T in TabledCommand]: Command & { type: T } } = {
    submit: task ? { type: 'submit', envelope: task.envelope } : submitted,
    claim: claim('w2'),
    renew: renew({ attempt }),
    complete: complete({ attempt }),
    fail: fail({ attempt }),
    release: release({ attempt }),
    cancel: cancel(),
    'acknowledge-cancel': acknowledge(attempt ?? 1),
    'note-refusal': { type: 'note-refusal', of: 'complete', by: 'implementer', attempt, reason: 'it came too late' },
    retry,
    edit: edit(),
    redo,
    dismiss,
    restore: { type: 'restore', epoch: 1, since: 0 },
    elapse,
  };
  return commands[type];
}

const table: Record<State, Record<TabledCommand, Expected>> = {
  none: {
    submit: happens('submitted', 'queued'),
    claim: unknown,
    renew: unknown,
    complete: unknown,
    fail: unknown,
    release: unknown,
    cancel: unknown,
    'acknowledge-cancel': unknown,
    'note-refusal': unknown,
    retry: unknown,
    edit: unknown,
    redo: unknown,
    dismiss: unknown,
    restore: unknown,
    elapse: unknown,
  },
  queued: {
    submit: nothing,
    claim: happens('claimed', 'working'),
    renew: conflict,
    complete: happens('completed', 'completed'),
    fail: happens('attempt-failed', 'failed'),
    release: conflict,
    cancel: happens('cancelled', 'cancelled'),
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: happens('edited', 'queued'),
    redo: conflict,
    dismiss: conflict,
    restore: happens('restored', 'queued'),
    elapse: nothing,
  },
  'queued again': {
    submit: nothing,
    claim: happens('claimed', 'working'),
    renew: conflict,
    complete: recorded,
    fail: recorded,
    release: conflict,
    cancel: happens('cancelled', 'cancelled'),
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: conflict,
    dismiss: conflict,
    restore: happens('restored', 'queued'),
    elapse: nothing,
  },
  'queued, redone': {
    submit: nothing,
    claim: happens('claimed', 'working'),
    renew: conflict,
    complete: recorded,
    fail: recorded,
    release: conflict,
    cancel: happens('cancelled', 'cancelled'),
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: nothing,
    dismiss: conflict,
    restore: happens('restored', 'queued'),
    elapse: nothing,
  },
  scheduled: {
    submit: nothing,
    claim: conflict,
    renew: conflict,
    complete: recorded,
    fail: happens('attempt-failed', 'failed'),
    release: conflict,
    cancel: happens('cancelled', 'cancelled'),
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: happens('edited', 'scheduled'),
    redo: conflict,
    dismiss: conflict,
    restore: happens('restored', 'scheduled'),
    elapse: nothing,
  },
  'scheduled again': {
    submit: nothing,
    claim: conflict,
    renew: conflict,
    complete: recorded,
    fail: nothing,
    release: conflict,
    cancel: happens('cancelled', 'cancelled'),
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: conflict,
    dismiss: conflict,
    restore: happens('restored', 'scheduled'),
    elapse: nothing,
  },
  working: {
    submit: nothing,
    claim: conflict,
    renew: happens('renewed', 'working'),
    complete: happens('completed', 'completed'),
    fail: happens('attempt-failed', 'failed'),
    release: happens('released', 'queued'),
    cancel: happens('cancelled', 'cancelled'),
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: conflict,
    dismiss: conflict,
    restore: happens('restored', 'queued'),
    elapse: nothing,
  },
  completed: {
    submit: nothing,
    claim: conflict,
    renew: conflict,
    complete: nothing,
    fail: recorded,
    release: conflict,
    cancel: conflict,
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: happens('redone', 'queued'),
    dismiss: conflict,
    restore: nothing,
    elapse: nothing,
  },
  failed: {
    submit: nothing,
    claim: conflict,
    renew: conflict,
    complete: recorded,
    fail: nothing,
    release: conflict,
    cancel: conflict,
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: happens('retried', 'queued'),
    edit: conflict,
    redo: conflict,
    dismiss: happens('dismissed', 'failed'),
    restore: happens('restored', 'failed'),
    elapse: nothing,
  },
  'failed, dismissed': {
    submit: nothing,
    claim: conflict,
    renew: conflict,
    complete: recorded,
    fail: nothing,
    release: conflict,
    cancel: conflict,
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: happens('retried', 'queued'),
    edit: conflict,
    redo: conflict,
    dismiss: nothing,
    restore: happens('restored', 'failed'),
    elapse: nothing,
  },
  cancelled: {
    submit: nothing,
    claim: conflict,
    renew: gone,
    complete: recordedGone,
    fail: recordedGone,
    release: gone,
    cancel: nothing,
    'acknowledge-cancel': happens('stopped', 'cancelled'),
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: conflict,
    dismiss: conflict,
    restore: nothing,
    elapse: nothing,
  },
  'cancelled, stopped': {
    submit: nothing,
    claim: conflict,
    renew: gone,
    complete: recordedGone,
    fail: recordedGone,
    release: gone,
    cancel: nothing,
    'acknowledge-cancel': nothing,
    'note-refusal': noted,
    retry: conflict,
    edit: conflict,
    redo: conflict,
    dismiss: conflict,
    restore: nothing,
    elapse: nothing,
  },
  expired: {
    submit: nothing,
    claim: conflict,
    renew: conflict,
    complete: recorded,
    fail: recorded,
    release: conflict,
    cancel: conflict,
    'acknowledge-cancel': conflict,
    'note-refusal': noted,
    retry: happens('retried', 'queued'),
    edit: conflict,
    redo: conflict,
    dismiss: happens('dismissed', 'expired'),
    restore: happens('restored', 'expired'),
    elapse: nothing,
  },
};

const entries = <K extends string, V>(record: Record<K, V>) => Object.entries(record) as [K, V][];

describe.for(entries(table))('given a task that is %s,', ([state, row]) => {
  const before = state === 'none' ? undefined : given[state];
  const now = (before?.now ?? T0) + SECOND;

  test('its status is the name of the state', () => {
    expect(before?.task.status ?? 'none').toBe(state.split(/ again|,/)[0]);
  });

  test.for(entries(row).map(([type, expected]) => [type, describeExpected(expected), expected] as const))(
    'the command %s: %s',
    ([type, , expected]) => {
      const { task, events, changed, refusal } = decide(before?.task, commandOf(type, before?.task), {
        now,
        random: () => 0.5,
      });

      expect(refusal?.code).toBe(expected.kind === 'refused' ? expected.code : undefined);
      expect(changed).toBe(expected.kind === 'happens' || expected.kind === 'noted');
      expect(events.map((event) => event.type)).toEqual(eventsOf(expected));
      expect(task?.status).toBe(expected.kind === 'happens' ? expected.status : before?.task.status);
      expect(task).toEqual(events.reduce((folded, event) => evolve(folded, event).task, before?.task));
      const same = JSON.stringify(untouched(task)) === JSON.stringify(untouched(before?.task));
      expect(same).toBe(expected.kind !== 'happens');
    },
  );
});

function describeExpected(expected: Expected): string {
  if (expected.kind === 'nothing') return 'nothing changes';
  if (expected.kind === 'noted') return 'the history records it, and nothing else changes';
  if (expected.kind === 'happens') return `it is ${expected.status} (${expected.event})`;
  return `it is refused (${expected.code}${expected.recorded ? ', recorded' : ''})`;
}

function eventsOf(expected: Expected): EventType[] {
  if (expected.kind === 'happens') return [expected.event];
  if (expected.kind === 'noted') return ['refused'];
  return expected.kind === 'refused' && expected.recorded ? ['refused'] : [];
}
