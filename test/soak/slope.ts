export interface Sample {
  /** Seconds since the beginning. */
  readonly at: number;
  readonly bytes: number;
}

/** Bytes a minute by which the samples grow: the median of the slopes of all pairs (Theil and Sen), which outliers do not move. */
export function slopeOf(samples: readonly Sample[]): number {
  const slopes: number[] = [];
  for (const [index, late] of samples.entries()) {
    for (const early of samples.slice(0, index)) slopes.push((late.bytes - early.bytes) / (late.at - early.at));
  }
  slopes.sort((a, b) => a - b);
  return 60 * (slopes[slopes.length >> 1] ?? 0);
}
