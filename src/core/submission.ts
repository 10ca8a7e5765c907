import * as z from 'zod/mini';
import { DEFAULT_PRIORITY, DEFAULT_TYPE, envelopeFields } from './envelope.ts';
import { AgentqError } from './errors.ts';
import { inputError } from './issue.ts';
import { jsonProblem } from './plain-json.ts';

type Fields = { readonly [F in keyof typeof envelopeFields]: z.infer<ReturnType<(typeof envelopeFields)[F]>> };
type Certain = 'to' | 'type' | 'priority';

/**
 * An envelope as a submitter writes it: what is left out is filled in from the identity and the defaults. It may
 * hold further fields, which are kept.
 */
export type Submission = Pick<Fields, Certain> & Partial<Omit<Fields, Certain>>;

/** Rows may hold any further fields, and must not fill the memory with schemas. */
const MANY_FORMS = 1_000;

const schemas = new Map<string, z.ZodMiniType>();

/** The schema of the fields that are there: most submissions hold few of them, and the rows of a batch the same. */
function schemaOf(json: unknown): z.ZodMiniType {
  const there = ['to', ...Object.keys(Object(json) as object)];
  const key = there.join();
  let schema = schemas.get(key);
  if (!schema) {
    const known = Object.entries(envelopeFields).filter(([field]) => there.includes(field));
    schema = z.looseObject(Object.fromEntries(known.map(([field, make]) => [field, make()])));
    if (schemas.size < MANY_FORMS) schemas.set(key, schema);
  }
  return schema;
}

/**
 * @param nameOf how whoever wrote it calls a field
 * @throws AgentqError `invalid-name` or `usage` that names the first field that is wrong
 */
export function parseSubmission(
  json: unknown,
  nameOf = (path: readonly PropertyKey[]): string => path.join('.'),
): Submission {
  for (const [field, value] of Object.entries(Object(json) as object)) {
    const problem = jsonProblem(value);
    if (problem !== undefined) throw new AgentqError('usage', `${nameOf([field])} ${problem}`, 'write it otherwise');
  }
  const parsed = schemaOf(json).safeParse(json);
  if (!parsed.success) throw inputError(parsed.error, nameOf);
  const submission = { type: DEFAULT_TYPE, priority: DEFAULT_PRIORITY, ...(parsed.data as object) } as Submission;
  const { delay_seconds, not_before } = submission;
  if (delay_seconds !== undefined && not_before !== undefined) {
    const both = `${nameOf(['delay_seconds'])} and ${nameOf(['not_before'])}`;
    throw new AgentqError('usage', `${both} say two different things`, 'give one of them');
  }
  return submission;
}
