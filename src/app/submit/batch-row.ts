import { counted } from '../../core/counted.ts';
import { fileURLToPath } from 'node:url';
import { envelopeFields } from '../../core/envelope/envelope.ts';
import { parseSubmission, type Submission } from '../../core/envelope/submission.ts';
import { AgentqError } from '../../core/errors.ts';
import { ME } from '../../core/identifiers.ts';
import { withReason } from '../../core/issue.ts';
import { MAX_ROW } from '../../core/limits.ts';
import { findSecret } from '../../core/secrets/find-secret.ts';
import type { LocalSource } from '../../files/source-file.ts';
import { nearestName } from '../near-names.ts';
import { type CurrentFolder, locate } from '../workspace/current-folder.ts';

/** The fields of a row: those of an envelope, and the path of the context. */
const FIELDS: readonly string[] = [...Object.keys(envelopeFields), 'file'];

/** The fields below a field of a row. */
const BELOW: Readonly<Record<string, readonly string[]>> = { expected_output: ['format', 'artifacts'] };

/** The command line names of fields that have another name in a row. */
const fieldOf: ReadonlyMap<string, string> = new Map([
  ['id', 'task_id'],
  ['role', 'to'],
  ['prompt', 'instructions'],
  ['ttl', 'ttl_seconds'],
  ['delay', 'delay_seconds'],
  ['at', 'not_before'],
  ['expect', 'expected_output'],
  ['format', 'expected_output'],
  ['budget', 'budget_usd'],
]);

/** How many unknown fields of one row are named. */
const NAMED = 5;

/** A longer name is cut. */
const LONGEST_NAME = 100;

/** A row, before any part of it is stored. */
export interface BatchRow {
  readonly submission: Submission;
  readonly context: LocalSource | undefined;
  /** The fields of the row, with the defaults. `file` is absolute. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Reads one line of a batch.
 * @param defaults values of fields that the row does not set
 * @param from the base folder of relative paths
 * @param problems receives all problems of the row
 * @returns undefined if it is not a submission
 */
export async function readRow(
  source: string,
  defaults: Partial<Submission>,
  from: CurrentFolder,
  problems: string[],
): Promise<BatchRow | undefined> {
  const json = jsonOf(source, problems);
  if (!json) return undefined;
  problems.push(...(await unknownFields(json)));
  const known = Object.entries(json).filter(([field]) => FIELDS.includes(field));
  const { file, ...fields } = { ...defaults, ...Object.fromEntries(known) } as Record<string, unknown>;
  try {
    const submission = parseSubmission(fields);
    if (submission.from === ME) throw new AgentqError('usage', 'from: me is no name; leave it out for your own');
    const context = contextOf(file, submission, from);
    return { submission, context, fields: file === undefined ? fields : { ...fields, ...context } };
  } catch (error) {
    problems.push(problemOf(error));
    return undefined;
  }
}

/** An expected error as the problem of a row. @throws every other error */
export function problemOf(error: unknown): string {
  if (error instanceof AgentqError) return withReason(error);
  throw error;
}

function jsonOf(source: string, problems: string[]): object | undefined {
  if (source.length > MAX_ROW) {
    problems.push(`it has more than ${MAX_ROW} characters, the limit`);
    return undefined;
  }
  try {
    const json: unknown = JSON.parse(source);
    if (json !== null && typeof json === 'object' && !Array.isArray(json)) return json;
    problems.push('not a JSON object');
  } catch (error) {
    problems.push(`not JSON: ${(error as Error).message}`);
  }
  return undefined;
}

/** One problem for each field that agentq does not know, with the nearest one that it knows. */
async function unknownFields(json: object): Promise<string[]> {
  const unknown = Object.keys(json)
    .filter((field) => !FIELDS.includes(field))
    .map((field) => ({ field, meant: meantBy(field), above: '' }));
  for (const [above, known] of Object.entries(BELOW)) {
    const inner = (json as Record<string, unknown>)[above];
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) continue;
    const others = Object.keys(inner).filter((field) => !known.includes(field));
    unknown.push(...others.map((field) => ({ field, meant: nearestName(field, known), above: `${above}.` })));
  }
  const problems: string[] = [];
  for (const { field, meant, above } of unknown.slice(0, NAMED)) {
    const hint = meant === undefined ? '' : `: did you mean ${above}${meant}?`;
    problems.push(`${above}${await printable(field)} is not a field of a row${hint}`);
  }
  if (unknown.length > NAMED) problems.push(counted(unknown.length - NAMED, 'more unknown field'));
  return problems;
}

function meantBy(field: string): string | undefined {
  const meant = fieldOf.get(field) ?? nearestName(field, FIELDS);
  return meant !== undefined && FIELDS.includes(meant) ? meant : undefined;
}

/** The name of a field as an error may contain it: not a credential, and not long. */
async function printable(field: string): Promise<string> {
  const secret = await findSecret(field);
  if (secret !== undefined) return `a name that seems to contain ${secret}`;
  return field.length > LONGEST_NAME ? `${field.slice(0, LONGEST_NAME)}…` : field;
}

function contextOf(file: unknown, { context_ref }: Submission, from: CurrentFolder): { file: string } | undefined {
  if (file !== undefined && typeof file !== 'string') throw new AgentqError('bad-batch', 'file: must be a path');
  if (file !== undefined) return { file: locate(from, file) };
  if (!context_ref?.startsWith('file://')) return undefined;
  try {
    return { file: fileURLToPath(context_ref) };
  } catch (error) {
    throw new AgentqError('bad-batch', `context_ref: ${(error as Error).message}`);
  }
}
