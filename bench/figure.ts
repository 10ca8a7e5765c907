import type { BenchBroker } from './broker.ts';

/** The inputs of a measurement. */
export interface Bench {
  /** An empty folder, removed afterwards. */
  readonly dir: string;
  /** Whether to measure fast instead of exactly. */
  readonly quick: boolean;
  /** Started at its first use. */
  readonly broker: BenchBroker;
}

/** One line of the printed table. */
export interface Row {
  readonly figure: string;
  readonly measured: string;
  /** The baseline, measured in the same rounds. */
  readonly baseline?: string;
  readonly ratio?: number;
  readonly bound: string;
  readonly met: boolean;
}

export type Measure = (bench: Bench) => Promise<readonly Row[]>;

export const ms = (value: number): string => `${value.toFixed(1)} ms`;
export const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`;
export const count = (value: number): string => value.toLocaleString('en');

/** Compares a median with the median of its baseline. A higher value is worse. */
export function atMost(
  bound: number,
  figure: string,
  measured: number,
  baseline: number,
  show: (value: number) => string,
): Row {
  const ratio = measured / baseline;
  const shown = { figure, measured: show(measured), baseline: show(baseline), ratio };
  return { ...shown, bound: `≤ ${bound}`, met: ratio <= bound };
}

/** The same. A lower value is worse. */
export function atLeast(
  bound: number,
  figure: string,
  measured: number,
  baseline: number,
  show: (value: number) => string,
): Row {
  const ratio = measured / baseline;
  const shown = { figure, measured: show(measured), baseline: show(baseline), ratio };
  return { ...shown, bound: `≥ ${bound}`, met: ratio >= bound };
}
