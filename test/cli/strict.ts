import * as z from 'zod/mini';

/**
 * The schema of an output, that takes no field which it does not name: a promise to programs must name all that is
 * printed. What is loose on purpose stays loose.
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
      // What is printed has been filled in.
      return strict(def.innerType);
    case 'record':
      return z.record(def.keyType, strict(def.valueType));
    case 'string':
    case 'number':
    case 'boolean':
    case 'enum':
      return schema;
    default:
      throw new Error(`strict() knows no ${def.type} yet`);
  }
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The fields of a JSON value that are moments by name, and not ISO 8601 in UTC. */
export function badMoments(value: unknown, path = ''): string[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = path === '' ? key : `${path}.${key}`;
    const moment = key === 'at' || key.endsWith('_at');
    return moment && !(typeof inner === 'string' && MOMENT.test(inner))
      ? [`${here}: ${JSON.stringify(inner)}`]
      : badMoments(inner, here);
  });
}
