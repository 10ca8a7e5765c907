import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../core/task.ts';
import type { Services } from '../services.ts';

export interface Places {
  /** Scratch space of the attempt, removed after it. */
  readonly scratch: string;
  readonly resultFile: string;
  readonly artifactsDir: string;
}

/**
 * What a child finds in its environment, beside what it inherits. A context that is nothing but a file is named
 * where it lies; any other is written out first.
 */
export function childEnvironment(
  { store, workspace }: Services,
  task: Task,
  attempt: number,
  input: Buffer,
  { scratch, resultFile, artifactsDir }: Places,
): NodeJS.ProcessEnv {
  const { context, envelope } = task;
  const asItLies = context && envelope.instructions === undefined;
  const contextFile = asItLies ? store.locate(context.path) : join(scratch, 'context.md');
  if (!asItLies) writeFileSync(contextFile, input, { mode: workspace.modes.file });
  return {
    AGENTQ_DIR: workspace.dir,
    AGENTQ_AGENT: envelope.to,
    AGENTQ_ROLE: envelope.to,
    AGENTQ_TASK_ID: task.id,
    AGENTQ_ATTEMPT: String(attempt),
    AGENTQ_CONTEXT_FILE: contextFile,
    AGENTQ_RESULT_FILE: resultFile,
    AGENTQ_ARTIFACTS_DIR: artifactsDir,
  };
}
