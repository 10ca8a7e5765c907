import { fileURLToPath } from 'node:url';
import { AgentqError, isAway } from '../../core/errors.ts';
import { withReason } from '../../core/issue.ts';
import { MAX_BATCH_ROWS, MAX_ROW } from '../../core/limits.ts';
import { otherContent } from '../../core/task/decision/sameness.ts';
import { parseSubmission, type Submission } from '../../core/envelope/submission.ts';
import { type CurrentFolder, locate } from '../workspace/current-folder.ts';
import { type Draft, keep, keepAgain, type StagedSubmit, prepare, type Prepared } from './submit.ts';
import { isRefused, takeBackContext, takeBackUnheard } from './submit.ts';
import type { Services } from '../workspace/services.ts';

interface BatchRow {
  /** Counted from 1, as editors do. */
  readonly line: number;
  readonly problem: string;
}

/** A problem of one or more rows. */
export interface RowProblem extends BatchRow {
  /** The number of rows that have this problem; `line` is the first of them. */
  readonly rows: number;
}

/** How many problems are listed: a wrong file may hold hundreds of thousands. */
const LISTED = 20;

/** A batch with invalid rows. No row was submitted. */
export class BadBatch extends AgentqError {
  /** The first problems. Rows with the same problem are one entry. */
  readonly problems: readonly RowProblem[];

  constructor(rows: readonly BatchRow[], total: number) {
    const groups = [...Map.groupBy(rows, ({ problem }) => problem).values()];
    const more = groups.slice(LISTED).reduce((sum, group) => sum + group.length, 0);
    super(
      'bad-batch',
      `${rows.length} of ${total} rows are invalid${more > 0 ? `, and ${more} of them are not listed` : ''}; nothing was submitted`,
      'correct these rows and submit the file again',
    );
    this.problems = groups.slice(0, LISTED).map((group) => ({ ...group[0]!, rows: group.length }));
  }
}

export interface BatchOptions {
  /** Default values of fields, for rows that do not set them. */
  readonly defaults: Partial<Submission>;
  readonly allowSecret: boolean;
  /** The base folder of `file` and of relative paths in rows. */
  readonly from: CurrentFolder;
  readonly onProgress?: (done: number, all: number) => void;
}

export interface BatchResult {
  readonly ids: readonly string[];
  readonly created: number;
  readonly warnings: readonly string[];
}

/**
 * Submits a file of JSON rows, one submission per line, in one transaction: all rows or none. A row may name a context
 * file in `file`, or by a file:// URL in `context_ref`.
 * @throws BadBatch with the first problems and the number of invalid rows
 */
export async function submitBatch(services: Services, text: string, options: BatchOptions): Promise<BatchResult> {
  const bad: BatchRow[] = [];
  const prepared: Row[] = [];
  const sources = text.split('\n');
  let total = 0;
  for (const [i, source] of sources.entries()) {
    const line = i + 1;
    if (source.trim() === '') continue;
    if (++total > MAX_BATCH_ROWS) {
      throw new AgentqError(
        'too-large',
        `the batch has more than ${MAX_BATCH_ROWS} rows, the limit`,
        'split the batch',
      );
    }
    try {
      const { draft, fields } = readRow(source, options);
      prepared.push({ line, row: await prepare(services, draft), fields });
    } catch (error) {
      if (!(error instanceof AgentqError)) throw error;
      bad.push({ line, problem: withReason(error) });
    }
    if (total % 1_000 === 0) options.onProgress?.(total, sources.length);
  }
  if (total === 0) throw new AgentqError('bad-batch', 'the batch holds no rows', 'one JSON object a line');
  if (bad.length > 0) throw new BadBatch(bad, total);
  return await submitAll(services, prepared, total);
}

interface Row {
  readonly line: number;
  readonly row: Prepared;
  /** The fields of the row, with the defaults. */
  readonly fields: Readonly<Record<string, unknown>>;
}

