import type { Envelope } from '../envelope/envelope.ts';
import type { Evidence } from './evidence.ts';

/** What a completion contains. */
export interface Delivery {
  readonly artifacts: readonly Evidence[];
  readonly summary?: string | undefined;
  readonly result?: Evidence | undefined;
}

/** The names of the artifacts that a completion must include. */
export function promisedArtifacts(envelope: Envelope): readonly string[] {
  return envelope.expected_output?.artifacts ?? [];
}

/**
 * The expected artifacts that are missing or empty in a completion. The summary text can replace an artifact with the
 * name `summary`, and the result one with the name `result`. Every attempt of a runner that prints something has the
 * artifact `log`.
 */
export function missingArtifacts(promised: readonly string[], completion: Delivery): readonly string[] {
  const have = new Set(completion.artifacts.filter((a) => a.size > 0).map((a) => a.name));
  if (completion.summary?.trim()) have.add('summary');
  if (completion.result && completion.result.size > 0) have.add('result');
  return promised.filter((name) => !have.has(name));
}

/** Whether a completion contains neither text nor a file with content. */
export function deliversNothing({ artifacts, summary, result }: Delivery): boolean {
  return !summary?.trim() && !result?.size && artifacts.every(({ size }) => size === 0);
}

/** The option of `complete` that brings an expected artifact. */
export function optionFor(name: string): string {
  if (name === 'summary') return '--summary TEXT';
  return name === 'result' ? '--result-file PATH' : `--artifact ${name}=PATH`;
}
