/** The changes that commands have confirmed with exit code 0. Only these must survive. */
export class Ledger {
  readonly #submitted = new Set<string>();
  readonly #completed: ConfirmedCompletion[] = [];
  readonly #cancelled = new Set<string>();
  readonly #faults = new Set<string>();
  #kills = 0;

  confirmSubmit(id: string): void {
    this.#submitted.add(id);
  }

  confirmCompletion(completion: ConfirmedCompletion): void {
    this.#completed.push(completion);
  }

  confirmCancel(id: string): void {
    this.#cancelled.add(id);
  }

  /** Forbidden behaviour of processes, which no kill excuses. */
  noteFault(fault: string): void {
    this.#faults.add(fault);
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

  get cancelled(): ReadonlySet<string> {
    return this.#cancelled;
  }

  get faults(): ReadonlySet<string> {
    return this.#faults;
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
