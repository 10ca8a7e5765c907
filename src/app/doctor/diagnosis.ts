/** What doctor has found. */
export interface Diagnosis {
  readonly subject: string;
  readonly problem: string;
  /** `advice` is information and not a problem. */
  readonly severity: 'problem' | 'advice';
  /** Whether `doctor --repair` can repair it; absent: no. */
  readonly repairable?: boolean;
  readonly repaired: boolean;
}
