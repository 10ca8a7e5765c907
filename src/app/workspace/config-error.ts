import * as z from 'zod/mini';
import { AgentqError } from '../../core/errors.ts';
import { demandOf } from '../../core/issue.ts';
import { nearest } from '../near-names.ts';

/**
 * The error for an invalid config: which setting, and what it must be. For an unknown setting, the nearest known one.
 * @param schema the schema with all its settings
 */
export function configError(file: string, issue: z.core.$ZodIssue, schema: z.core.$ZodType): AgentqError {
  const path = issue.path.map(String);
  const problem =
    issue.code === 'unrecognized_keys'
      ? unknownSetting([...path, issue.keys[0]!], schema)
      : `${path.join('.') || 'its content'} ${demandOf(issue)}`;
  return new AgentqError('usage', `${file}: ${problem}`, 'see docs/config.md');
}

function unknownSetting(path: readonly string[], schema: z.core.$ZodType): string {
  const name = path.at(-1)!;
  const parent = path.slice(0, -1).join('.');
  const role = path[0] === 'roles' ? path[1] : undefined;
  const isBeside = (known: readonly string[]) => known.slice(0, -1).join('.') === parent;
  const known = settingsIn(schema, [], role).toSorted((a, b) => Number(isBeside(b)) - Number(isBeside(a)));
  const [near] = nearest(name, known, (one) => one.at(-1)!);
  return `there is no setting ${path.join('.')}${near ? `; did you mean ${near.join('.')}?` : ''}`;
}

/**
 * The paths of all settings.
 * @param role stands for each role; undefined leaves the settings of roles out
 */
function settingsIn(schema: z.core.$ZodType, above: readonly string[], role: string | undefined): string[][] {
  if (schema instanceof z.ZodMiniOptional) return settingsIn(schema._zod.def.innerType, above, role);
  if (schema instanceof z.ZodMiniRecord)
    return role === undefined ? [] : settingsIn(schema._zod.def.valueType, [...above, role], role);
  if (!(schema instanceof z.ZodMiniObject)) return [];
  return Object.entries(schema.shape).flatMap(([name, inner]) => {
    const path = [...above, name];
    return [path, ...settingsIn(inner, path, role)];
  });
}
