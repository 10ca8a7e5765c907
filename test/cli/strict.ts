import * as z from 'zod/mini';

/**
 * A schema of an output that refuses unknown fields, because the schema must name every printed field. Loose objects
 * stay loose.
 */
export function strict(schema: z.core.$ZodType): z.core.$ZodType {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object': {
      const shape = Object.fromEntries(Object.entries(def.shape).map(([key, field]) => [key, strict(field)]));
      return def.catchall ? z.looseObject(shape) : z.strictObject(shape);
    }
    case 'array':
      return z.array(strict(def.element));
    case 'optional':
      return z.optional(strict(def.innerType));
    case 'default':
      // Printed values contain the defaults.
      return strict(def.innerType);
    case 'record':
      return z.record(def.keyType, strict(def.valueType));
    case 'string':
    case 'number':
    case 'boolean':
    case 'enum':
      return schema;
    default:
      throw new Error(`strict() does not support ${def.type}`);
  }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The fields of a JSON value whose names denote a time, but whose values are not ISO 8601 in UTC. */
export function badTimes(value: unknown, path = ''): string[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = path === '' ? key : `${path}.${key}`;
    const isTime = key === 'at' || key.endsWith('_at');
    return isTime && !(typeof inner === 'string' && TIME.test(inner))
      ? [`${here}: ${JSON.stringify(inner)}`]
      : badTimes(inner, here);
  });
}
