import * as z from 'zod/mini';
import { AgentqError } from '../../core/errors.ts';
import { demandOf } from '../../core/issue.ts';
import { nearest } from '../near-names.ts';

/**
 * The error for an invalid config: which setting, and what it must be. For an unknown setting, the nearest known one.
 * @param schema the schema with all its settings
 */
export function configError(file: string, issue: z.core.$ZodIssue, schema: z.core.$ZodType): AgentqError {
  return documentError(file, issue, schema, 'see docs/config.md');
}

/** The same for any JSON document with a strict schema. */
export function documentError(
  file: string,
  issue: z.core.$ZodIssue,
  schema: z.core.$ZodType,
  hint: string,
): AgentqError {
  const path = issue.path.map(String);
  const problem =
    issue.code === 'unrecognized_keys'
      ? unknownSetting([...path, issue.keys[0]!], schema)
      : `${path.join('.') || 'its content'} ${demandOf(issue)}`;
  return new AgentqError('usage', `${file}: ${problem}`, hint);
}

function unknownSetting(path: readonly string[], schema: z.core.$ZodType): string {
  const name = path.at(-1)!;
  const parent = path.slice(0, -1).join('.');
  const isBeside = (known: readonly string[]) => known.slice(0, -1).join('.') === parent;
  const known = settingsIn(schema, [], path).toSorted((a, b) => Number(isBeside(b)) - Number(isBeside(a)));
  const [near] = nearest(name, known, (one) => one.at(-1)!);
  return `there is no setting ${path.join('.')}${near ? `; did you mean ${near.join('.')}?` : ''}`;
}

/**
 * The paths of all settings.
 * @param named the path of the unknown setting: of a record and a list, only the member that it names has settings
 */
function settingsIn(schema: z.core.$ZodType, above: readonly string[], named: readonly string[]): string[][] {
  if (schema instanceof z.ZodMiniOptional) return settingsIn(schema._zod.def.innerType, above, named);
  const member = above.every((one, i) => one === named[i]) ? named[above.length] : undefined;
  const inMember = (inner: z.core.$ZodType) =>
    member === undefined ? [] : settingsIn(inner, [...above, member], named);
  if (schema instanceof z.ZodMiniRecord) return inMember(schema._zod.def.valueType);
  if (schema instanceof z.ZodMiniArray) return inMember(schema._zod.def.element);
  if (!(schema instanceof z.ZodMiniObject)) return [];
  return Object.entries(schema.shape).flatMap(([name, inner]) => {
    const path = [...above, name];
    return [path, ...settingsIn(inner, path, named)];
  });
}
