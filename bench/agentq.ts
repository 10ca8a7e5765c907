import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Ran, runNode } from './measure.ts';

/** The built program, as an agent calls it. */
export const program = fileURLToPath(new URL('../bin/agentq.cjs', import.meta.url));

export function agentq(workspace: string, ...args: readonly string[]): Ran {
  return runNode([program, ...args], workspace);
}

/** Makes the folder, and a workspace in it. */
export function makeWorkspace(folder: string): string {
  mkdirSync(folder, { recursive: true });
  agentq(folder, 'init');
  return folder;
}

/** What a task of the benchmark says: some lines, as an agent writes them to another. */
export const instructions =
  'Review the diff of the branch parser-rewrite against main. Look at error paths and at what is no longer tested. ' +
  'Write the findings as a list, most severe first, each with file and line.';

export const summary = 'three findings, one severe: the lexer drops the last token of a file without a newline';

/**
 * The commands that a task's life consists of, each a whole process; to be called in this order, again and again.
 * Every call returns its time in ms.
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
