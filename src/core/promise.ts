import type { Envelope } from './envelope.ts';
import type { Evidence } from './evidence.ts';

/** The names that a completion must bring evidence for. */
export function promisedArtifacts(envelope: Envelope): readonly string[] {
  return envelope.expected_output?.artifacts ?? [];
}

/**
 * The promised names that a completion brings no non-empty evidence for. The summary text may stand for an
 * artifact of the name `summary`.
 */
export function missingArtifacts(
  promised: readonly string[],
  brought: { artifacts: readonly Evidence[]; summary?: string | undefined },
): readonly string[] {
  const have = new Set(brought.artifacts.filter((a) => a.size > 0).map((a) => a.name));
  if (brought.summary?.trim()) have.add('summary');
  return promised.filter((name) => !have.has(name));
}
