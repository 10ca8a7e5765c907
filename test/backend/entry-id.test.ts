import { describe, expect, test } from 'vitest';
import {
  digestMark,
  dueEntryId,
  endingOf,
  entryIdOf,
  entryTime,
  firstEntryId,
  foreignEntryId,
  isEndedBy,
  isForeignEnding,
  newEntryId,
  taskOfEnding,
} from '../../src/backend/amqp/wire/entry-id.ts';
import { sha256Hex } from '../../src/core/sha256.ts';

const digest = sha256Hex('a result');
const own = newEntryId(Date.UTC(2027, 0, 31), () => 0.5);

describe('the ids of entries', () => {
  test('sort by the time at which they were made', () => {
    const times = [0, 1, 35, 36, Date.UTC(2027, 0, 31), Date.UTC(2999, 0, 1)];
    const ids = times.map((at) => newEntryId(at, () => 0.999));
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every((id, i) => id > entryTime(times[i]!) && id < entryTime(times[i]! + 1))).toBe(true);
  });

  const messages: [unknown, string][] = [
    [own, own],
    [firstEntryId(() => 0.25), '0-begin-9'],
    ['3f2a-uuid.1_x', '3f2a-uuid.1_x'],
    [undefined, 'offset:7'],
    [42, 'offset:7'],
    ['', 'message:'],
    ['a b', 'message:a b'],
    [dueEntryId(own), `message:${own}:due`],
    [foreignEntryId(own, digest), `message:${own}#${digest}`],
    [digestMark(digest), `message:heard:${digest}`],
    [endingOf('task-1', own), `message:task-1/${own}`],
    ['offset:7', 'message:offset:7'],
  ];
  test.for(messages)('of a message with the id %j: %s', ([messageId, id]) => expect(entryIdOf(messageId, 7)).toBe(id));
});

describe('the end of a task', () => {
  test.for([own, 'offset:7', 'message:x/y', foreignEntryId(own, digest)])('by %s names its task', (entry) => {
    expect(taskOfEnding(endingOf('task-1', entry))).toBe('task-1');
  });

  test.for(['', 'task-1', own])('other texts name no task: %j', (text) => expect(taskOfEnding(text)).toBe(''));

  test('names the result message of a third-party worker', () => {
    const foreign = endingOf('task-1', foreignEntryId('offset:7', digest));
    expect([isForeignEnding(foreign), isEndedBy(foreign, digest)]).toEqual([true, true]);
    expect(isEndedBy(foreign, sha256Hex('another result'))).toBe(false);
    const named = endingOf('task-1', entryIdOf('an#id', 7));
    for (const ending of [endingOf('task-1', own), named]) {
      expect([isForeignEnding(ending), isEndedBy(ending, digest)]).toEqual([false, false]);
    }
  });
});
