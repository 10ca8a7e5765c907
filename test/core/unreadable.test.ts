import { presentTask } from '../../src/core/task/decision/pruned.ts';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/core/task/decision/decide.ts';
import { Event } from '../../src/core/task/event.ts';
import { applyEntry } from '../../src/core/log/apply-entry.ts';
import { isTaskThing, rules } from '../../src/core/log/rules.ts';
import { worldOf } from '../../src/core/log/world.ts';
import { isDead, type Task } from '../../src/core/task/task.ts';
import { UNREADABLE, unreadableEvents } from '../../src/core/task/decision/unreadable.ts';
import { dismiss, retry, ROLE, SECOND, T0 } from './tasks.ts';

const WHY = 'a message in agentq.work.implementer that is not a task envelope';

const eventsOf = (content: string | Buffer) => unreadableEvents('unreadable-1', ROLE, Buffer.from(content), WHY, T0);

/** The task of an unreadable message. */
function taskOf(content: string | Buffer): Task {
  const { accepted, things } = applyEntry(
    rules,
    eventsOf(content),
    worldOf(() => undefined),
  );
  expect(accepted).toBe(true);
  return presentTask(things.filter(isTaskThing).find(({ id }) => id === 'unreadable-1')!.after)!;
}

const shown = (content: string | Buffer) => taskOf(content).envelope.instructions;

describe('an unreadable message', () => {
  test('is a dead letter of the role of its queue, with the reason', () => {
    const task = taskOf('hello');

    expect(isDead(task)).toBe(true);
    expect(task).toMatchObject({
      id: 'unreadable-1',
      status: 'failed',
      reason: WHY,
      failed_at: T0,
      envelope: { task_id: 'unreadable-1', to: ROLE, type: UNREADABLE, from: 'unknown', reply_to: 'results.unknown' },
      attempts: [{ number: 1, worker: ROLE, outcome: 'failed' }],
    });
  });

  test('has valid events in the log', () => {
    for (const event of eventsOf(Buffer.from([0, 1, 2, 255]))) {
      expect(Event.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
    }
  });

  test('can be dismissed, but not retried', () => {
    const task = taskOf('hello');
    const given = { now: T0 + SECOND, random: () => 0.5 };

    expect(decide(task, dismiss, given)).toMatchObject({ changed: true, task: { dismissed_at: T0 + SECOND } });
    const again = decide(task, retry, given);
    expect(again.refusal).toBeDefined();
    expect(again.task?.status).toBe('failed');
  });

  test('that is found several times is one dead letter', () => {
    const task = taskOf('hello');
    const { accepted, events } = applyEntry(
      rules,
      eventsOf('hello'),
      worldOf(({ kind }) => (kind === 'task' ? task : undefined)),
    );
    expect(accepted).toBe(false);
    expect(events.filter(({ type }) => type !== 'refused')).toEqual([]);
  });
});

describe('the shown content', () => {
  test.for<[string, string | Buffer, string]>([
    ['empty for an empty message', '', ''],
    ['printable ASCII unchanged', '{"to": "x~"} !', '{"to": "x~"} !'],
    ['line ends and tabs as escapes', 'a\r\n\tb', 'a\\x0d\\x0a\\x09b'],
    ['control characters as escapes', '\u001b[2J\u007f', '\\x1b[2J\\x7f'],
    ['a backslash as an escape, so that the result is unambiguous', '\\x1b', '\\x5cx1b'],
    ['each byte of a non-ASCII character', 'ä', '\\xc3\\xa4'],
    ['binary bytes as escapes', Buffer.from([0x00, 0x0f, 0x80, 0xff]), '\\x00\\x0f\\x80\\xff'],
  ])('is %s', ([, content, text]) => {
    expect(shown(content)).toBe(text);
  });

  test('is at most 4096 bytes, with the full size', () => {
    expect(shown('a'.repeat(4_096))).toBe('a'.repeat(4_096));
    expect(shown(`${'a'.repeat(4_096)}b`)).toBe(`${'a'.repeat(4_096)}… (4097 bytes)`);
    expect(shown(Buffer.alloc(1_000_000))).toBe(`${'\\x00'.repeat(4_096)}… (1000000 bytes)`);
  });
});
