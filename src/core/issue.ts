import type * as z from 'zod/mini';
import { AgentqError } from './errors.ts';

/** What a failed check says first, as the error of whoever wrote the input. @param name how the writer calls the field */
export function inputError(error: z.core.$ZodError, name: (path: readonly PropertyKey[]) => string): AgentqError {
  const { path, message } = error.issues[0]!;
  const code = message.startsWith('is not a valid ') ? 'invalid-name' : 'usage';
  const field = path.length > 0 ? `${name(path)} ` : '';
  return new AgentqError(code, `${field}${message.replace(/^Invalid input.*/, 'is not what it should be')}`);
}
