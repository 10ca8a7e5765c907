import { closeSync, openSync, readSync } from 'node:fs';
import { findSecret, findSecretIn, INSISTING, refuseSecret } from '../../core/secrets/find-secret.ts';
import type { Submission } from '../../core/envelope/submission.ts';

/** @throws AgentqError `secret`; it names the first field that seems to contain a credential */
export async function refuseSecretFields(submission: Submission): Promise<void> {
  const fields = Object.entries(submission).map(([name, value]) => ({ name, texts: textsIn(value) }));
  // Almost always no field has one, and one search shows this.
  if ((await findSecret(fields.flatMap(({ texts }) => texts).join('\n'))) === undefined) return;
  for (const { name, texts } of fields) {
    const where = name === 'instructions' ? 'the instructions' : `the field ${name}`;
    for (const text of texts) await refuseSecret(text, where, INSISTING);
  }
}

/** The texts of a field. Fields in `expected_output` contain texts or lists of texts. */
function textsIn(value: unknown): string[] {
  const values: unknown[] = typeof value === 'object' && value !== null ? Object.values(value).flat() : [value];
  return values.filter((one) => typeof one === 'string');
}

/**
 * The kind of credential that a file seems to contain. The file is read in parts, because a context may be larger than
 * the memory.
 */
export function findSecretInFile(path: string): Promise<string | undefined> {
  return findSecretIn(partsOf(path));
}

const PART = 64 * 1024;

/** Decoded as Latin-1: credentials are ASCII, and no character is cut in two. */
function* partsOf(path: string): Generator<string> {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(PART);
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer))
      yield buffer.toString('latin1', 0, read);
  } finally {
    closeSync(fd);
  }
}
