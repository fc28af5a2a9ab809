/** Where a camera must stand to see a set of points as large as its view allows. Pure. */

export type Vector = readonly [number, number, number];

export interface Framing {
  readonly position: Vector;
  /** What the camera looks at, and turns around. */
  readonly target: Vector;
}

export interface FramingWish {
  /** World points that must be in the picture. */
  readonly points: readonly Vector[];
  /** From the scene towards the camera; need not be of unit length. */
  readonly direction: Vector;
  /** Near the points; the camera's target lies in the plane through it across the direction. */
  readonly centre: Vector;
  /** Tangent of half the horizontal and half the vertical field of view. */
  readonly tangents: readonly [number, number];
  /** Part of the view that stays free at each side, 0..0.5. */
  readonly margin: number;
}

const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const scaled = (a: Vector, by: number): Vector => [a[0] * by, a[1] * by, a[2] * by];
const sum = (...all: Vector[]): Vector =>
  all.reduce((a, b): Vector => [a[0] + b[0], a[1] + b[1], a[2] + b[2]], [0, 0, 0]);
const unit = (a: Vector): Vector => scaled(a, 1 / Math.hypot(...a));

/**
 * The nearest camera that has every point in view, with z up. Across an axis with half tangent k a camera at distance D,
 * moved aside by s, sees a point at (x, depth z towards it) when |x - s| <= (D - z) k. Over all points that is an
 * interval for s, which is not empty from D = (max(x + z k) - min(x - z k)) / 2k on.
 */
export function frame({ points, direction, centre, tangents, margin }: FramingWish): Framing {
  const back = unit(direction);
  const right = unit(cross([0, 0, 1], back));
  const up = cross(back, right);
  const axes = [right, up].map((axis, i) => {
    const k = tangents[i]! * (1 - 2 * margin);
    let high = Number.NEGATIVE_INFINITY;
    let low = Number.POSITIVE_INFINITY;
    for (const point of points) {
      const from: Vector = [point[0] - centre[0], point[1] - centre[1], point[2] - centre[2]];
      const x = dot(from, axis);
      const z = dot(from, back);
      high = Math.max(high, x + z * k);
      low = Math.min(low, x - z * k);
    }
    // The middle of the interval for s does not depend on D.
    return { axis, distance: (high - low) / (2 * k), aside: (high + low) / 2 };
  });
  const distance = Math.max(...axes.map((axis) => axis.distance));
  const target = sum(centre, ...axes.map(({ axis, aside }) => scaled(axis, aside)));
  return { position: sum(target, scaled(back, distance)), target };
}
