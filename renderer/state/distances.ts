/** Reward distances as a table and as a map: what is known of each pair, classical scaling into the plane, its stress and its spread. Pure. */

import type { RewardEvaluationInfo } from '../../lab/api.ts';

type Evaluation = Pick<RewardEvaluationInfo, 'distances' | 'models'>;
export type DistanceKind = 'epic' | 'starc';
export type PairMeasure = RewardEvaluationInfo['distances'][number]['epic'];

export interface RewardName {
  readonly key: string;
  readonly title: string;
  /** `task`: true progress and the task's own rewards; `baseline`: a counter-baseline. */
  readonly kind: 'task' | 'model' | 'baseline';
  /** Of a stored model. */
  readonly id: number | null;
}

/** Every reward of the evaluation: the task's own first, counter-baselines last. */
export function rewardsOf({ distances, models }: Evaluation): RewardName[] {
  const keys = [...new Set(distances.flatMap(({ a, b }) => [a, b]))];
  const rewards = keys.map((key): RewardName => {
    const model = models.find((one) => one.key === key);
    if (model === undefined) return { key, title: `the task's own: ${key}`, kind: 'task', id: null };
    return { key, title: model.title, kind: model.baseline ? 'baseline' : 'model', id: model.id };
  });
  const order = ['task', 'model', 'baseline'];
  return rewards.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** Null for a reward and itself, and for pairs that were not measured. */
export function measureOf(
  { distances }: Pick<Evaluation, 'distances'>,
  kind: DistanceKind,
  a: string,
  b: string,
): PairMeasure | null {
  const pair = distances.find((one) => (one.a === a && one.b === b) || (one.a === b && one.b === a));
  return pair?.[kind] ?? null;
}

/** Distances of unrelated rewards: the square root of a half. */
export const unrelated = Math.SQRT1_2;

export type Point = readonly [x: number, y: number];

/**
 * Classical scaling (Torgerson 1952): minus half the squared distances, centred in rows and columns, are the inner products of points;
 * the two largest eigenvalues with their vectors give the plane. `distances`: [n, n], symmetric, 0 on the diagonal.
 */
export function planeOf(distances: readonly (readonly number[])[]): Point[] {
  const n = distances.length;
  const squares = distances.map((row) => row.map((d) => d * d));
  const means = squares.map((row) => row.reduce((a, b) => a + b, 0) / n);
  const all = means.reduce((a, b) => a + b, 0) / n;
  const products = squares.map((row, i) => row.map((s, j) => -0.5 * (s - means[i]! - means[j]! + all)));
  const { values, vectors } = eigen(products);
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]!);
  const axes = [order[0], order[1]].map((k) => {
    const length = k === undefined ? 0 : Math.sqrt(Math.max(0, values[k]!));
    const vector = k === undefined ? new Array<number>(n).fill(0) : vectors.map((row) => row[k]! * length);
    // An eigenvector has no sign of its own: the first point that is off the axis is put on its right.
    const first = vector.find((x) => Math.abs(x) > 1e-9) ?? 0;
    return first < 0 ? vector.map((x) => -x) : vector;
  });
  return Array.from({ length: n }, (_, i) => [axes[0]![i]!, axes[1]![i]!] as const);
}

/** Of a symmetric matrix, by Jacobi's rotations; the vectors are columns. */
function eigen(matrix: readonly (readonly number[])[]): { values: number[]; vectors: number[][] } {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((__, j) => Number(i === j)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p]![q]! ** 2;
    if (off < 1e-22) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p]![q]!) < 1e-15) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const c = 1 / Math.hypot(t, 1);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k]![p]!, a[k]![q]!];
          a[k]![p] = c * x - s * y;
          a[k]![q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p]![k]!, a[q]![k]!];
          a[p]![k] = c * x - s * y;
          a[q]![k] = s * x + c * y;
          const [d, e] = [v[k]![p]!, v[k]![q]!];
          v[k]![p] = c * d - s * e;
          v[k]![q] = s * d + c * e;
        }
      }
    }
  }
  return { values: a.map((row, i) => row[i]!), vectors: v };
}

