import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../../core/task/task.ts';
import type { Brief } from '../../brief.ts';
import type { Services } from '../../workspace/services.ts';

export interface Places {
  /** Scratch space of the attempt, removed after it. */
  readonly scratch: string;
  readonly resultFile: string;
  readonly artifactsDir: string;
}

/** Where a context is written out that is more than a file of the store, or too large to be held in memory. */
export function contextFile(scratch: string): string {
  return join(scratch, 'context.md');
}

/**
 * What a child finds in its environment, beside what it inherits. A context that is nothing but a file is named
 * where it lies; any other is written out first.
 */
export function childEnvironment(
  { store, workspace }: Services,
  task: Task,
  attempt: number,
  input: Brief,
  { scratch, resultFile, artifactsDir }: Places,
): NodeJS.ProcessEnv {
  const { context, envelope } = task;
  const asItLies = context && envelope.instructions === undefined;
  if (!asItLies && !('file' in input)) writeFileSync(contextFile(scratch), input, { mode: workspace.modes.file });
  return {
    AGENTQ_DIR: workspace.dir,
    AGENTQ_AGENT: envelope.to,
    AGENTQ_ROLE: envelope.to,
    AGENTQ_TASK_ID: task.id,
    AGENTQ_ATTEMPT: String(attempt),
    AGENTQ_CONTEXT_FILE: asItLies ? store.locate(context.path) : contextFile(scratch),
    AGENTQ_RESULT_FILE: resultFile,
    AGENTQ_ARTIFACTS_DIR: artifactsDir,
  };
}
