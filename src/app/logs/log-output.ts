/** Where a log is printed. */
export interface LogOutput {
  /** Called before the log of an attempt. */
  readonly begin: (attempt: number) => void;
  /** @returns false if the reader has gone away */
  readonly take: (attempt: number, bytes: Uint8Array) => boolean;
  /** Called when nothing more follows of the log of this attempt. */
  readonly end: (attempt: number) => void;
  /** Receives a message about an attempt without a log. */
  readonly say: (line: string) => void;
}
