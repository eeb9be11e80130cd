// A straight line through samples, and how far its slope can be trusted.

export type Trend = {
  /** value per hour */
  slope: number;
  /** half of the 95 % interval of the slope, per hour */
  uncertainty: number;
  mean: number;
};

const HOUR_S = 3600;

/**
 * Least squares. Samples of a memory follow one another, so they tell less than as many independent ones: the standard error is
 * widened by the correlation of neighbouring residuals, (1 + r) / (1 − r), as for a first-order autoregression.
 */
export const trend = (samples: readonly { atS: number; value: number }[]): Trend => {
  const n = samples.length;
  if (n < 3) return { slope: NaN, uncertainty: Infinity, mean: NaN };
  const meanAt = samples.reduce((sum, { atS }) => sum + atS, 0) / n;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / n;
  const spread = samples.reduce((sum, { atS }) => sum + (atS - meanAt) ** 2, 0);
  const slope = samples.reduce((sum, { atS, value }) => sum + (atS - meanAt) * (value - mean), 0) / spread;
  const residuals = samples.map(({ atS, value }) => value - mean - slope * (atS - meanAt));
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0);
  const neighbours = residuals.slice(1).reduce((sum, residual, at) => sum + residual * (residuals[at] ?? 0), 0);
  const correlation = squares === 0 ? 0 : Math.min(0.99, Math.max(0, neighbours / squares));
  const error = Math.sqrt((squares / (n - 2) / spread) * ((1 + correlation) / (1 - correlation)));
  return { slope: slope * HOUR_S, uncertainty: 1.96 * error * HOUR_S, mean };
};
