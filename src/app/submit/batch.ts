import { AgentqError, isAway } from '../../core/errors.ts';
import { MAX_BATCH_ROWS } from '../../core/limits.ts';
import { otherContent } from '../../core/task/decision/sameness.ts';
import type { Submission } from '../../core/envelope/submission.ts';
import type { CurrentFolder } from '../workspace/current-folder.ts';
import { BadBatch, type BadRow } from './bad-batch.ts';
import { type BatchRow, problemOf, readRow } from './batch-row.ts';
import { keep, keepAgain, type StagedSubmit, prepare, type Prepared } from './submit.ts';
import { isRefused, takeBackContext, takeBackUnheard } from './submit.ts';
import type { Services } from '../workspace/services.ts';

export interface BatchOptions {
  /** Default values of fields, for rows that do not set them. */
  readonly defaults: Partial<Submission>;
  readonly allowSecret: boolean;
  /** The base folder of `file` and of relative paths in rows. */
  readonly from: CurrentFolder;
  /** Called with the roles of the rows and the submit of all rows, which it must carry out. */
  readonly aroundSubmit?: <T>(roles: Iterable<string>, submit: () => Promise<T>) => Promise<T>;
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
  const bad: BadRow[] = [];
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
    const problems: string[] = [];
    const read = await readRow(source, options.defaults, options.from, problems);
    const row = read && (await prepareRow(services, read, options.allowSecret, problems));
    if (problems.length > 0) bad.push({ line, problems });
    else if (row) prepared.push({ line, row, fields: read.fields });
    if (total % 1_000 === 0) options.onProgress?.(total, sources.length);
  }
  if (total === 0) throw new AgentqError('bad-batch', 'the batch holds no rows', 'one JSON object a line');
  if (bad.length > 0) throw new BadBatch(bad, total);
  const submit = () => submitAll(services, prepared, total);
  const { aroundSubmit } = options;
  return aroundSubmit ? aroundSubmit(new Set(prepared.map(({ row }) => row.envelope.to)), submit) : submit();
}

/** @param problems receives the problem if the row cannot be submitted */
async function prepareRow(
  services: Services,
  { submission, context }: BatchRow,
  allowSecret: boolean,
  problems: string[],
): Promise<Prepared | undefined> {
  try {
    return await prepare(services, { submission, allowSecret, ...(context && { context }) });
  } catch (error) {
    problems.push(problemOf(error));
    return undefined;
  }
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
    refusal ? [{ line: prepared[i]!.line, problems: [refusal.message] }] : [],
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
  const refused: BadRow[] = [];
  const stores = prepared.some(({ row }) => row.context);
  for (const { line, row } of prepared) {
    const known = stores && (await services.backend.task(row.envelope.task_id));
    if (!known) continue;
    const request = await keep(services, row);
    kept.set(row, request);
    const problem = otherContent(known, request.command);
    if (problem !== undefined) refused.push({ line, problems: [problem] });
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
