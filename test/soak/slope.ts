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
  return 60 * median(slopes);
}

/** Bytes by which the last fifth of the samples lies above the first, each by its median. */
export function growthOf(samples: readonly Sample[]): number {
  const bytes = samples.map((sample) => sample.bytes);
  const fifth = Math.ceil(bytes.length / 5);
  return median(bytes.slice(-fifth)) - median(bytes.slice(0, fifth));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
