/**
 * Where lines enter a primitive, in the primitive's own frame (axis of capsules and cylinders along z): the least s with
 * o + s d on the surface coming from outside, negative where that is behind o, +Infinity where the line misses. A ray
 * that starts inside thus sees nothing of that body: surfaces are seen from outside only.
 *
 * Rays lie side by side in arrays and each shape has one loop over them: a call per ray would put its numbers on the heap.
 */

export const boxShape = 0;
export const sphereShape = 1;
export const capsuleShape = 2;
export const cylinderShape = 3;

const miss = Number.POSITIVE_INFINITY;

export interface Rays {
  readonly ox: Float64Array;
  readonly oy: Float64Array;
  readonly oz: Float64Array;
  readonly dx: Float64Array;
  readonly dy: Float64Array;
  readonly dz: Float64Array;
  /** Where each ray enters. */
  readonly enters: Float64Array;
}

export const createRays = (count: number): Rays => ({
  ox: new Float64Array(count),
  oy: new Float64Array(count),
  oz: new Float64Array(count),
  dx: new Float64Array(count),
  dy: new Float64Array(count),
  dz: new Float64Array(count),
  enters: new Float64Array(count),
});

/** |x| <= sizes[at], |y| <= sizes[at + 1], |z| <= sizes[at + 2]: the three intervals of s overlap. */
function enterBoxes(rays: Rays, n: number, sizes: Float64Array, at: number): void {
  const { enters } = rays;
  for (let i = 0; i < n; i++) {
    let near = Number.NEGATIVE_INFINITY;
    let far = miss;
    for (let axis = 0; axis < 3; axis++) {
      const o = (axis === 0 ? rays.ox : axis === 1 ? rays.oy : rays.oz)[i]!;
      const d = (axis === 0 ? rays.dx : axis === 1 ? rays.dy : rays.dz)[i]!;
      const h = sizes[at + axis]!;
      if (d === 0) {
        if (o < -h || o > h) far = Number.NEGATIVE_INFINITY;
        continue;
      }
      const a = (-h - o) / d;
      const b = (h - o) / d;
      const low = a < b ? a : b;
      const high = a < b ? b : a;
      if (low > near) near = low;
      if (high < far) far = high;
    }
    enters[i] = near <= far ? near : miss;
  }
}

/** |o + s d|^2 = r^2: the smaller root. */
function enterSpheres({ ox, oy, oz, dx, dy, dz, enters }: Rays, n: number, r: number): void {
  for (let i = 0; i < n; i++) {
    const x = ox[i]!;
    const y = oy[i]!;
    const z = oz[i]!;
    const u = dx[i]!;
    const v = dy[i]!;
    const w = dz[i]!;
    const a = u * u + v * v + w * w;
    const b = x * u + y * v + z * w;
    const under = b * b - a * (x * x + y * y + z * z - r * r);
    enters[i] = under < 0 ? miss : (-b - Math.sqrt(under)) / a;
  }
}

/** All points within r of the segment |z| <= h: the endless cylinder where it is entered beside the segment, else a cap. */
function enterCapsules({ ox, oy, oz, dx, dy, dz, enters }: Rays, n: number, r: number, h: number): void {
  for (let i = 0; i < n; i++) {
    const x = ox[i]!;
    const y = oy[i]!;
    const u = dx[i]!;
    const v = dy[i]!;
    const w = dz[i]!;
    const flat = u * u + v * v;
    const across = x * u + y * v;
    const outside = x * x + y * y - r * r;
    const root = across * across - flat * outside;
    enters[i] = miss;
    if (root < 0) continue;
    // Along the axis the ray comes to the cap that it runs towards.
    let side = -w;
    if (flat > 0) {
      const s = (-across - Math.sqrt(root)) / flat;
      side = oz[i]! + s * w;
      if (side >= -h && side <= h) {
        enters[i] = s;
        continue;
      }
    } else if (outside > 0) continue;
    const z = side < 0 ? oz[i]! + h : oz[i]! - h;
    const a = flat + w * w;
    const b = across + z * w;
    const under = b * b - a * (outside + z * z);
    if (under >= 0) enters[i] = (-b - Math.sqrt(under)) / a;
  }
}

/** x^2 + y^2 <= r^2 and |z| <= h: both intervals of s overlap. */
function enterCylinders({ ox, oy, oz, dx, dy, dz, enters }: Rays, n: number, r: number, h: number): void {
  for (let i = 0; i < n; i++) {
    const x = ox[i]!;
    const y = oy[i]!;
    const z = oz[i]!;
    const u = dx[i]!;
    const v = dy[i]!;
    const w = dz[i]!;
    const flat = u * u + v * v;
    const outside = x * x + y * y - r * r;
    let near = Number.NEGATIVE_INFINITY;
    let far = miss;
    enters[i] = miss;
    if (flat > 0) {
      const across = x * u + y * v;
      const under = across * across - flat * outside;
      if (under < 0) continue;
      const root = Math.sqrt(under);
      near = (-across - root) / flat;
      far = (-across + root) / flat;
    } else if (outside > 0) continue;
    if (w !== 0) {
      const low = ((w > 0 ? -h : h) - z) / w;
      const high = ((w > 0 ? h : -h) - z) / w;
      if (low > near) near = low;
      if (high < far) far = high;
    } else if (z < -h || z > h) continue;
    if (near <= far) enters[i] = near;
  }
}

/** The first n rays into the shape of this number; from `at` on its half extents, or radius and half length. */
export function enterAll(shape: number, rays: Rays, n: number, sizes: Float64Array, at: number): void {
  if (shape === boxShape) enterBoxes(rays, n, sizes, at);
  else if (shape === sphereShape) enterSpheres(rays, n, sizes[at]!);
  else if (shape === capsuleShape) enterCapsules(rays, n, sizes[at]!, sizes[at + 1]!);
  else enterCylinders(rays, n, sizes[at]!, sizes[at + 1]!);
}

/** Writes the outward unit normal at a point of the surface, in the shape's frame. point, out: [3] */
export function normalAt(
  shape: number,
  point: Float64Array,
  sizes: Float64Array,
  at: number,
  out: Float64Array,
): void {
  const x = point[0]!;
  const y = point[1]!;
  const z = point[2]!;
  const a = sizes[at]!;
  const b = sizes[at + 1]!;
  const c = sizes[at + 2]!;
  out[0] = 0;
  out[1] = 0;
  out[2] = 0;
  if (shape === boxShape) {
    // The face whose plane is nearest; on the surface that is the one the point lies in.
    const ex = (x < 0 ? -x : x) - a;
    const ey = (y < 0 ? -y : y) - b;
    const ez = (z < 0 ? -z : z) - c;
    if (ex >= ey && ex >= ez) out[0] = x < 0 ? -1 : 1;
    else if (ey >= ez) out[1] = y < 0 ? -1 : 1;
    else out[2] = z < 0 ? -1 : 1;
    return;
  }
  if (shape === cylinderShape) {
    const rim = Math.sqrt(x * x + y * y);
    if ((z < 0 ? -z : z) - b >= rim - a) out[2] = z < 0 ? -1 : 1;
    else {
      out[0] = x / rim;
      out[1] = y / rim;
    }
    return;
  }
  const past = shape === capsuleShape ? (z > b ? z - b : z < -b ? z + b : 0) : z;
  out[0] = x / a;
  out[1] = y / a;
  out[2] = past / a;
}
