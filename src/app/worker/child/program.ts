import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { AgentqError } from '../../../core/errors.ts';

/**
 * Checks that the program exists before a task is claimed for it, so that a typing error costs no task an attempt.
 * @throws AgentqError `usage`
 */
export function checkProgram(command: string, cwd: string, path: string | undefined): void {
  const places = command.includes('/')
    ? [resolve(cwd, command)]
    : (path ?? '').split(delimiter).map((dir) => join(dir, command));
  if (places.some(isProgram)) return;
  throw new AgentqError(
    'usage',
    `there is no program ${JSON.stringify(command)}`,
    'name a program on the PATH, or its path',
  );
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
