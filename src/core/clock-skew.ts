import { formatDuration } from './duration.ts';

/** The clock of a machine that differs from the clock of the queue. */
export interface ClockSkew {
  /** The name of the machine. */
  readonly machine: string;
  /** By how much its clock is ahead, in ms; negative if it is behind. */
  readonly ahead: number;
}

export function describeClockSkew({ machine, ahead }: ClockSkew): string {
  const direction = ahead > 0 ? 'ahead of' : 'behind';
  return `the clock of ${machine} is ${formatDuration(Math.abs(ahead))} ${direction} the clock of the broker`;
}
