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

/** Rows of a sample: enough to see a unit that answers to one observation in fifty. */
const sampleRows = 256;
/** Every how many calls of `act` rows are taken, so that they come from all parts of the episodes. */
const sampleEvery = 5;

/**
 * The same policy, which keeps some of the observations that it acts on, or of what it remembers then. `metrics`: `policy/deadUnits` and
 * `policy/saturatedUnits` on them; nothing where the policy has no network to look into, or has seen too little.
 */
export function sampling(policy: Policy): { readonly policy: Policy; metrics(): Record<string, number> } {
  const { memory } = policy;
  const width = memory?.size ?? policy.observationDim;
  const sample = new Float64Array(sampleRows * width);
  let rows = 0;
  let calls = 0;
  const act: Policy['act'] = (observations, count, out, states, active) => {
    policy.act(observations, count, out, states, active);
    if (calls++ % sampleEvery !== 0) return;
    for (let n = 0; n < count && rows < sampleRows; n++) {
      if (active?.[n] === 0) continue;
      sample.set(memory?.of(n) ?? observations.subarray(n * width, (n + 1) * width), rows++ * width);
    }
  };
  return {
    policy: {
      observationDim: policy.observationDim,
      actionDim: policy.actionDim,
      act,
      ...(policy.needsStates === undefined ? {} : { needsStates: policy.needsStates }),
      ...(policy.begin === undefined ? {} : { begin: (world: number) => policy.begin!(world) }),
    },
    metrics() {
      const shares =
        rows < sampleRows / 4 ? undefined : policy.units?.(sample.subarray(0, rows * width), rows);
      return shares === undefined
        ? {}
        : { 'policy/deadUnits': shares.dead, 'policy/saturatedUnits': shares.saturated };
    },
  };
}
