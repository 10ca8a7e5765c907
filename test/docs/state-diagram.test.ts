import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Command } from '../../src/core/task/decision/command.ts';
import { decide } from '../../src/core/task/decision/decide.ts';
import { evolve } from '../../src/core/task/fold/evolve.ts';
import { MAX_STARTS } from '../../src/core/task/retry.ts';
import { type Status, statuses, type Task } from '../../src/core/task/task.ts';
import {
  backoff,
  cancel,
  claim,
  complete,
  dismiss,
  elapse,
  fail,
  handBacks,
  MINUTE,
  redo,
  release,
  retry,
  story,
  submit,
  T0,
} from '../core/tasks.ts';

const architecture = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
const START = '[*]';

/** The edges of the diagram, one for each event: `from --> to: event`. */
function documented(): string[] {
  const [, diagram = ''] = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(architecture) ?? [];
  return diagram
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [, from, to, events] = /^\s*(\S+) --> (\S+): (.+)$/.exec(line)!;
      return events!.split(', ').map((event) => `${from} --> ${to}: ${event}`);
    });
}

const noWait = { ...backoff, base: 0 };

const submits: readonly Command[] = [
  submit({ ttl_seconds: 60, max_attempts: 2 }),
  submit({ ttl_seconds: 60, max_attempts: 2, delay_seconds: 5 }),
];

const restore: Command = { type: 'restore', epoch: 1, since: 0 };

/** Commands on a task whose latest attempt, if any, is `attempt`. */
const commandsOn = (attempt: number | undefined): readonly Command[] => [
  claim(),
  complete({ attempt }),
  complete({ by: 'coordinator' }),
  fail({ attempt }),
  fail({ attempt, backoff }),
  fail({ attempt, backoff: noWait }),
  release({ attempt }),
  release({ attempt, backoff }),
  cancel(),
  retry,
  redo,
  dismiss,
  restore,
];

/** How many commands in a row are tried on a task. */
const DEPTH = 4;

/** The changes of status that the code makes, found by trying all commands in every order. */
function actual(): Set<string> {
  const edges = new Set<string>();
  const run = (task: Task | undefined, command: Command, now: number): Task | undefined => {
    let current = task;
    for (const event of decide(task, command, { now, random: () => 0.5 }).events) {
      const next = evolve(current, event).task!;
      if (next.status !== current?.status) edges.add(`${current?.status ?? START} --> ${next.status}: ${event.type}`);
      current = next;
    }
    return current;
  };
  const explore = (task: Task, now: number, depth: number): void => {
    if (depth === 0) return;
    run(task, elapse, now + 10 * MINUTE);
    for (const wait of [0, MINUTE]) {
      for (const command of commandsOn(task.attempts.at(-1)?.number)) {
        const next = run(task, command, now + wait);
        if (next) explore(next, now + wait, depth - 1);
      }
    }
  };
  for (const command of submits) explore(run(undefined, command, T0)!, T0, DEPTH);
  const begunTooOften = story(submit(), ...handBacks(MAX_STARTS - 1), claim());
  explore(begunTooOften.task, begunTooOften.now, 1);
  return edges;
}

test('the state diagram of docs/architecture.md has exactly the statuses of the code', () => {
  const named = new Set(documented().flatMap((edge) => edge.split(': ')[0]!.split(' --> ')));
  named.delete(START);
  expect([...named].toSorted()).toEqual([...(statuses as readonly Status[])].toSorted());
});

test('the state diagram of docs/architecture.md has exactly the changes of status that the code makes', () => {
  expect(documented().toSorted()).toEqual([...actual()].toSorted());
});
