/** What doctor has found. */
export interface Diagnosis {
  readonly subject: string;
  readonly problem: string;
  /** `advice` is worth knowing and not wrong. */
  readonly severity: 'problem' | 'advice';
  readonly repaired: boolean;
}
