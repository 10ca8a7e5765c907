import type * as z from 'zod/mini';
import { AgentqError } from './errors.ts';

/**
 * The first problem of a failed check, as an error for the writer of the input.
 * @param name returns the writer's name for a field
 * @param whole the writer's name for the input, if it is one value
 */
export function inputError(
  error: z.core.$ZodError,
  name: (path: readonly PropertyKey[]) => string,
  whole?: string,
): AgentqError {
  const { path, message, code, ...issue } = error.issues[0]!;
  const field = path.length > 0 ? `${name(path)} ` : whole === undefined ? '' : `${whole} `;
  const named = /^(is not a valid [a-z ]+): (.*)$/.exec(message);
  if (named) return new AgentqError('invalid-name', `${field}${named[1]}`, `allowed: ${named[2]}`);
  if (code === 'too_big' && 'origin' in issue && issue.origin === 'string') {
    return new AgentqError('too-large', `${field}${message}`, 'put the long text into a file');
  }
  const hint = 'params' in issue ? (issue.params?.['hint'] as string | undefined) : undefined;
  const problem = message.replace(/^Invalid input.*/, 'is invalid');
  return new AgentqError('usage', `${field}${problem}`, hint ?? 'see the --help of the command');
}
