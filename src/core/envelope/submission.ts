import * as z from 'zod/mini';
import { DEFAULT_PRIORITY, DEFAULT_TYPE, envelopeFields } from './envelope.ts';
import { AgentqError } from '../errors.ts';
import { inputError } from '../issue.ts';
import { jsonProblem } from '../plain-json.ts';

type Fields = { readonly [F in keyof typeof envelopeFields]: z.infer<ReturnType<(typeof envelopeFields)[F]>> };
type Certain = 'to' | 'type' | 'priority';

/**
 * An envelope as a submitter writes it. Missing fields are filled in from the identity and the defaults. The caller
 * refuses unknown fields, because it knows what its user calls them.
 */
export type Submission = Pick<Fields, Certain> & Partial<Omit<Fields, Certain>>;

/** The rows of a batch may have many combinations of fields. Their schemas must not fill the memory. */
const MANY_FORMS = 1_000;

const schemas = new Map<string, z.ZodMiniType>();

/**
 * A schema for the present fields only. Most submissions have few fields, and the rows of a batch have the same fields.
 */
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
 * @param nameOf returns the submitter's name for a field, for example an option
 * @throws AgentqError `invalid-name` or `usage`; it names the invalid fields
 */
export function parseSubmission(
  json: unknown,
  nameOf = (path: readonly PropertyKey[]): string => path.join('.'),
): Submission {
  for (const [field, value] of Object.entries(Object(json) as object)) {
    const problem = jsonProblem(value);
    if (problem !== undefined) throw new AgentqError('usage', `${nameOf([field])} ${problem}`, 'change it');
  }
  const parsed = schemaOf(json).safeParse(json, { reportInput: true });
  if (!parsed.success) throw inputError(parsed.error, nameOf);
  const submission = { type: DEFAULT_TYPE, priority: DEFAULT_PRIORITY, ...(parsed.data as object) } as Submission;
  const { delay_seconds, not_before } = submission;
  if (delay_seconds !== undefined && not_before !== undefined) {
    const both = `${nameOf(['delay_seconds'])} and ${nameOf(['not_before'])}`;
    throw new AgentqError('usage', `${both} contradict each other`, 'give one of them');
  }
  return submission;
}
