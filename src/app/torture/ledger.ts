/** What the processes were told: only what a command confirmed by exiting 0 is owed to anyone. */
export class Ledger {
  readonly #submitted = new Set<string>();
  readonly #completed: ConfirmedCompletion[] = [];
  #kills = 0;

  confirmSubmit(id: string): void {
    this.#submitted.add(id);
  }

  confirmCompletion(completion: ConfirmedCompletion): void {
    this.#completed.push(completion);
  }

  countKill(): void {
    this.#kills++;
  }

  get submitted(): ReadonlySet<string> {
    return this.#submitted;
  }

  get completed(): readonly ConfirmedCompletion[] {
    return this.#completed;
  }

  get kills(): number {
    return this.#kills;
  }
}

export interface ConfirmedCompletion {
  readonly id: string;
  readonly attempt: number;
  readonly summary: string;
}
