/**
 * Reward-aligned behavioural cloning: SARM, arXiv 2509.25358, equations 8 and 9. Steps of demonstrations are weighted by the
 * progress that a reward model saw in the action chunk that begins with them.
 *
 *   r_t   = phi(o_(t+D)) - phi(o_t)                       D steps ahead, the last frame where the episode ends before
 *   (8)   w~    = clip((r - (mu - 2 s)) / (4 s + eps), 0, 1)    mu = max(0, mean of r), s its deviation
 *   (9)   w     = 1[r > kappa] + 1[0 <= r <= kappa] w~          r < 0: 0; r not a number: 1
 *
 * mu and s are those of all steps at once: the demonstrations are there before learning begins, so nothing has to run along.
 */

const epsilon = 1e-6;

export interface RaBcSettings {
  /** From this progress a chunk on, a step counts in full. */
  readonly kappa: number;
  /** D, control steps. */
  readonly chunk: number;
}

export interface RaBcWeights {
  /** One array for each episode, [T]. */
  readonly weights: readonly Float64Array[];
  /** Of r, over all steps where it is a number. */
  readonly mean: number;
  readonly deviation: number;
  /** Of w, over all steps. */
  readonly meanWeight: number;
  /** Shares of the steps with weight 0 and with weight 1. */
  readonly zero: number;
  readonly full: number;
}

/** r of each step of one episode. progress: [T + 1], out: [T] */
export function chunkGains(progress: ArrayLike<number>, chunk: number): Float64Array {
  const last = progress.length - 1;
  return Float64Array.from({ length: last }, (_, t) => progress[Math.min(t + chunk, last)]! - progress[t]!);
}

/** Equations 8 and 9 for one step; mean and deviation of r as they were found. */
export function raBcWeight(gain: number, kappa: number, mean: number, deviation: number): number {
  if (Number.isNaN(gain)) return 1;
  if (gain < 0) return 0;
  if (gain > kappa) return 1;
  const mu = Math.max(0, mean);
  return Math.min(1, Math.max(0, (gain - (mu - 2 * deviation)) / (4 * deviation + epsilon)));
}

/** Weights of the steps of whole episodes; progress of each: [T + 1]. */
export function raBcWeights(
  episodes: readonly ArrayLike<number>[],
  { kappa, chunk }: RaBcSettings,
): RaBcWeights {
  const gains = episodes.map((progress) => chunkGains(progress, chunk));
  let [count, sum] = [0, 0];
  for (const gain of gains.flatMap((of) => [...of])) {
    if (Number.isNaN(gain)) continue;
    count++;
    sum += gain;
  }
  const mean = count === 0 ? 0 : sum / count;
  let squares = 0;
  for (const of of gains) for (const gain of of) if (!Number.isNaN(gain)) squares += (gain - mean) ** 2;
  const deviation = count === 0 ? 0 : Math.sqrt(squares / count);
  const weights = gains.map((of) => of.map((gain) => raBcWeight(gain, kappa, mean, deviation)));
  let [steps, total, zero, full] = [0, 0, 0, 0];
  for (const of of weights) {
    for (const weight of of) {
      steps++;
      total += weight;
      if (weight === 0) zero++;
      if (weight === 1) full++;
    }
  }
  const share = (n: number): number => (steps === 0 ? 0 : n / steps);
  return { weights, mean, deviation, meanWeight: share(total), zero: share(zero), full: share(full) };
}

/** Mean weights outside these tell apart hardly anything. Healthy are 0.3 to 0.8. */
const almostAll = 0.95;
const almostNone = 0.05;

/** Why these weights do nothing, with a kappa to try; undefined where they do something. */
export function raBcWarning({ kappa, chunk }: RaBcSettings, found: RaBcWeights): string | undefined {
  const { mean, deviation, meanWeight } = found;
  const short = (value: number): string => String(Number(value.toPrecision(3)));
  const tried = `kappa from ${short(Math.max(0, mean))} to ${short(Math.max(0, mean) + 2 * deviation)} (mean of the progress a chunk, to two deviations above)`;
  if (meanWeight > almostAll) {
    return (
      `RA-BC does nothing: its mean weight is ${short(meanWeight)}, so nearly every step counts in full with kappa ${kappa} ` +
      `and chunk ${chunk}. Try: ${tried}`
    );
  }
  if (meanWeight < almostNone) {
    return (
      `RA-BC leaves hardly anything to learn from: its mean weight is ${short(meanWeight)} with kappa ${kappa} and chunk ` +
      `${chunk}. The reward model sees progress in ${short(100 * (1 - found.zero))} % of the chunks. Try: a longer chunk, ${tried}, another reward model`
    );
  }
  return undefined;
}
