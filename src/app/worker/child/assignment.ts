import { writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { promisedArtifacts } from '../../../core/evidence/promise.ts';
import { isLastAttempt } from '../../../core/task/retry.ts';
import type { Task } from '../../../core/task/task.ts';
import { lastFailures, type PreviousFailure, previousFailures } from '../../assignment/previous-failures.ts';
import type { Services } from '../../workspace/services.ts';
import type { Places } from './child-environment.ts';

/** Contexts that a text may follow. Any other context without instructions is data for a program. */
const TEXTS: ReadonlySet<string> = new Set(['.md', '.txt']);

/** What a child is told about its task besides the instructions and the context. */
export interface Assignment {
  /** The text below the brief; empty if there is nothing to say. */
  readonly text: string;
  readonly variables: NodeJS.ProcessEnv;
}

/**
 * What the task is expected to deliver, and how its former attempts have ended. It writes the file of former attempts
 * into the scratch folder: one line of JSON for each, as in the output of `claim`.
 */
export function assignment(
  services: Pick<Services, 'store' | 'workspace'>,
  task: Task,
  attempt: number,
  places: Places,
): Assignment {
  const { envelope, context } = task;
  const promised = promisedArtifacts(envelope);
  const format = envelope.expected_output?.format;
  const failures = previousFailures(services, task);
  const file = failures.length === 0 ? undefined : join(places.scratch, 'previous-failures.jsonl');
  if (file !== undefined) {
    const lines = failures.map((failure) => `${JSON.stringify(failure)}\n`).join('');
    writeFileSync(file, lines, { mode: services.workspace.modes.file });
  }
  const variables = {
    // A variable that does not apply is removed: the worker itself may be the child of another worker.
    AGENTQ_EXPECT: promised.length > 0 ? promised.join(',') : undefined,
    AGENTQ_FORMAT: format,
    AGENTQ_PREVIOUS_FAILURES: file,
  };
  const isData = envelope.instructions === undefined && context && !TEXTS.has(extname(context.path));
  if (isData || (promised.length === 0 && format === undefined && file === undefined)) return { text: '', variables };
  const lines = [
    `agentq: this is attempt ${attempt} at ${task.id}${isLastAttempt(task) ? ', the last one' : ''}.`,
    ...(promised.length > 0 ? ['Deliver all of these before you end with exit code 0, or the attempt fails:'] : []),
    ...promised.map((name) => `- ${name}: ${placeOf(name, places)}`),
    ...(format === undefined ? [] : [`Format: ${oneLine(format)}`]),
    ...(file === undefined ? [] : ['Former attempts:', ...describe(failures, file)]),
  ];
  return { text: `\n\n---\n${lines.join('\n')}\n`, variables };
}

/** Where the child puts a promised artifact. */
function placeOf(name: string, { resultFile, artifactsDir }: Places): string {
  switch (name) {
    case 'result':
      return `the file ${resultFile} (AGENTQ_RESULT_FILE)`;
    case 'summary':
      return `the first line of the result, in the file ${resultFile} (AGENTQ_RESULT_FILE)`;
    case 'log':
      return 'what you print; agentq saves it';
    default:
      return `a file with this name, with any extension, in ${artifactsDir} (AGENTQ_ARTIFACTS_DIR)`;
  }
}

function describe(failures: readonly PreviousFailure[], file: string): string[] {
  const { last, earlier } = lastFailures(failures.map(inOneLine));
  const lines = last.map(({ attempt, outcome, reason, log }) => {
    const why = reason === undefined ? '' : `: ${reason}`;
    return `- attempt ${attempt} ${outcome}${why}${log === undefined ? '' : ` (log: ${log})`}`;
  });
  return earlier > 0 ? [...lines, `- ${earlier} earlier ones, listed in ${file}`] : lines;
}

function inOneLine(failure: PreviousFailure): PreviousFailure {
  return failure.reason === undefined ? failure : { ...failure, reason: oneLine(failure.reason) };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
