import type { Evolved, Given, Subject, ThingDecision } from '../thing.ts';
import type { PolicyDocument } from './document.ts';

/** The policy of the queue. There is one. */
export const POLICY = { kind: 'policy', id: 'policy' } as const satisfies Subject;

export interface Policy {
  /** Grows with each applied document. */
  readonly version: number;
  readonly document: PolicyDocument;
  /** When it was applied, ms since 1970. */
  readonly at: number;
  readonly by: string;
}

/** A document was applied. It replaces the one before. */
export interface Applied {
  readonly v: 2;
  readonly type: 'applied';
  readonly about: Subject;
  readonly at: number;
  readonly by: string;
  readonly version: number;
  readonly document: PolicyDocument;
}

export interface ApplyPolicy {
  readonly type: 'apply';
  readonly document: PolicyDocument;
  readonly by: string;
}

/** Of two documents that were applied at the same time, the first in the log counts: the other has the same version. */
export function evolvePolicy(state: Policy | undefined, { version, document, at, by }: Applied): Evolved<Policy> {
  const last = state?.version ?? 0;
  if (version <= last) return { state, refused: `version ${last} was applied before` };
  return { state: { version, document, at, by } };
}

/** The same document again changes nothing. */
export function decidePolicy(
  state: Policy | undefined,
  { document, by }: ApplyPolicy,
  { now }: Given,
): ThingDecision<Applied> {
  if (state && JSON.stringify(plain(state.document)) === JSON.stringify(plain(document))) return { events: [] };
  const version = (state?.version ?? 0) + 1;
  return { events: [{ v: 2, type: 'applied', about: POLICY, at: now, by, version, document: plain(document) }] };
}

/** A document in one order of fields. */
function plain({ budgets }: PolicyDocument): PolicyDocument {
  return {
    ...(budgets && {
      budgets: budgets.map(({ role, group, usd, per }) => ({
        ...(role !== undefined && { role }),
        ...(group !== undefined && { group }),
        usd,
        ...(per && { per }),
      })),
    }),
  };
}
