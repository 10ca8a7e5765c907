/** How a set of durations is distributed, in ms. A percentile is the least value that so many percent do not exceed. */
export interface Distribution {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** @returns undefined if there are none */
export function distributionOf(durations: readonly number[]): Distribution | undefined {
  const count = durations.length;
  if (count === 0) return undefined;
  const sorted = Float64Array.from(durations).toSorted();
  const percentile = (percent: number) => sorted[Math.ceil((percent * count) / 100) - 1]!;
  return { count, p50: percentile(50), p90: percentile(90), p99: percentile(99) };
}
