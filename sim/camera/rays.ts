/**
 * Where a line enters a primitive, in the primitive's own frame (axis of capsules and cylinders along z): the least s
 * with o + s d on the surface coming from outside, negative where that is behind o, +Infinity where the line misses.
 * A ray that starts inside thus sees nothing of that body: surfaces are seen from outside only.
 */

export const boxShape = 0;
export const sphereShape = 1;
export const capsuleShape = 2;
export const cylinderShape = 3;

const miss = Number.POSITIVE_INFINITY;

/** |x| <= hx, |y| <= hy, |z| <= hz. */
export function enterBox(
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  hx: number,
  hy: number,
  hz: number,
): number {
  let near = Number.NEGATIVE_INFINITY;
  let far = miss;
  if (dx !== 0) {
    const a = (-hx - ox) / dx;
    const b = (hx - ox) / dx;
    near = a < b ? a : b;
    far = a < b ? b : a;
  } else if (ox < -hx || ox > hx) return miss;
  if (dy !== 0) {
    const a = (-hy - oy) / dy;
    const b = (hy - oy) / dy;
    const low = a < b ? a : b;
    const high = a < b ? b : a;
    if (low > near) near = low;
    if (high < far) far = high;
  } else if (oy < -hy || oy > hy) return miss;
  if (dz !== 0) {
    const a = (-hz - oz) / dz;
    const b = (hz - oz) / dz;
    const low = a < b ? a : b;
    const high = a < b ? b : a;
    if (low > near) near = low;
    if (high < far) far = high;
  } else if (oz < -hz || oz > hz) return miss;
  return near <= far ? near : miss;
}

/** |o + s d|^2 = r^2: the smaller root. */
export function enterSphere(
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  r: number,
): number {
  const a = dx * dx + dy * dy + dz * dz;
  const b = ox * dx + oy * dy + oz * dz;
  const c = ox * ox + oy * oy + oz * oz - r * r;
  const under = b * b - a * c;
  return under < 0 ? miss : (-b - Math.sqrt(under)) / a;
}

/** All points within r of the segment |z| <= h: the endless cylinder where it is entered beside the segment, else a cap. */
export function enterCapsule(
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  r: number,
  h: number,
): number {
  const a = dx * dx + dy * dy;
  const b = ox * dx + oy * dy;
  const c = ox * ox + oy * oy - r * r;
  const under = b * b - a * c;
  if (under < 0) return miss;
  let z = -dz;
  if (a > 0) {
    const s = (-b - Math.sqrt(under)) / a;
    z = oz + s * dz;
    if (z >= -h && z <= h) return s;
  } else if (c > 0) return miss;
  return enterSphere(ox, oy, z < 0 ? oz + h : oz - h, dx, dy, dz, r);
}

/** x^2 + y^2 <= r^2 and |z| <= h: both intervals of s overlap. */
export function enterCylinder(
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  r: number,
  h: number,
): number {
  let near = Number.NEGATIVE_INFINITY;
  let far = miss;
  const a = dx * dx + dy * dy;
  const c = ox * ox + oy * oy - r * r;
  if (a > 0) {
    const b = ox * dx + oy * dy;
    const under = b * b - a * c;
    if (under < 0) return miss;
    const root = Math.sqrt(under);
    near = (-b - root) / a;
    far = (-b + root) / a;
  } else if (c > 0) return miss;
  if (dz !== 0) {
    const low = ((dz > 0 ? -h : h) - oz) / dz;
    const high = ((dz > 0 ? h : -h) - oz) / dz;
    if (low > near) near = low;
    if (high < far) far = high;
  } else if (oz < -h || oz > h) return miss;
  return near <= far ? near : miss;
}

/** Rays in a body's frame, side by side: plain arrays keep numbers out of the heap where a call per ray would not. */
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

function enterBoxes(
  { ox, oy, oz, dx, dy, dz, enters }: Rays,
  n: number,
  a: number,
  b: number,
  c: number,
): void {
  for (let i = 0; i < n; i++) enters[i] = enterBox(ox[i]!, oy[i]!, oz[i]!, dx[i]!, dy[i]!, dz[i]!, a, b, c);
}

function enterSpheres({ ox, oy, oz, dx, dy, dz, enters }: Rays, n: number, r: number): void {
  for (let i = 0; i < n; i++) enters[i] = enterSphere(ox[i]!, oy[i]!, oz[i]!, dx[i]!, dy[i]!, dz[i]!, r);
}

function enterCapsules({ ox, oy, oz, dx, dy, dz, enters }: Rays, n: number, r: number, h: number): void {
  for (let i = 0; i < n; i++) enters[i] = enterCapsule(ox[i]!, oy[i]!, oz[i]!, dx[i]!, dy[i]!, dz[i]!, r, h);
}

function enterCylinders({ ox, oy, oz, dx, dy, dz, enters }: Rays, n: number, r: number, h: number): void {
  for (let i = 0; i < n; i++) {
    enters[i] = enterCylinder(ox[i]!, oy[i]!, oz[i]!, dx[i]!, dy[i]!, dz[i]!, r, h);
  }
}

/** The first n rays into the shape of this number; sizes a, b, c are half extents, or radius and half length. */
export function enterAll(shape: number, rays: Rays, n: number, a: number, b: number, c: number): void {
  if (shape === boxShape) enterBoxes(rays, n, a, b, c);
  else if (shape === sphereShape) enterSpheres(rays, n, a);
  else if (shape === capsuleShape) enterCapsules(rays, n, a, b);
  else enterCylinders(rays, n, a, b);
}

/** Writes the outward unit normal at a point of the surface, in the shape's frame. out: [3] */
export function normalAt(
  shape: number,
  x: number,
  y: number,
  z: number,
  a: number,
  b: number,
  c: number,
  out: Float64Array,
): void {
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
