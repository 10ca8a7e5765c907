import { createHash } from 'node:crypto';
import type { Envelope } from './envelope.ts';
import type { Evidence } from './evidence.ts';

/** JSON with the keys of every object in order, so that equal values have equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * What makes two submits the same: everything that the submitter said, and the content of the context file, but
 * not where that file lies.
 */
export function submitFingerprint(envelope: Envelope, context?: Evidence): string {
  const { task_id: _id, context_ref: _ref, ...said } = envelope;
  return sha256(canonical({ said, context: context?.sha256 }));
}

/** What makes two completions the same: the evidence by content, and the summary. */
export function completionFingerprint(outcome: {
  summary?: string | undefined;
  result?: Evidence | undefined;
  artifacts: readonly Evidence[];
}): string {
  const artifacts = Object.fromEntries(outcome.artifacts.map((a) => [a.name, a.sha256]));
  return sha256(canonical({ summary: outcome.summary, result: outcome.result?.sha256, artifacts }));
}

/**
 * The task id that stands for an idempotency key, the same on every machine: so a second submit with the same
 * key meets the first one under its id, and no backend needs an index of keys.
 */
export function taskIdOfKey(key: string): string {
  return `key-${sha256(key).slice(0, 16)}`;
}
