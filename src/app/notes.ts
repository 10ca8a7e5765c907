import { AgentqError } from '../core/errors.ts';
import type { Note } from '../core/note/note.ts';
import { INSISTING, refuseSecret } from '../core/secrets/find-secret.ts';
import type { Services } from './workspace/services.ts';

export interface KnownNote extends Note {
  readonly id: string;
}

/** Adds a note. @param id a new one. @throws AgentqError `secret` */
export async function addNote(
  { backend }: Services,
  note: {
    readonly id: string;
    readonly text: string;
    readonly by: string;
    readonly group?: string | undefined;
    readonly allowSecret: boolean;
  },
): Promise<void> {
  const { id, text, by, group, allowSecret } = note;
  if (!allowSecret) await refuseSecret(text, 'the note', INSISTING);
  const command = { type: 'note', id, text, by, ...(group !== undefined && { group }) } as const;
  const [outcome] = await backend.commit([{ about: { kind: 'note', id }, command }]);
  if (outcome!.refusal) throw AgentqError.of(outcome!.refusal);
}

/** @returns whether the note was still there. @throws AgentqError `not-found` */
export async function removeNote({ backend }: Services, id: string, by: string): Promise<boolean> {
  const [outcome] = await backend.commit([{ about: { kind: 'note', id }, command: { type: 'remove', id, by } }]);
  if (outcome!.refusal) throw AgentqError.of(outcome!.refusal);
  return outcome!.changed;
}

/** The notes that were not removed, newest first. */
export async function listNotes(
  { backend }: Pick<Services, 'backend'>,
  { group, by }: { readonly group?: string | undefined; readonly by?: string | undefined } = {},
): Promise<readonly KnownNote[]> {
  const notes = await backend.things('note');
  return notes
    .map(({ id, state }) => ({ id, ...state }))
    .filter((note) => note.removed_at === undefined)
    .filter((note) => (group === undefined || note.group === group) && (by === undefined || note.by === by))
    .toSorted((a, b) => b.at - a.at);
}
