/**
 * The vocabulary of hand-written rewards, after dm_control's `tolerance` (Tassa et al., arXiv:1801.00690): 1 where a
 * quantity is inside its bounds, falling to `valueAtMargin` at `margin` outside them, in the shape of a sigmoid. Built on
 * the engine's own functions, so that a reward has the same bits on every machine.
 */

import { clamp, cos, exp, log, tanh } from './engine/math.ts';

export type Sigmoid =
  | 'gaussian'
  | 'linear'
  | 'hyperbolic'
  | 'long_tail'
  | 'quadratic'
  | 'tanh_squared'
  | 'cosine'
  | 'reciprocal';

export interface ToleranceOptions {
  /** Distance outside the bounds at which the value is `valueAtMargin`; 0 = a step. */
  readonly margin?: number;
  readonly sigmoid?: Sigmoid;
  readonly valueAtMargin?: number;
}

/** Angle whose cosine is y, by bisection: exact enough here and free of the platform's acos. */
function arccosine(y: number): number {
  let low = 0;
  let high = Math.PI;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (cos(middle) > y) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** f with f(0) = 1 and f(1) = v, where x >= 0 counts margins. */
function sigmoidValue(x: number, v: number, kind: Sigmoid): number {
  switch (kind) {
    case 'gaussian':
      // v^(x^2)
      return exp(x * x * log(v));
    case 'hyperbolic': {
      // 1 / cosh(k x) with cosh(k) = 1 / v
      const k = log(1 / v + Math.sqrt(1 / (v * v) - 1));
      const e = exp(k * x);
      return 2 / (e + 1 / e);
    }
    case 'long_tail':
      return 1 / (1 + x * x * (1 / v - 1));
    case 'reciprocal':
      return 1 / (1 + x * (1 / v - 1));
    case 'linear':
      return Math.max(0, 1 - x * (1 - v));
    case 'quadratic':
      return Math.max(0, 1 - x * x * (1 - v));
    case 'cosine': {
      // (1 + cos(k x)) / 2 up to half a turn, then 0
      const angle = arccosine(2 * v - 1) * x;
      return angle < Math.PI ? (1 + cos(angle)) / 2 : 0;
    }
    case 'tanh_squared': {
      // 1 - tanh^2(k x) with tanh(k) = sqrt(1 - v)
      const root = Math.sqrt(1 - v);
      const t = tanh(0.5 * log((1 + root) / (1 - root)) * x);
      return 1 - t * t;
    }
  }
}

/**
 * @param bounds [low, high], both inside; may be infinite.
 * @throws RangeError on bounds out of order, a negative margin, or a value at the margin the sigmoid cannot have.
 */
export function tolerance(
  x: number,
  bounds: readonly [number, number],
  { margin = 0, sigmoid = 'gaussian', valueAtMargin = 0.1 }: ToleranceOptions = {},
): number {
  const [low, high] = bounds;
  if (!(low <= high)) throw new RangeError(`Tolerance bounds: found [${low}, ${high}], wanted low <= high`);
  if (!(margin >= 0)) throw new RangeError(`Tolerance margin: found ${margin}, wanted 0 or more`);
  const zeroAllowed = sigmoid === 'linear' || sigmoid === 'quadratic' || sigmoid === 'cosine';
  if (!(valueAtMargin < 1 && (zeroAllowed ? valueAtMargin >= 0 : valueAtMargin > 0))) {
    throw new RangeError(
      `Tolerance value at margin: found ${valueAtMargin}, wanted ${zeroAllowed ? '[0, 1)' : '(0, 1)'} for ${sigmoid}`,
    );
  }
  if (x >= low && x <= high) return 1;
  if (margin === 0 || Number.isNaN(x)) return 0;
  const outside = (x < low ? low - x : x - high) / margin;
  return clamp(sigmoidValue(outside, valueAtMargin, sigmoid), 0, 1);
}
