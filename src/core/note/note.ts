import type { Evolved, Given, Subject, ThingDecision } from '../thing.ts';

export const noteOf = (id: string): Subject => ({ kind: 'note', id });

/** What an agent or a person wants to know later, such as a plan. Times in ms since 1970. */
export interface Note {
  readonly text: string;
  readonly group?: string | undefined;
  readonly by: string;
  readonly at: number;
  /** Set if it was removed. Its text is then empty. */
  readonly removed_at?: number | undefined;
}

interface About {
  readonly v: 2;
  readonly about: Subject;
  readonly at: number;
  readonly by: string;
}

export interface Noted extends About {
  readonly type: 'noted';
  readonly text: string;
  readonly group?: string | undefined;
}

export interface Removed extends About {
  readonly type: 'removed';
}

export type NoteEvent = Noted | Removed;

export type NoteCommand =
  | { readonly type: 'note'; readonly id: string; readonly text: string; readonly by: string; readonly group?: string }
  | { readonly type: 'remove'; readonly id: string; readonly by: string };

export function evolveNote(state: Note | undefined, event: NoteEvent): Evolved<Note> {
  if (event.type === 'noted') {
    const { text, group, by, at } = event;
    return state ? { state, refused: 'it exists' } : { state: { text, ...(group !== undefined && { group }), by, at } };
  }
  if (!state) return { state, refused: 'there is no such note' };
  if (state.removed_at !== undefined) return { state, refused: 'it was removed' };
  return { state: { ...state, text: '', removed_at: event.at } };
}

/** Removing a note again changes nothing. */
export function decideNote(state: Note | undefined, command: NoteCommand, { now }: Given): ThingDecision<NoteEvent> {
  const { id, by } = command;
  const base = { v: 2, about: noteOf(id), at: now, by } as const;
  if (command.type === 'note') {
    const { text, group } = command;
    if (state) return { events: [], refusal: { code: 'conflict', message: `the note ${id} exists` } };
    return { events: [{ ...base, type: 'noted', text, ...(group !== undefined && { group }) }] };
  }
  if (!state)
    return { events: [], refusal: { code: 'not-found', message: `there is no note ${id}`, hint: 'agentq note' } };
  return { events: state.removed_at === undefined ? [{ ...base, type: 'removed' }] : [] };
}
