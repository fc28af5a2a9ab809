/** How well a progress curve agrees with another: plain measures over equally long arrays. */

/** Linear correlation in [-1, 1]; NaN where one of them is constant. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = sameLength(a, b);
  // Not left to the sums: their rounding would correlate with the other curve.
  if (isConstant(a) || isConstant(b)) return Number.NaN;
  let meanA = 0;
  let meanB = 0;
  for (let i = 0; i < n; i++) {
    meanA += a[i]! / n;
    meanB += b[i]! / n;
  }
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < n; i++) {
    const da = a[i]! - meanA;
    const db = b[i]! - meanB;
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return ab / Math.sqrt(aa * bb);
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

/** Rank correlation in [-1, 1], ties at their mean rank; NaN where one of them is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  sameLength(a, b);
  return pearson(ranks(a), ranks(b));
}

export function meanAbsoluteError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = sameLength(a, b);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / n;
}

/** 1-based ranks, equal values share the mean of theirs. */
export function ranks(values: ArrayLike<number>): Float64Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i).sort(
    (i, j) => values[i]! - values[j]!,
  );
  const out = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) out[order[i]!] = (from + to + 1) / 2;
    from = to;
  }
  return out;
}

/** The clip and then the clip backwards, its turning frame once: [T + 1, dim] -> [2T + 1, dim]. */
export function thereAndBack(observations: Float64Array, dim: number): Float64Array {
  const frames = observations.length / dim;
  const out = new Float64Array((2 * frames - 1) * dim);
  out.set(observations);
  for (let t = 1; t < frames; t++) {
    const from = (frames - 1 - t) * dim;
    out.set(observations.subarray(from, from + dim), (frames - 1 + t) * dim);
  }
  return out;
}

function sameLength(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length || a.length === 0) {
    throw new RangeError(
      `Agreement: found lengths ${a.length} and ${b.length}, wanted two equal ones above 0`,
    );
  }
  return a.length;
}
