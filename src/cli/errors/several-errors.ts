/** The errors of one command on several tasks. Each is reported; the first one gives the exit code. */
export class SeveralErrors extends Error {
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    super('several errors');
    this.errors = errors;
  }
}
