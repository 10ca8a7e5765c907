import { expect, test } from 'vitest';
import { decideNote, evolveNote, type Note, type NoteCommand } from '../../src/core/note/note.ts';

const add: NoteCommand = { type: 'note', id: 'n', text: 'plan: one, two', by: 'lead', group: 'g' };
const remove: NoteCommand = { type: 'remove', id: 'n', by: 'lead' };

function after(...commands: readonly NoteCommand[]): Note | undefined {
  let state: Note | undefined;
  for (const command of commands)
    for (const event of decideNote(state, command, { now: 7 }).events) ({ state } = evolveNote(state, event));
  return state;
}

test('a note keeps its text until it is removed', () => {
  expect(after(add)).toEqual({ text: 'plan: one, two', group: 'g', by: 'lead', at: 7 });
  expect(after(add, remove)).toEqual({ text: '', group: 'g', by: 'lead', at: 7, removed_at: 7 });
});

test('a note is removed once, and only if it exists', () => {
  expect(decideNote(after(add, remove), remove, { now: 9 })).toEqual({ events: [] });
  expect(decideNote(undefined, remove, { now: 9 })).toMatchObject({ events: [], refusal: { code: 'not-found' } });
  expect(decideNote(after(add), add, { now: 9 })).toMatchObject({ events: [], refusal: { code: 'conflict' } });
});
