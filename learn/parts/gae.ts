/** Generalised advantage estimation: Schulman et al. 2016, arXiv:1506.02438. */

export interface GaeInput {
  /** Control steps T and worlds N; every array is [T, N], time first. */
  readonly steps: number;
  readonly worlds: number;
  readonly gamma: number;
  readonly gaeLambda: number;
  readonly rewards: Float64Array;
  /** V(s_t). */
  readonly values: Float64Array;
  /** V of the state that followed: the next observation, or the final one where the step was truncated. Not read where terminated or diverged. */
  readonly nextValues: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
}

/**
 *   delta_t = r_t + gamma V(s_t+1) [not terminated] - V(s_t)
 *   A_t     = delta_t + gamma lambda A_t+1 [episode goes on]
 *   return  = A_t + V(s_t)
 *
 * A time limit is no end of the world: a truncated step bootstraps from its final observation. A diverged step has no
 * outcome: its advantage is 0 (callers leave it out of learning) and the step before it bootstraps from V(s_t) alone.
 */
export function gae(input: GaeInput, advantages: Float64Array, returns: Float64Array): void {
  const { steps, worlds, gamma, gaeLambda, rewards, values, nextValues } = input;
  const { terminated, truncated, diverged } = input;
  const decay = gamma * gaeLambda;
  for (let n = 0; n < worlds; n++) {
    let carried = 0;
    for (let t = steps - 1; t >= 0; t--) {
      const i = t * worlds + n;
      if (diverged[i]) {
        carried = 0;
        advantages[i] = 0;
        returns[i] = values[i]!;
        continue;
      }
      const bootstrap = terminated[i] ? 0 : gamma * nextValues[i]!;
      const delta = rewards[i]! + bootstrap - values[i]!;
      carried = terminated[i] || truncated[i] ? delta : delta + decay * carried;
      advantages[i] = carried;
      returns[i] = carried + values[i]!;
    }
  }
}
