/** Where reward models differ most: scores made comparable over a pooled set of episodes, and the peaks of their difference. */

/**
 * What is done to each model's scores before they are compared, over all frames of all episodes together:
 *  - `rank`: the share of the model's own scores below this one, equal ones counted half; in (0, 1), and only the order counts
 *  - `z`: (score - mean) / standard deviation; 0 everywhere for a model that is constant
 *  - `none`: as the model gave it
 */
export type Normalisation = 'rank' | 'z' | 'none';

/** Scores of one model: [T + 1] an episode. What is not finite stays NaN and counts for nothing. */
export function normalised(scores: readonly Float32Array[], how: Normalisation): Float32Array[] {
  if (how === 'none') return scores.map((one) => one.slice());
  const finite = new Float32Array(scores.reduce((sum, { length }) => sum + length, 0));
  let n = 0;
  for (const one of scores) for (const value of one) if (Number.isFinite(value)) finite[n++] = value;
  const pool = finite.subarray(0, n);
  if (how === 'z') {
    const mean = pool.reduce((sum, value) => sum + value, 0) / n;
    const spread = Math.sqrt(pool.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
    return scores.map((one) =>
      one.map((value) =>
        Number.isFinite(value) ? (spread > 1e-9 ? (value - mean) / spread : 0) : Number.NaN,
      ),
    );
  }
  pool.sort();
  return scores.map((one) =>
    one.map((value) =>
      Number.isFinite(value)
        ? (firstAt(pool, value, false) + firstAt(pool, value, true)) / (2 * n)
        : Number.NaN,
    ),
  );
}

/** How many of the sorted numbers are below the value; with `orEqual` also those that equal it. */
function firstAt(sorted: Float32Array, value: number, orEqual: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value || (orEqual && sorted[middle] === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Highest minus lowest of the models at each frame; NaN where fewer than two have a number. models: [T + 1] each -> [T + 1] */
export function spreadOf(models: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(models[0]?.length ?? 0);
  for (let t = 0; t < out.length; t++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    let count = 0;
    for (const one of models) {
      const value = one[t]!;
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
      count++;
    }
    out[t] = count < 2 ? Number.NaN : high - low;
  }
  return out;
}

/**
 * Frames of local maxima above zero, the highest first, any two of them at least `apart` frames from each other: the lower of
 * two that are nearer goes. A plateau counts as its first frame; of equal ones the earlier goes first.
 */
export function peaksOf(values: Float32Array, apart: number): number[] {
  const found: number[] = [];
  for (let t = 0; t < values.length; t++) {
    const value = values[t]!;
    if (!(value > 0) || values[t - 1]! >= value) continue;
    let end = t + 1;
    while (values[end] === value) end++;
    if (!(values[end]! > value)) found.push(t);
  }
  found.sort((a, b) => values[b]! - values[a]! || a - b);
  const kept: number[] = [];
  for (const frame of found) if (kept.every((other) => Math.abs(other - frame) >= apart)) kept.push(frame);
  return kept;
}

/** [T + 1] of each model for one episode. */
export interface ScoredEpisode {
  readonly id: number;
  readonly scores: readonly Float32Array[];
}

export interface Moment {
  readonly episode: number;
  readonly frame: number;
  readonly difference: number;
  /** As the models, after normalisation. */
  readonly normalised: readonly number[];
}

export interface FoundDisagreement {
  /** Highest difference first; equal ones in the order of episodes. */
  readonly moments: readonly Moment[];
  /** The difference at each frame, of every episode in the order given. */
  readonly differences: readonly Float32Array[];
}

/** @param apart frames between two moments of one episode, at least */
export function disagreements(
  episodes: readonly ScoredEpisode[],
  { how, apart, top }: { readonly how: Normalisation; readonly apart: number; readonly top: number },
): FoundDisagreement {
  const models = episodes[0]?.scores.length ?? 0;
  const comparable = Array.from({ length: models }, (_, m) =>
    normalised(
      episodes.map(({ scores }) => scores[m]!),
      how,
    ),
  );
  const differences = episodes.map((_, e) => spreadOf(comparable.map((one) => one[e]!)));
  const moments = episodes
    .flatMap(({ id }, e) =>
      peaksOf(differences[e]!, apart)
        .slice(0, top)
        .map((frame) => ({
          episode: id,
          frame,
          difference: differences[e]![frame]!,
          normalised: comparable.map((one) => one[e]![frame]!),
        })),
    )
    .sort((a, b) => b.difference - a.difference)
    .slice(0, top);
  return { moments, differences };
}
