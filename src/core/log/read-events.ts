import type { Forms } from './kind.ts';
import type { LogEvent } from './rules.ts';
import { TASK } from './subject.ts';

/** The events of an entry, or why they cannot be read: only a newer program knows them, or no program writes them. */
export type ReadEvents =
  | { readonly events: readonly LogEvent[]; readonly newer?: undefined }
  | { readonly newer: string; readonly events?: undefined }
  | { readonly newer?: undefined; readonly events?: undefined };

/** A name that a kind can have. */
const KIND = /^[a-z][a-z0-9-]{0,63}$/;

/** Reads events that come from outside, each by the form of its kind. */
export function readEvents(forms: Forms, listed: readonly unknown[]): ReadEvents {
  const kinds = listed.map(kindOf);
  if (kinds.includes(undefined)) return {};
  for (const [i, kind] of (kinds as string[]).entries()) {
    if (!Object.hasOwn(forms, kind)) return { newer: `contains an event of the unknown kind "${kind}"` };
    if (forms[kind]!.isNewer(listed[i])) return { newer: `contains a ${kind} event of an unknown type or version` };
  }
  const events = listed.map((event, i) => forms[kinds[i]!]!.read(event));
  return events.includes(undefined) ? {} : { events: events as LogEvent[] };
}

function kindOf(event: unknown): string | undefined {
  const { about } = Object(event) as { about?: unknown };
  if (about === undefined) return TASK;
  const { kind } = Object(about) as { kind?: unknown };
  return typeof kind === 'string' && KIND.test(kind) ? kind : undefined;
}
