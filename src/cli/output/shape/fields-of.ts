import * as z from 'zod/mini';
import { Event } from '../../../core/task/event.ts';

/**
 * The fields of an output, by name; the fields of an array are those of its items. An empty object has no fields that
 * are known by name.
 */
export type Fields = { readonly [name: string]: Fields };

/** @returns undefined for a value that is no object and contains none */
export function fieldsOf(schema: z.core.$ZodType): Fields {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const named = Object.entries(def.shape).map(([name, field]) => [name, fieldsOf(field)] as const);
      return { ...(def.catchall && 'type' in def.shape && 'at' in def.shape && fieldsOfEvents()), ...asFields(named) };
    }
    case 'array':
      return fieldsOf(def.element);
    case 'optional':
    case 'default':
      return fieldsOf(def.innerType);
    case 'record':
      return def.keyType instanceof z.ZodMiniEnum
        ? asFields(def.keyType.options.map((name) => [String(name), fieldsOf(def.valueType)] as const))
        : {};
    default:
      return {};
  }
}

/** The fields of events depend on their type. */
function fieldsOfEvents(): Fields {
  const fields = Event.def.options.flatMap(({ def }) => Object.keys(def.shape));
  return asFields(fields.filter((name) => name !== 'v' && name !== 'task_id').map((name) => [name, {}] as const));
}

const asFields = (named: readonly (readonly [string, Fields])[]): Fields => Object.fromEntries(named);

/** The names of all fields, with those of their parents: `attempts.reason`. */
export function pathsOf(fields: Fields, above = ''): string[] {
  return Object.entries(fields).flatMap(([name, inner]) => [`${above}${name}`, ...pathsOf(inner, `${above}${name}.`)]);
}
