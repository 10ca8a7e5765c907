import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Ran, runNode } from './measure.ts';

/** Runs the built program in a process, as an agent does. */
export const program = fileURLToPath(new URL('../bin/agentq.cjs', import.meta.url));

export function agentq(workspace: string, ...args: readonly string[]): Ran {
  return runNode([program, ...args], workspace);
}

/** Creates the folder and a workspace in it. */
export function makeWorkspace(folder: string): string {
  mkdirSync(folder, { recursive: true });
  agentq(folder, 'init');
  return folder;
}

/** The instructions of a task: a few lines, as one agent writes to another. */
export const instructions =
  'Review the diff of the branch parser-rewrite against main. Look at error paths and at what is no longer tested. ' +
  'Write the findings as a list, most severe first, each with file and line.';

export const summary = 'three findings, one severe: the lexer drops the last token of a file without a newline';

/**
 * The commands of the life of a task, each as a whole process. Call them in this order, repeatedly.
 * Each call returns its duration in ms.
 */
export function lifeOf(workspace: string): Record<'submit' | 'claim' | 'complete' | 'status', () => number> {
  let id = '';
  return {
    submit() {
      const { ms, stdout } = agentq(workspace, 'submit', '--to', 'bench', '--instructions', instructions);
      id = stdout.trim();
      return ms;
    },
    claim() {
      const { ms, stdout } = agentq(workspace, 'claim', '--as', 'bench');
      if (!stdout.startsWith(id)) throw new Error(`claimed another task than ${id}: ${stdout}`);
      return ms;
    },
    complete: () => agentq(workspace, 'complete', id, '--from', 'bench', '--attempt', '1', '--summary', summary).ms,
    status() {
      const { ms, stdout } = agentq(workspace, 'status', id);
      if (!stdout.includes('completed')) throw new Error(`${id} is not completed: ${stdout}`);
      return ms;
    },
  };
}