/** Kruskal's stress-1: what the plane leaves out, as a share; 0 = nothing, above 0.2 is commonly called poor. */
export function stressOf(distances: readonly (readonly number[])[], points: readonly Point[]): number {
  let wrong = 0;
  let all = 0;
  for (let i = 0; i < points.length; i++) {
    for (let j = 0; j < i; j++) {
      const drawn = Math.hypot(points[i]![0] - points[j]![0], points[i]![1] - points[j]![1]);
      wrong += (distances[i]![j]! - drawn) ** 2;
      all += distances[i]![j]! ** 2;
    }
  }
  return all === 0 ? 0 : Math.sqrt(wrong / all);
}

/** Turned and mirrored onto the base, never stretched (Procrustes in the plane). Both are centred. */
export function turnedOnto(base: readonly Point[], points: readonly Point[]): Point[] {
  const best = [1, -1].map((mirror) => {
    let [dot, cross] = [0, 0];
    for (const [i, [x, y]] of points.entries()) {
      const [bx, by] = base[i]!;
      dot += bx * x + by * mirror * y;
      cross += by * x - bx * mirror * y;
    }
    return { mirror, angle: Math.atan2(cross, dot), fit: Math.hypot(dot, cross) };
  });
  const { mirror, angle } = best[1]!.fit > best[0]!.fit ? best[1]! : best[0]!;
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return points.map(([x, y]) => [c * x - s * mirror * y, s * x + c * mirror * y] as const);
}

export interface RewardMap {
  readonly keys: readonly string[];
  readonly points: readonly Point[];
  readonly stress: number;
  /** By reward: where it lies when distances are drawn from their intervals. [draws] each */
  readonly spread: readonly (readonly Point[])[];
  /** Rewards without a distance to every other one. */
  readonly left: readonly string[];
}

const draws = 60;

/** A small seeded generator, so that the map is the same each time. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/**
 * The map of the rewards that have a distance to all others. Its spread draws every distance anew, normal with the width of its interval, as
 * if the pairs had nothing to do with each other; in truth they share their episodes, so it is a rough picture.
 */
export function rewardMap(evaluation: Evaluation, kind: DistanceKind): RewardMap {
  const all = rewardsOf(evaluation).map(({ key }) => key);
  const value = (a: string, b: string): number | null => measureOf(evaluation, kind, a, b)?.value ?? null;
  // One that has no distance (a constant has no shape) is in none of its pairs: the worst goes first.
  let keys = all;
  for (;;) {
    const gaps = keys.map((a) => keys.filter((b) => a !== b && value(a, b) === null).length);
    const most = Math.max(0, ...gaps);
    if (most === 0) break;
    keys = keys.filter((_, i) => i !== gaps.indexOf(most));
  }
  const table = keys.map((a) => keys.map((b) => (a === b ? 0 : value(a, b)!)));
  const points = planeOf(table);
  const random = generator(1);
  const spread = keys.map((): Point[] => []);
  for (let k = 0; k < draws && keys.length > 2; k++) {
    const drawn = table.map((row) => [...row]);
    for (let i = 0; i < keys.length; i++) {
      for (let j = 0; j < i; j++) {
        const interval = measureOf(evaluation, kind, keys[i]!, keys[j]!)!.interval;
        const width = interval === null ? 0 : (interval.high - interval.low) / 3.92;
        const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
        const d = Math.min(1, Math.max(0, table[i]![j]! + width * normal));
        drawn[i]![j] = d;
        drawn[j]![i] = d;
      }
    }
    for (const [i, point] of turnedOnto(points, planeOf(drawn)).entries()) spread[i]!.push(point);
  }
  return {
    keys,
    points,
    stress: stressOf(table, points),
    spread,
    left: all.filter((key) => !keys.includes(key)),
  };
}
