/** Figures from many: percentiles, the spread of repetitions, and ratios between contenders. */

export type Percentiles = { readonly p50: number; readonly p99: number };

/** The nearest rank: the smallest value that so large a share of all does not exceed. 0 of none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

export function percentilesOf(values: Iterable<number>): Percentiles {
  const sorted = Float64Array.from(values).sort();
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

/**
 * How many times as much as another one: the median over the repetitions of the ratio within each, so that what disturbs a whole
 * repetition disturbs neither side alone. Undefined when a repetition of either is missing or the other one did nothing.
 */
export function ratioOf(values: readonly number[], others: readonly number[]): number | undefined {
  if (values.length === 0 || values.length !== others.length) return undefined;
  const ratios = values.map((value, index) => value / (others[index] ?? 0));
  return ratios.every(Number.isFinite) ? spreadOf(ratios).median : undefined;
}
