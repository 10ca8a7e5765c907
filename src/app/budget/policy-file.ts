import { policyDocument, type PolicyDocument } from '../../core/policy/document.ts';
import { AgentqError } from '../../core/errors.ts';
import { documentError } from '../workspace/config-error.ts';

/**
 * Reads a policy that a person has written.
 * @param file its name, for messages
 * @throws AgentqError `usage` with the first problem, and the nearest known field for an unknown one
 */
export function parsePolicy(text: string, file: string): PolicyDocument {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AgentqError('usage', `${file} cannot be read as JSON: ${(error as Error).message}`, 'correct the file');
  }
  const schema = policyDocument();
  const parsed = schema.safeParse(json, { reportInput: true });
  if (!parsed.success) throw documentError(file, parsed.error.issues[0]!, schema, 'see docs/policy.md');
  return parsed.data;
}
