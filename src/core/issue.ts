import type * as z from 'zod/mini';
import { AgentqError, type Refusal } from './errors.ts';

/** How many problems one error names. */
const NAMED = 5;

/**
 * The problems of a failed check, as an error for the writer of the input. It has the code of the first problem.
 * @param name returns the writer's name for a field
 * @param whole the writer's name for the input, if it is one value
 */
export function inputError(
  error: z.core.$ZodError,
  name: (path: readonly PropertyKey[]) => string,
  whole?: string,
): AgentqError {
  const problems = error.issues.map((issue) => problemOf(issue, issue.path.length > 0 ? name(issue.path) : whole));
  const [first] = problems;
  if (problems.length === 1) return new AgentqError(first!.code, first!.message, first!.hint);
  const named = problems.slice(0, NAMED).map((problem) => withReason(problem));
  const more = problems.length > NAMED ? `; and ${problems.length - NAMED} more` : '';
  return new AgentqError(first!.code, `${named.join('; ')}${more}`);
}

function problemOf(issue: z.core.$ZodIssue, subject: string | undefined): Refusal {
  const field = subject === undefined ? '' : `${subject} `;
  const { message, code } = issue;
  const named = /^(is not a valid [a-z ]+): (.*)$/.exec(message);
  if (named) return { code: 'invalid-name', message: `${field}${named[1]}`, hint: `allowed: ${named[2]}` };
  if (code === 'too_big' && issue.origin === 'string')
    return { code: 'too-large', message: `${field}${message}`, hint: 'put the long text into a file' };
  const hint = code === 'custom' ? (issue.params?.['hint'] as string | undefined) : undefined;
  const problem = message.startsWith('Invalid input') ? demandOf(issue) : message;
  return { code: 'usage', message: `${field}${problem}`, ...(hint !== undefined && { hint }) };
}

/** A problem of a name in one line, with the characters that are allowed. */
export function withReason({ code, message, hint }: Refusal): string {
  return code === 'invalid-name' && hint !== undefined ? `${message} (${hint})` : message;
}

const FORMS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** What a value must be. The schema's own words, if it has any. A missing value is known if the issue has its input. */
export function demandOf(issue: z.core.$ZodIssue): string {
  if ('input' in issue && issue.input === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${FORMS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_small':
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    default:
      return issue.message;
  }
}
