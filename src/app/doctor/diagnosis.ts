/** What doctor has found. */
export interface Diagnosis {
  readonly subject: string;
  readonly problem: string;
  /** `advice` is information and not a problem. */
  readonly severity: 'problem' | 'advice';
  readonly repaired: boolean;
}
