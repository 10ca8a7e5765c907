import type { Envelope } from '../../envelope/envelope.ts';
import type { Evidence } from '../../evidence/evidence.ts';

/** JSON with sorted keys in every object, so that equal values give equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}

export interface ComparedSubmit {
  readonly envelope: Envelope;
  readonly context?: Evidence | undefined;
}

/**
 * Whether two submits are equal: all fields from the submitter and the content of the context file. The path of that
 * file is not compared.
 */
export function sameSubmit(a: ComparedSubmit, b: ComparedSubmit): boolean {
  const said = ({ envelope, context }: ComparedSubmit) =>
    canonical({
      ...envelope,
      task_id: undefined,
      context_ref: context ? context.sha256 : envelope.context_ref,
    });
  return said(a) === said(b);
}

export interface ComparedCompletion {
  readonly summary?: string | undefined;
  readonly result?: Evidence | undefined;
  readonly artifacts: readonly Evidence[];
}

/** Whether two completions are equal: the summary, and the names and contents of the evidence. */
export function sameCompletion(a: ComparedCompletion, b: ComparedCompletion): boolean {
  const said = ({ summary, result, artifacts }: ComparedCompletion) =>
    canonical({
      summary,
      result: result?.sha256,
      artifacts: Object.fromEntries(artifacts.map((one) => [one.name, one.sha256])),
    });
  return said(a) === said(b);
}
