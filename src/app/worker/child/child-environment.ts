import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Task } from '../../../core/task/task.ts';
import type { Brief } from '../../assignment/brief.ts';
import type { Services } from '../../workspace/services.ts';

export interface Places {
  /** The scratch folder of the attempt, removed after its end. */
  readonly scratch: string;
  readonly resultFile: string;
  readonly artifactsDir: string;
  readonly costFile: string;
}

/** The path for a context that is more than one file of the store, or is too large for memory. */
export function contextFile(scratch: string): string {
  return join(scratch, 'context.md');
}

/**
 * The variables that are added to the environment of a child. If the brief is one file, its path is passed; otherwise
 * the brief is written to a file first.
 * @param assigned the variables of the assignment
 */
export function childEnvironment(
  { workspace }: Services,
  task: Task,
  attempt: number,
  input: Brief,
  { scratch, resultFile, artifactsDir, costFile }: Places,
  assigned: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const { envelope } = task;
  const file = input.file ?? contextFile(scratch);
  if (input.bytes && input.file === undefined) writeFileSync(file, input.bytes, { mode: workspace.modes.file });
  return {
    AGENTQ_DIR: workspace.dir,
    AGENTQ_AGENT: envelope.to,
    AGENTQ_ROLE: envelope.to,
    AGENTQ_TASK_ID: task.id,
    AGENTQ_ATTEMPT: String(attempt),
    AGENTQ_CONTEXT_FILE: file,
    AGENTQ_RESULT_FILE: resultFile,
    AGENTQ_ARTIFACTS_DIR: artifactsDir,
    AGENTQ_COST_FILE: costFile,
    ...assigned,
  };
}
