import * as z from 'zod/mini';
import { AgentqError } from './errors.ts';

/**
 * Names that are used in file paths, queue names and routing keys. No pattern allows `/` or a leading dot. The patterns
 * of ids and artifacts also exclude `..`, so that a name cannot leave its folder. Roles also exclude `.`, because it
 * separates the words of an AMQP routing key.
 */
const patterns = {
  'task id': {
    pattern: /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    allowed: 'letters, digits, . _ -, at most 128',
  },
  role: { pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, allowed: 'letters, digits, _ -, at most 64' },
  'agent name': {
    pattern: /^[A-Za-z0-9][A-Za-z0-9@:._-]{0,127}$/,
    allowed: 'letters, digits, @ : . _ -, at most 128',
  },
  'task type': {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    allowed: 'letters, digits, . _ -, at most 64',
  },
  group: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    allowed: 'letters, digits, . _ -, at most 64',
  },
  'queue name': {
    pattern: /^[A-Za-z0-9][A-Za-z0-9@:._-]{0,199}$/,
    allowed: 'letters, digits, @ : . _ -, at most 200',
  },
  'artifact name': {
    pattern: /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    allowed: 'letters, digits, . _ -, at most 100',
  },
} as const;

/** Stands for the name of the caller where an agent is named. No agent may have it as its name. */
export const ME = 'me';

export type NameKind = keyof typeof patterns;

/** A schema for such a name. It is created where it is used, because every schema costs a one-shot command time. */
export const name = (kind: NameKind) =>
  z.string().check(z.regex(patterns[kind].pattern, { error: `is not a valid ${kind}: ${patterns[kind].allowed}` }));

export function isName(kind: NameKind, value: string): boolean {
  return patterns[kind].pattern.test(value);
}

/** @throws AgentqError `invalid-name` if `value` is not a name of that kind */
export function checkName(kind: NameKind, value: string): string {
  if (isName(kind, value)) return value;
  throw new AgentqError(
    'invalid-name',
    `${JSON.stringify(value)} is not a valid ${kind}`,
    `a ${kind} begins with a letter or a digit and contains ${patterns[kind].allowed} characters`,
  );
}

/**
 * The nearest allowed artifact name for a file name: other characters become `_`, and characters that are not allowed
 * at the beginning are removed.
 */
export function nearestArtifactName(text: string): string {
  const allowed = text.replace(/[^A-Za-z0-9._-]/gu, '_').replace(/\.{2,}/g, '.');
  return allowed.replace(/^[._-]+/, '').slice(0, 100) || 'file';
}
