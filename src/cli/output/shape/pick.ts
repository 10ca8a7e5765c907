import { nearest } from '../../../app/near-names.ts';
import { AgentqError } from '../../../core/errors.ts';
import { type Fields, pathsOf } from './fields-of.ts';

/** Which fields to print: `true` for a field with all that it contains. */
export type Picked = { [name: string]: Picked | true };

/**
 * Reads `task_id,status,attempts.reason`. A field that is not at the top of the output is looked for in the objects and
 * lists at its top: `task_id` means `tasks.task_id` in a list of tasks.
 * @param fields the fields of the output
 * @throws AgentqError `usage` for an unknown field, with the nearest known one
 */
export function readFields(text: string, output: string, fields: Fields): Picked {
  const picked: Picked = {};
  for (const name of text.split(',').map((one) => one.trim())) {
    const path = placeOf(name.split('.'), fields);
    if (!path) throw unknownField(name, output, fields);
    add(picked, path);
  }
  return picked;
}

function placeOf(path: readonly string[], fields: Fields): readonly string[] | undefined {
  if (isIn(path, fields)) return path;
  const above = Object.keys(fields).find((name) => isIn(path, fields[name]!));
  return above === undefined ? undefined : [above, ...path];
}

function isIn([first, ...rest]: readonly string[], fields: Fields): boolean {
  if (first === undefined) return true;
  return Object.hasOwn(fields, first) && isIn(rest, fields[first]!);
}

function add(picked: Picked, [first, ...rest]: readonly string[]): void {
  const known = Object.hasOwn(picked, first!) ? picked[first!] : undefined;
  if (known === true) return;
  if (rest.length === 0) picked[first!] = true;
  else add((picked[first!] = known ?? {}), rest);
}

function unknownField(name: string, output: string, fields: Fields): AgentqError {
  const paths = pathsOf(fields);
  // In a list of tasks, the name within the task is the one that the user means.
  const short = new Set([...paths, ...paths.map((path) => path.slice(path.indexOf('.') + 1))]);
  const known = [...short].filter((path) => placeOf(path.split('.'), fields));
  const [near] = nearest(name, known, (path) => path);
  const last = name.slice(name.lastIndexOf('.') + 1);
  const [other] = nearest(last, known, (path) => path.slice(path.lastIndexOf('.') + 1));
  const meant = near ?? other;
  return new AgentqError(
    'usage',
    `--fields: ${output} has no field ${JSON.stringify(name)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    `agentq schema ${output} describes them`,
  );
}

/** Keeps the picked fields. Beside a list, a value that is neither an object nor a list stays: it says how to go on. */
export function pick(value: unknown, picked: Picked): unknown {
  if (!isObject(value)) return value;
  const isList = Object.entries(picked).some(([name, inner]) => inner !== true && Array.isArray(value[name]));
  const kept = Object.entries(value).filter(
    ([name, inner]) => Object.hasOwn(picked, name) || (isList && (inner === null || typeof inner !== 'object')),
  );
  return Object.fromEntries(kept.map(([name, inner]) => [name, pickWithin(inner, picked[name] ?? true)]));
}

function pickWithin(value: unknown, picked: Picked | true): unknown {
  if (picked === true) return value;
  if (Array.isArray(value)) return value.map((one: unknown) => pickWithin(one, picked));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => Object.hasOwn(picked, name));
  return Object.fromEntries(kept.map(([name, inner]) => [name, pickWithin(inner, picked[name]!)]));
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
