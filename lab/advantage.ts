/** The advantage of a stored episode's steps, from what was recorded beside them: the weighted total and the critic's value. */

import { gae } from '../learn/parts/gae.ts';
import type { Ending } from '../store/types.ts';
import type { PackedArray } from './pack.ts';

export interface Discount {
  readonly gamma: number;
  readonly gaeLambda: number;
}

/**
 * Generalised advantage estimation over one episode. Values are of the states that steps lead out of, so V of the last state is
 * not known. Where the episode `terminated` that is no loss: nothing comes after. Else the last step has no advantage (NaN), and
 * the episode counts as cut off one step earlier, where V is known: nothing is made up.
 * total, value: [T] -> [T]
 */
export function advantageOf(
  total: ArrayLike<number>,
  value: ArrayLike<number>,
  ending: Ending,
  { gamma, gaeLambda }: Discount,
): Float32Array {
  const T = total.length;
  const out = new Float32Array(T).fill(Number.NaN);
  const isWhole = ending === 'terminated';
  const steps = isWhole ? T : T - 1;
  if (steps < 1) return out;
  const terminated = new Uint8Array(steps);
  const truncated = new Uint8Array(steps);
  (isWhole ? terminated : truncated)[steps - 1] = 1;
  const values = Float64Array.from(value);
  const advantages = new Float64Array(steps);
  gae(
    {
      steps,
      worlds: 1,
      gamma,
      gaeLambda,
      rewards: Float64Array.from(total),
      values,
      nextValues: Float64Array.from({ length: steps }, (_, t) => values[t + 1] ?? 0),
      terminated,
      truncated,
      diverged: new Uint8Array(steps),
    },
    advantages,
    new Float64Array(steps),
  );
  out.set(advantages);
  return out;
}

/** Of a run's configuration; null where its critics have discounts of their own, so that no single one is right. */
export function discountOf(config: Readonly<Record<string, unknown>>): Discount | null {
  const { gamma, gaeLambda } = (config['algorithmSettings'] ?? {}) as Partial<Record<string, unknown>>;
  const lines = (config['reward'] ?? []) as readonly { readonly gamma?: unknown }[];
  if (typeof gamma !== 'number' || lines.some((line) => typeof line.gamma === 'number')) return null;
  // Without a lambda the critic was taught one step at a time.
  return { gamma, gaeLambda: typeof gaeLambda === 'number' ? gaeLambda : 0 };
}

/** Adds `advantage` to the arrays of an episode that has a value; returns what it was worked out with. */
export function addAdvantage(
  arrays: Record<string, PackedArray>,
  { ending }: { readonly ending: Ending },
  config: Readonly<Record<string, unknown>>,
): Discount | null {
  const { value, 'reward/total': total } = arrays;
  const discount = value !== undefined && total !== undefined ? discountOf(config) : null;
  if (discount !== null) arrays['advantage'] = advantageOf(total!, value!, ending, discount);
  return discount;
}