async function submitAll(services: Services, prepared: readonly Row[], total: number): Promise<BatchResult> {
  const kept = new Map<Prepared, StagedSubmit>();
  try {
    await keepAll(services, prepared, total, kept);
  } catch (error) {
    if (!isAway(error)) await takeBackUnheard(services, kept.values());
    throw error;
  }
  const requests = prepared.map(({ row }) => kept.get(row)!);
  const outcomes = await commitAll(services, prepared, requests);
  const refused = outcomes.flatMap(({ refusal }, i) =>
    refusal ? [{ line: prepared[i]!.line, problem: refusal.message }] : [],
  );
  if (refused.length > 0) {
    await takeBackUnheard(services, requests);
    throw new BadBatch(refused, total);
  }
  for (const [i, { changed }] of outcomes.entries()) {
    await (changed ? keepAgain(services, prepared[i]!.row, requests[i]!) : takeBackContext(services, requests[i]!));
  }
  return {
    ids: requests.map((request) => request.task_id),
    created: outcomes.filter((outcome) => outcome.changed).length,
    warnings: requests.flatMap(({ warnings }) => warnings),
  };
}

/**
 * Stores all contexts, first those of existing tasks. If one conflicts with its task, no other context is stored.
 * @param kept receives each stored context, also if a later one fails
 */
async function keepAll(
  services: Services,
  prepared: readonly Row[],
  total: number,
  kept: Map<Prepared, StagedSubmit>,
): Promise<void> {
  const refused: BatchRow[] = [];
  const stores = prepared.some(({ row }) => row.context);
  for (const { line, row } of prepared) {
    const known = stores && (await services.backend.task(row.envelope.task_id));
    if (!known) continue;
    const request = await keep(services, row);
    kept.set(row, request);
    const problem = otherContent(known, request.command);
    if (problem !== undefined) refused.push({ line, problem });
  }
  if (refused.length > 0) throw new BadBatch(refused, total);
  for (const { row } of prepared) if (!kept.has(row)) kept.set(row, await keep(services, row));
}

/** @throws AgentqError `outcome-unknown`; its hint says how to repeat the batch */
async function commitAll(services: Services, prepared: readonly Row[], requests: readonly StagedSubmit[]) {
  const { backend, workspace, clock } = services;
  try {
    return await backend.commit(requests);
  } catch (error) {
    if (isRefused(error)) await takeBackUnheard(services, requests);
    if (!(error instanceof AgentqError) || error.code !== 'outcome-unknown') throw error;
    const { keepBatch } = await import('./kept-batch.ts');
    const rows = prepared.map(({ row, fields }) => ({ fields, task_id: row.envelope.task_id, fresh: row.fresh }));
    throw keepBatch(workspace, rows, clock(), error);
  }
}

/** The command line names of fields that have another name in a row. */
const fieldOf: ReadonlyMap<string, string> = new Map([
  ['id', 'task_id'],
  ['ttl', 'ttl_seconds'],
  ['delay', 'delay_seconds'],
  ['at', 'not_before'],
  ['expect', 'expected_output'],
  ['format', 'expected_output'],
]);

function readRow(
  source: string,
  { defaults, allowSecret, from }: BatchOptions,
): { draft: Draft; fields: Row['fields'] } {
  if (source.length > MAX_ROW) throw new AgentqError('bad-batch', `it has more than ${MAX_ROW} characters, the limit`);
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    throw new AgentqError('bad-batch', `not JSON: ${(error as Error).message}`);
  }
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw new AgentqError('bad-batch', 'not a JSON object');
  const { file, ...rest } = { ...defaults, ...json } as Record<string, unknown>;
  const problems = Object.keys(json)
    .filter((field) => fieldOf.has(field))
    .map((field) => `${field} is not a field of a row: did you mean ${fieldOf.get(field)}?`);
  const submission = readSubmission(rest, problems);
  if (!submission || problems.length > 0) throw new AgentqError('bad-batch', problems.join('; '));
  const context = contextOf(file, submission, from);
  const fields = file === undefined ? rest : { ...rest, ...context };
  return { draft: { submission, allowSecret, ...(context && { context }) }, fields };
}

/** @param problems receives the problem if the fields are not a valid submission */
function readSubmission(fields: Record<string, unknown>, problems: string[]): Submission | undefined {
  try {
    return parseSubmission(fields);
  } catch (error) {
    if (!(error instanceof AgentqError)) throw error;
    problems.push(withReason(error));
    return undefined;
  }
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
