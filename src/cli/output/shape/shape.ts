import { AgentqError } from '../../../core/errors.ts';
import { digests } from '../defaults.ts';
import { outputs } from '../schemas/outputs.ts';
import { fieldsOf } from './fields-of.ts';
import { leaveOut } from './leave-out.ts';
import { isObject, pick, type Picked, readFields } from './pick.ts';
import { relativeRefs } from './relative-refs.ts';
import { cutTexts, shareFields } from './shorten-list.ts';

/** What --compact and --fields do to a JSON output before it is printed. */
export type Shape = (value: unknown) => unknown;

export interface ShapeOptions {
  readonly compact: boolean;
  /** The names after --fields. */
  readonly fields: string | undefined;
  /** The name of the output in `outputs`; undefined if it has no schema. */
  readonly output: string | undefined;
  /** The reference of the artifact store, with `/` at its end, when the command prints. */
  readonly store: () => string | undefined;
}

/** @throws AgentqError `usage` for an unknown field */
export function shapeOf({ compact, fields, output, store }: ShapeOptions): Shape {
  const picked = pickedFrom(fields, compact, output);
  return (value) => {
    const kept = picked ? pick(value, picked) : value;
    if (!compact || !isObject(kept)) return kept;
    const short = cutTexts({ ...emptyLists(kept), ...(leaveOut(kept) as Readonly<Record<string, unknown>>) });
    return relativeRefs(shareFields(short), store());
  };
}

function pickedFrom(fields: string | undefined, compact: boolean, output: string | undefined): Picked | undefined {
  const names = fields ?? (compact && output !== undefined ? digests[output] : undefined);
  if (names === undefined) return undefined;
  if (output === undefined) throw new AgentqError('usage', 'the output of this command has no fields to pick');
  return readFields(names, output, fieldsOf(outputs[output as keyof typeof outputs]));
}

/** An output that is a list stays one if it is empty, so that a program can go through it. */
function emptyLists(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if ('task_id' in value) return {};
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => Array.isArray(inner) && inner.length === 0));
}
