import * as z from 'zod/mini';
import { moment } from '../moment-form.ts';
import type { Form } from './kind.ts';
import type { AnyEvent } from './subject.ts';

/** The version of the first events of things that are not tasks. */
const VERSION = 2;

/**
 * How the events of a kind are read, the event that repeats a state included.
 * @param kind its name
 * @param events the fields of each type of event, besides those that all events have
 * @param state the state of a thing
 */
export function thingForm(
  kind: string,
  events: Readonly<Record<string, z.core.$ZodLooseShape>>,
  state: z.ZodMiniType,
): Form {
  const schemas = new Map(
    Object.entries({ ...events, carried: { state } }).map(([type, shape]) => [
      type,
      z.object({
        v: z.literal(VERSION),
        type: z.literal(type),
        about: z.object({ kind: z.literal(kind), id: z.string() }),
        at: moment(),
        ...shape,
      }),
    ]),
  );
  const typeOf = (event: unknown) => (Object(event) as Partial<AnyEvent>).type ?? '';
  return {
    read: (event) => schemas.get(typeOf(event))?.safeParse(event).data,
    isNewer(event) {
      const { v } = Object(event) as Partial<AnyEvent>;
      return !schemas.has(typeOf(event)) || (typeof v === 'number' && v > VERSION);
    },
  };
}
