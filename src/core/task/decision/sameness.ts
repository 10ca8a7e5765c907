import { reportedCost } from '../../cost.ts';
import { type Envelope, envelopeFields } from '../../envelope/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';
import type { Task, TaskIn } from '../task.ts';
import type { CommandOf, Reporter } from './command.ts';

/** JSON with sorted keys in every object, so that equal values give equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

export interface ComparedSubmit {
  readonly envelope: Envelope;
  readonly context?: Evidence | undefined;
}

/** How many fields a message names. */
const NAMED = 5;

/** A task as it was submitted, and as it was edited since. */
export interface ComparedTask extends ComparedSubmit {
  readonly original?: Envelope | undefined;
}

/**
 * Compares a submit with the task that has its id: all fields from the submitter and the content of the context file.
 * The path of that file is not compared, and times are compared as moments. A field of the task that
 * no submit can have any more is not compared. If the task was edited, both contents are
 * the same: a coordinator may repeat its submit after an edit.
 * @returns the difference as a sentence with the names of the fields; undefined if both are equal
 */
export function otherContent(task: ComparedTask, submit: ComparedSubmit): string | undefined {
  const { envelope, original, context } = task;
  if (original && differences(task, submit).length === 0) return undefined;
  const fields = differences({ envelope: original ?? envelope, context }, submit);
  if (fields.length === 0) return undefined;
  const more = fields.length > NAMED ? ` and ${fields.length - NAMED} more` : '';
  return `${task.envelope.task_id} exists with other content: ${fields.slice(0, NAMED).join(', ')}${more}`;
}

function differences(task: ComparedSubmit, submit: ComparedSubmit): readonly string[] {
  const [before, now] = [comparable(task), comparable(submit)];
  return Object.keys({ ...before, ...now })
    .filter((field) => field in now || isKnown(field))
    .filter((field) => canonical(before[field]) !== canonical(now[field]));
}

/** Whether a submit can have the field. Version 0.1 kept fields of a batch that are now refused. */
function isKnown(field: string): boolean {
  return field === 'context' || field in envelopeFields;
}

function comparable({ envelope, context }: ComparedSubmit): Readonly<Record<string, unknown>> {
  const { task_id: _id, context_ref, not_before, ...fields } = envelope;
  return {
    ...fields,
    context: context ? context.sha256 : context_ref,
    not_before: not_before === undefined ? undefined : Date.parse(not_before),
  };
}

interface ComparedCompletion {
  readonly summary?: string | undefined;
  readonly result?: Evidence | undefined;
  readonly artifacts: readonly Evidence[];
}

/**
 * Whether a completed task was completed by an equal command: the summary, the names and contents of the evidence, and
 * the cost, unless the command reports none.
 */
export function sameCompletion(task: TaskIn<'completed'>, command: CommandOf<'complete'>): boolean {
  const comparable = ({ summary, result, artifacts }: ComparedCompletion) =>
    canonical({
      summary,
      result: result?.sha256,
      artifacts: Object.fromEntries(artifacts.map((one) => [one.name, one.sha256])),
    });
  return comparable(task.completion) === comparable(command) && costs(task, command);
}

/** Whether a report adds nothing to the recorded cost of the last attempt. */
function costs({ attempts }: Task, { cost: report }: Reporter): boolean {
  const cost = attempts.at(-1)?.cost;
  return canonical(reportedCost(cost, report)) === canonical(cost);
}

/**
 * Whether the same attempt was already ended with the same reason and cost. This happens if the answer was lost and the
 * worker repeats the command.
 */
export function saidBefore(task: Task, command: CommandOf<'fail'>): boolean {
  const { attempt, reason } = command;
  const last = task.attempts.at(-1);
  if (last?.outcome !== 'failed' || last.reason !== reason) return false;
  const isSame = attempt === undefined ? task.status === 'failed' : attempt === last.number;
  return isSame && costs(task, command);
}
