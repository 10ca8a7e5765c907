import { closeSync, openSync, readSync } from 'node:fs';
import { envelopeFields } from '../../core/envelope/envelope.ts';
import { findSecret, findSecretIn, INSISTING, refuseSecret } from '../../core/secrets/find-secret.ts';
import type { Submission } from '../../core/envelope/submission.ts';

/** @throws AgentqError `secret`; it names the first field whose value or name seems to contain a credential */
export async function refuseSecretFields(submission: Submission): Promise<void> {
  const texts = textsOf(submission);
  // Almost always no field has one, and one search shows this.
  if ((await findSecret(texts.map(({ text }) => text).join('\n'))) === undefined) return;
  for (const { where, text } of texts) await refuseSecret(text, where, INSISTING);
}

interface Field {
  readonly where: string;
  readonly text: string;
}

/** Names and texts of all fields, names first. Rows of a batch may be nested deep. */
function textsOf(submission: Submission): Field[] {
  const names: Field[] = [];
  const texts: Field[] = [];
  const open: { where: string; known: boolean; value: object }[] = [{ where: '', known: true, value: submission }];
  for (let one = open.pop(); one; one = open.pop()) {
    for (const [name, value] of Object.entries(one.value) as [string, unknown][]) {
      const known = one.known && (Object.hasOwn(envelopeFields, name) || one.where !== '');
      const where = one.where || (name === 'instructions' ? 'the instructions' : `the field ${name}`);
      if (!known) names.push({ where: 'the name of a field', text: name });
      if (typeof value === 'string') texts.push({ where, text: known ? value : `${name}: ${value}` });
      else if (typeof value === 'object' && value !== null) open.push({ where, known, value });
    }
  }
  return [...names, ...texts];
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
