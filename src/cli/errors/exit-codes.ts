import type { ErrorCode } from '../../core/errors.ts';

/** An unexpected error: a bug. */
export const INTERNAL_ERROR = 1;

/** The exit code of each error. Documented in docs/exit-codes.md; a test compares both. */
export const exitCodes: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  'not-found': 3,
  conflict: 4,
  cancelled: 5,
  failed: 6,
  expired: 7,
  timeout: 8,
  empty: 9,
  'no-workspace': 10,
  'invalid-name': 11,
  'unreadable-file': 12,
  'too-large': 13,
  'bad-batch': 14,
  'missing-artifacts': 15,
  drift: 16,
  secret: 17,
  'unsupported-store': 18,
  'newer-schema': 19,
  corrupt: 20,
  busy: 21,
  storage: 22,
  'not-finished': 23,
  unhealthy: 24,
  unreachable: 25,
  denied: 26,
  topology: 27,
  'outcome-unknown': 28,
};
