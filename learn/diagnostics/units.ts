/** How many of a network's hidden units still tell one observation from another. */

import type { Policy } from '../algorithms/types.ts';

/** A unit whose numbers differ by less than this over the whole sample says nothing. */
const deadRange = 1e-3;
/** Beyond this size tanh passes less than 6 % of its gradient. */
const saturatedSize = 0.97;
/** Rows of the sample in which a saturated unit is so: not only at rare extremes. */
const saturatedRows = 0.95;

export interface UnitShares {
  /** Units that put out the same number for every observation. */
  readonly dead: number;
  /** Units of tanh that are near -1 or 1 nearly always, and not dead. */
  readonly saturated: number;
}

/** Shares of all hidden units together; `layers` as from `Network.hidden`: [rows, units] each. */
export function unitShares(
  layers: readonly Float64Array[],
  rows: number,
  activation: 'tanh' | 'relu',
): UnitShares {
  let all = 0;
  let dead = 0;
  let saturated = 0;
  for (const values of layers) {
    const units = values.length / rows;
    for (let unit = 0; unit < units; unit++) {
      let low = Infinity;
      let high = -Infinity;
      let extreme = 0;
      for (let row = 0; row < rows; row++) {
        const value = values[row * units + unit]!;
        low = Math.min(low, value);
        high = Math.max(high, value);
        if (Math.abs(value) > saturatedSize) extreme++;
      }
      all++;
      if (high - low < deadRange) dead++;
      else if (activation === 'tanh' && extreme >= saturatedRows * rows) saturated++;
    }
  }
  return all === 0 ? { dead: 0, saturated: 0 } : { dead: dead / all, saturated: saturated / all };
}

/**
 * `policy/deadUnits` and `policy/saturatedUnits` on a sample of observations [rows * observationDim]; nothing where the
 * policy has no network to look into. A few rows say too little: take the observations of all worlds at several moments.
 */
export function unitMetrics(
  policy: Policy,
  observations: Float64Array,
  rows: number,
): Record<string, number> {
  const shares = policy.units?.(observations, rows);
  return shares === undefined
    ? {}
    : { 'policy/deadUnits': shares.dead, 'policy/saturatedUnits': shares.saturated };
}
