/**
 * Contacts between two shapes: up to four points with one normal (a manifold).
 *
 * Every routine writes into `hit`: the unit normal from A to B, and per point its place (half-way between the two
 * surfaces), the separation along the normal (negative where they overlap) and an id that is the same while the same
 * features touch, so that impulses can be carried over. Points farther apart than `margin` are left out. Poses come as
 * (array, offset): middle [3] and rotation matrix by rows [9].
 */

import type { f64, i32 } from './dialect.ts';

// <kernel>

/** [8] each: box against box can make eight points before they are thinned out to four. */
export const hit = {
  count: 0,
  nx: 0,
  ny: 0,
  nz: 0,
  x: new Float64Array(8),
  y: new Float64Array(8),
  z: new Float64Array(8),
  separation: new Float64Array(8),
  id: new Float64Array(8),
};

function put(x: f64, y: f64, z: f64, separation: f64, id: f64): void {
  const i = hit.count++;
  hit.x[i] = x;
  hit.y[i] = y;
  hit.z[i] = z;
  hit.separation[i] = separation;
  hit.id[i] = id;
}

function setNormal(x: f64, y: f64, z: f64): void {
  hit.nx = x;
  hit.ny = y;
  hit.nz = z;
}

/** Lowest corners of a box over the plane through (px, py, pz) with normal n: those of the face that looks most against n. */
function boxOverPlane(
  px: f64,
  py: f64,
  pz: f64,
  nx: f64,
  ny: f64,
  nz: f64,
  pos: Float64Array,
  p: i32,
  rot: Float64Array,
  r: i32,
  hx: f64,
  hy: f64,
  hz: f64,
  margin: f64,
  code: i32,
): void {
  // The normal along the box's axes.
  const u = rot[r]! * nx + rot[r + 3]! * ny + rot[r + 6]! * nz;
  const v = rot[r + 1]! * nx + rot[r + 4]! * ny + rot[r + 7]! * nz;
  const w = rot[r + 2]! * nx + rot[r + 5]! * ny + rot[r + 8]! * nz;
  const height = (pos[p]! - px) * nx + (pos[p + 1]! - py) * ny + (pos[p + 2]! - pz) * nz;
  if (height - hx * Math.abs(u) - hy * Math.abs(v) - hz * Math.abs(w) > margin) return;
  setNormal(nx, ny, nz);
  const au = Math.abs(u) * 1.0000001;
  const av = Math.abs(v);
  const aw = Math.abs(w);
  const face = au >= av && au >= aw ? 0 : av >= aw ? 1 : 2;
  for (let c = 0; c < 4; c++) {
    const first = (c & 1) === 0 ? -1 : 1;
    const second = (c & 2) === 0 ? -1 : 1;
    const x = (face === 0 ? (u > 0 ? -1 : 1) : first) * hx;
    const y = (face === 1 ? (v > 0 ? -1 : 1) : face === 0 ? first : second) * hy;
    const z = (face === 2 ? (w > 0 ? -1 : 1) : second) * hz;
    const separation = height + x * u + y * v + z * w;
    if (separation > margin) continue;
    const half = separation / 2;
    put(
      pos[p]! + rot[r]! * x + rot[r + 1]! * y + rot[r + 2]! * z - half * nx,
      pos[p + 1]! + rot[r + 3]! * x + rot[r + 4]! * y + rot[r + 5]! * z - half * ny,
      pos[p + 2]! + rot[r + 6]! * x + rot[r + 7]! * y + rot[r + 8]! * z - half * nz,
      separation,
      code + (x > 0 ? 1 : 0) + (y > 0 ? 2 : 0) + (z > 0 ? 4 : 0),
    );
  }
}

export function planeBox(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  boxOverPlane(
    pos[3 * a]!,
    pos[3 * a + 1]!,
    pos[3 * a + 2]!,
    rot[9 * a + 2]!,
    rot[9 * a + 5]!,
    rot[9 * a + 8]!,
    pos,
    3 * b,
    rot,
    9 * b,
    size[3 * b]!,
    size[3 * b + 1]!,
    size[3 * b + 2]!,
    margin,
    0,
  );
}

function planeBall(
  pos: Float64Array,
  rot: Float64Array,
  a: i32,
  x: f64,
  y: f64,
  z: f64,
  radius: f64,
  margin: f64,
  id: i32,
): void {
  const nx = rot[9 * a + 2]!;
  const ny = rot[9 * a + 5]!;
  const nz = rot[9 * a + 8]!;
  const height = (x - pos[3 * a]!) * nx + (y - pos[3 * a + 1]!) * ny + (z - pos[3 * a + 2]!) * nz;
  const separation = height - radius;
  if (separation > margin) return;
  setNormal(nx, ny, nz);
  const down = radius + separation / 2;
  put(x - down * nx, y - down * ny, z - down * nz, separation, id);
}

export function planeSphere(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  planeBall(pos, rot, a, pos[3 * b]!, pos[3 * b + 1]!, pos[3 * b + 2]!, size[3 * b]!, margin, 0);
}

export function planeCapsule(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  const half = size[3 * b + 1]!;
  for (let end = -1; end <= 1; end += 2) {
    planeBall(
      pos,
      rot,
      a,
      pos[3 * b]! + end * half * rot[9 * b + 2]!,
      pos[3 * b + 1]! + end * half * rot[9 * b + 5]!,
      pos[3 * b + 2]! + end * half * rot[9 * b + 8]!,
      size[3 * b]!,
      margin,
      end < 0 ? 0 : 1,
    );
  }
}

/** Two balls; coinciding middles part along z. */
function ballBall(
  ax: f64,
  ay: f64,
  az: f64,
  ra: f64,
  bx: f64,
  by: f64,
  bz: f64,
  rb: f64,
  margin: f64,
  id: i32,
): void {
  const dx = bx - ax;
  const dy = by - ay;
  const dz = bz - az;
  const d = Math.sqrt(dx * dx + dy * dy + dz * dz);
  const separation = d - ra - rb;
  if (separation > margin) return;
  const inverse = d > 1e-12 ? 1 / d : 0;
  const nx = dx * inverse;
  const ny = dy * inverse;
  const nz = d > 1e-12 ? dz * inverse : 1;
  setNormal(nx, ny, nz);
  const to = ra + separation / 2;
  put(ax + to * nx, ay + to * ny, az + to * nz, separation, id);
}

export function sphereSphere(pos: Float64Array, size: Float64Array, a: i32, b: i32, margin: f64): void {
  ballBall(
    pos[3 * a]!,
    pos[3 * a + 1]!,
    pos[3 * a + 2]!,
    size[3 * a]!,
    pos[3 * b]!,
    pos[3 * b + 1]!,
    pos[3 * b + 2]!,
    size[3 * b]!,
    margin,
    0,
  );
}

const clampUnit = (t: f64): f64 => (t < -1 ? -1 : t > 1 ? 1 : t);

export function capsuleSphere(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  const h = size[3 * a + 1]!;
  const ux = h * rot[9 * a + 2]!;
  const uy = h * rot[9 * a + 5]!;
  const uz = h * rot[9 * a + 8]!;
  const dx = pos[3 * b]! - pos[3 * a]!;
  const dy = pos[3 * b + 1]! - pos[3 * a + 1]!;
  const dz = pos[3 * b + 2]! - pos[3 * a + 2]!;
  const t = clampUnit((dx * ux + dy * uy + dz * uz) / (h * h));
  ballBall(
    pos[3 * a]! + t * ux,
    pos[3 * a + 1]! + t * uy,
    pos[3 * a + 2]! + t * uz,
    size[3 * a]!,
    pos[3 * b]!,
    pos[3 * b + 1]!,
    pos[3 * b + 2]!,
    size[3 * b]!,
    margin,
    0,
  );
}

/** Two cores at s and t of their half lengths. */
function touchCores(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  s: f64,
  t: f64,
  margin: f64,
  id: i32,
): void {
  const sa = s * size[3 * a + 1]!;
  const tb = t * size[3 * b + 1]!;
  ballBall(
    pos[3 * a]! + sa * rot[9 * a + 2]!,
    pos[3 * a + 1]! + sa * rot[9 * a + 5]!,
    pos[3 * a + 2]! + sa * rot[9 * a + 8]!,
    size[3 * a]!,
    pos[3 * b]! + tb * rot[9 * b + 2]!,
    pos[3 * b + 1]! + tb * rot[9 * b + 5]!,
    pos[3 * b + 2]! + tb * rot[9 * b + 8]!,
    size[3 * b]!,
    margin,
    id,
  );
}

/**
 * Nearest points of two segments P + s u, Q + t v with s, t in [-1, 1] (Lumelsky's clamping). Nearly parallel ones
 * touch at two places: the ends of their common stretch.
 */
export function capsuleCapsule(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  const ha = size[3 * a + 1]!;
  const hb = size[3 * b + 1]!;
  const px = pos[3 * a]!;
  const py = pos[3 * a + 1]!;
  const pz = pos[3 * a + 2]!;
  const qx = pos[3 * b]!;
  const qy = pos[3 * b + 1]!;
  const qz = pos[3 * b + 2]!;
  const ux = ha * rot[9 * a + 2]!;
  const uy = ha * rot[9 * a + 5]!;
  const uz = ha * rot[9 * a + 8]!;
  const vx = hb * rot[9 * b + 2]!;
  const vy = hb * rot[9 * b + 5]!;
  const vz = hb * rot[9 * b + 8]!;
  const wx = qx - px;
  const wy = qy - py;
  const wz = qz - pz;
  const uu = ha * ha;
  const vv = hb * hb;
  const uv = ux * vx + uy * vy + uz * vz;
  const uw = ux * wx + uy * wy + uz * wz;
  const vw = vx * wx + vy * wy + vz * wz;
  const det = uu * vv - uv * uv;
  if (det > 0.01 * uu * vv) {
    let s = clampUnit((uw * vv - vw * uv) / det);
    const t = clampUnit((s * uv - vw) / vv);
    s = clampUnit((t * uv + uw) / uu);
    touchCores(pos, rot, size, a, b, s, t, margin, 0);
    return;
  }
  // Ends of B along A, cut to A.
  const middle = uw / uu;
  const spread = Math.abs(uv) / uu;
  const low = Math.max(-1, middle - spread);
  const high = Math.min(1, middle + spread);
  if (low >= high) {
    const s = middle < 0 ? -1 : 1;
    touchCores(pos, rot, size, a, b, s, clampUnit((s * uv - vw) / vv), margin, 1);
    return;
  }
  touchCores(pos, rot, size, a, b, low, clampUnit((low * uv - vw) / vv), margin, 2);
  touchCores(pos, rot, size, a, b, high, clampUnit((high * uv - vw) / vv), margin, 3);
}

/** A ball against a box: outside, the nearest point of the box; inside, the nearest face. */
function boxBall(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  x: f64,
  y: f64,
  z: f64,
  radius: f64,
  margin: f64,
  id: i32,
): boolean {
  const r = 9 * a;
  const dx = x - pos[3 * a]!;
  const dy = y - pos[3 * a + 1]!;
  const dz = z - pos[3 * a + 2]!;
  const lx = rot[r]! * dx + rot[r + 3]! * dy + rot[r + 6]! * dz;
  const ly = rot[r + 1]! * dx + rot[r + 4]! * dy + rot[r + 7]! * dz;
  const lz = rot[r + 2]! * dx + rot[r + 5]! * dy + rot[r + 8]! * dz;
  const hx = size[3 * a]!;
  const hy = size[3 * a + 1]!;
  const hz = size[3 * a + 2]!;
  const cx = lx < -hx ? -hx : lx > hx ? hx : lx;
  const cy = ly < -hy ? -hy : ly > hy ? hy : ly;
  const cz = lz < -hz ? -hz : lz > hz ? hz : lz;
  let ex = lx - cx;
  let ey = ly - cy;
  let ez = lz - cz;
  let d = Math.sqrt(ex * ex + ey * ey + ez * ez);
  if (d - radius > margin) return false;
  if (d > 1e-9) {
    ex /= d;
    ey /= d;
    ez /= d;
  } else {
    const gx = hx - Math.abs(lx);
    const gy = hy - Math.abs(ly);
    const gz = hz - Math.abs(lz);
    ex = 0;
    ey = 0;
    ez = 0;
    if (gx <= gy && gx <= gz) {
      ex = lx < 0 ? -1 : 1;
      d = -gx;
    } else if (gy <= gz) {
      ey = ly < 0 ? -1 : 1;
      d = -gy;
    } else {
      ez = lz < 0 ? -1 : 1;
      d = -gz;
    }
  }
  const nx = rot[r]! * ex + rot[r + 1]! * ey + rot[r + 2]! * ez;
  const ny = rot[r + 3]! * ex + rot[r + 4]! * ey + rot[r + 5]! * ez;
  const nz = rot[r + 6]! * ex + rot[r + 7]! * ey + rot[r + 8]! * ez;
  const separation = d - radius;
  // All points of one manifold share a normal: later ones must agree with the first.
  if (hit.count > 0 && nx * hit.nx + ny * hit.ny + nz * hit.nz < 0.95) return false;
  if (hit.count === 0) setNormal(nx, ny, nz);
  const down = radius + separation / 2;
  put(x - down * nx, y - down * ny, z - down * nz, separation, id);
  return true;
}

export function boxSphere(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  boxBall(pos, rot, size, a, pos[3 * b]!, pos[3 * b + 1]!, pos[3 * b + 2]!, size[3 * b]!, margin, 0);
}

/** How a segment's squared distance from a box changes along it: half the derivative, never falling. */
function slope(t: f64, c: f64, d: f64, h: f64): f64 {
  const x = c + t * d;
  return x > h ? (x - h) * d : x < -h ? (x + h) * d : 0;
}

/**
 * The point of the capsule's core that is nearest to the box, by bisection on the derivative of a convex function. Over a face
 * the manifold is both ends of the stretch of the core that lies over it; elsewhere that point, and the core's ends where they
 * touch as well.
 */
export function boxCapsule(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  const r = 9 * a;
  const h = size[3 * b + 1]!;
  const radius = size[3 * b]!;
  const ux = h * rot[9 * b + 2]!;
  const uy = h * rot[9 * b + 5]!;
  const uz = h * rot[9 * b + 8]!;
  const px = pos[3 * b]!;
  const py = pos[3 * b + 1]!;
  const pz = pos[3 * b + 2]!;
  const wx = px - pos[3 * a]!;
  const wy = py - pos[3 * a + 1]!;
  const wz = pz - pos[3 * a + 2]!;
  const cx = rot[r]! * wx + rot[r + 3]! * wy + rot[r + 6]! * wz;
  const cy = rot[r + 1]! * wx + rot[r + 4]! * wy + rot[r + 7]! * wz;
  const cz = rot[r + 2]! * wx + rot[r + 5]! * wy + rot[r + 8]! * wz;
  const dx = rot[r]! * ux + rot[r + 3]! * uy + rot[r + 6]! * uz;
  const dy = rot[r + 1]! * ux + rot[r + 4]! * uy + rot[r + 7]! * uz;
  const dz = rot[r + 2]! * ux + rot[r + 5]! * uy + rot[r + 8]! * uz;
  const hx = size[3 * a]!;
  const hy = size[3 * a + 1]!;
  const hz = size[3 * a + 2]!;
  let low: f64 = -1;
  let high: f64 = 1;
  if (slope(low, cx, dx, hx) + slope(low, cy, dy, hy) + slope(low, cz, dz, hz) >= 0) high = low;
  else if (slope(high, cx, dx, hx) + slope(high, cy, dy, hy) + slope(high, cz, dz, hz) <= 0) low = high;
  else {
    for (let i = 0; i < 40 && high - low > 1e-9; i++) {
      const middle = 0.5 * (low + high);
      if (slope(middle, cx, dx, hx) + slope(middle, cy, dy, hy) + slope(middle, cz, dz, hz) < 0) low = middle;
      else high = middle;
    }
  }
  const t = 0.5 * (low + high);
  // How far that point lies outside each pair of faces.
  const ox = Math.abs(cx + t * dx) - hx;
  const oy = Math.abs(cy + t * dy) - hy;
  const oz = Math.abs(cz + t * dz) - hz;
  const far = ox > oy ? (ox > oz ? ox : oz) : oy > oz ? oy : oz;
  const slack = far > 0 ? 0.01 * far + 1e-6 : 0;
  const overX = ox === far || ox <= slack;
  const overY = oy === far || oy <= slack;
  const overZ = oz === far || oz <= slack;
  if (!overX || !overY || !overZ) {
    // Over an edge or a corner. The deepest first, so that its normal is the manifold's.
    boxBall(pos, rot, size, a, px + t * ux, py + t * uy, pz + t * uz, radius, margin, 0);
    if (hit.count === 0) return;
    if (t > -0.999) boxBall(pos, rot, size, a, px - ux, py - uy, pz - uz, radius, margin, 1);
    if (t < 0.999) boxBall(pos, rot, size, a, px + ux, py + uy, pz + uz, radius, margin, 2);
    return;
  }
  // Over a face: both ends of the stretch that lies over it, the nearer one first.
  low = -1;
  high = 1;
  if (ox !== far && Math.abs(dx) > 1e-12) {
    low = Math.max(low, (dx > 0 ? -hx - cx : hx - cx) / dx);
    high = Math.min(high, (dx > 0 ? hx - cx : -hx - cx) / dx);
  }
  if (oy !== far && Math.abs(dy) > 1e-12) {
    low = Math.max(low, (dy > 0 ? -hy - cy : hy - cy) / dy);
    high = Math.min(high, (dy > 0 ? hy - cy : -hy - cy) / dy);
  }
  if (oz !== far && Math.abs(dz) > 1e-12) {
    low = Math.max(low, (dz > 0 ? -hz - cz : hz - cz) / dz);
    high = Math.min(high, (dz > 0 ? hz - cz : -hz - cz) / dz);
  }
  if (low + 1e-6 >= high) {
    boxBall(pos, rot, size, a, px + t * ux, py + t * uy, pz + t * uz, radius, margin, 0);
    return;
  }
  const lowIsNear = t - low < high - t;
  const near = lowIsNear ? low : high;
  const away = lowIsNear ? high : low;
  boxBall(
    pos,
    rot,
    size,
    a,
    px + near * ux,
    py + near * uy,
    pz + near * uz,
    radius,
    margin,
    lowIsNear ? 1 : 2,
  );
  boxBall(
    pos,
    rot,
    size,
    a,
    px + away * ux,
    py + away * uy,
    pz + away * uz,
    radius,
    margin,
    lowIsNear ? 2 : 1,
  );
}

// Box against box. The product of the two rotations and its absolute values, A's axes by B's. [9]
const product = new Float64Array(9);
const absolute = new Float64Array(9);
// The polygon that is being clipped, in the reference face's coordinates, and where it is clipped to. [8]
const polygonU = new Float64Array(16);
const polygonV = new Float64Array(16);
const polygonW = new Float64Array(16);
const polygonTag = new Float64Array(16);
const clippedU = new Float64Array(16);
const clippedV = new Float64Array(16);
const clippedW = new Float64Array(16);
const clippedTag = new Float64Array(16);

/** Ids of one reference face begin here; room for corners (8) and clipped points (from 8 on). */
const codeSize: i32 = 20;
/** Cosine of 1.5 degrees. */
const nearlyOne = 0.99966;
/** Edge contacts must beat faces by this much, metres: faces make calmer manifolds. */
const edgeBias = 2e-4;

/**
 * Separating axes: three of A, three of B, nine cross products. The axis of largest separation gives the normal. For a
 * face of A or B the other box's face that looks at it is clipped to it; for a pair of edges there is one point.
 * Where one box lies wholly over a face of the other, as a block on a table does, that face is a plane and the rest is skipped.
 */
export function boxBox(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  margin: f64,
): void {
  const ra = 9 * a;
  const rb = 9 * b;
  const dx = pos[3 * b]! - pos[3 * a]!;
  const dy = pos[3 * b + 1]! - pos[3 * a + 1]!;
  const dz = pos[3 * b + 2]! - pos[3 * a + 2]!;

  // Faces.
  let best: f64 = -Infinity;
  let code = 0;
  let sign = 1;
  let inPrism = 0;
  let outside = 0;
  for (let i = 0; i < 3; i++) {
    const x = rot[ra + i]!;
    const y = rot[ra + 3 + i]!;
    const z = rot[ra + 6 + i]!;
    const t = dx * x + dy * y + dz * z;
    const r0 = x * rot[rb]! + y * rot[rb + 3]! + z * rot[rb + 6]!;
    const r1 = x * rot[rb + 1]! + y * rot[rb + 4]! + z * rot[rb + 7]!;
    const r2 = x * rot[rb + 2]! + y * rot[rb + 5]! + z * rot[rb + 8]!;
    product[3 * i] = r0;
    product[3 * i + 1] = r1;
    product[3 * i + 2] = r2;
    const a0 = Math.abs(r0);
    const a1 = Math.abs(r1);
    const a2 = Math.abs(r2);
    absolute[3 * i] = a0;
    absolute[3 * i + 1] = a1;
    absolute[3 * i + 2] = a2;
    const reach = size[3 * b]! * a0 + size[3 * b + 1]! * a1 + size[3 * b + 2]! * a2;
    const far = Math.abs(t);
    const s = far - size[3 * a + i]! - reach;
    if (s > margin) return;
    if (far + reach <= size[3 * a + i]!) inPrism++;
    else outside = i;
    if (s > best) {
      best = s;
      code = i;
      sign = t < 0 ? -1 : 1;
    }
  }
  if (inPrism === 2 && code === outside) {
    const half = size[3 * a + code]! * sign;
    const nx = rot[ra + code]!;
    const ny = rot[ra + 3 + code]!;
    const nz = rot[ra + 6 + code]!;
    boxOverPlane(
      pos[3 * a]! + half * nx,
      pos[3 * a + 1]! + half * ny,
      pos[3 * a + 2]! + half * nz,
      sign * nx,
      sign * ny,
      sign * nz,
      pos,
      3 * b,
      rot,
      rb,
      size[3 * b]!,
      size[3 * b + 1]!,
      size[3 * b + 2]!,
      margin,
      (2 * code + (sign < 0 ? 1 : 0)) * codeSize,
    );
    return;
  }
  inPrism = 0;
  let inB = 0;
  let signB = 1;
  for (let j = 0; j < 3; j++) {
    const t = dx * rot[rb + j]! + dy * rot[rb + 3 + j]! + dz * rot[rb + 6 + j]!;
    const reach =
      size[3 * a]! * absolute[j]! + size[3 * a + 1]! * absolute[3 + j]! + size[3 * a + 2]! * absolute[6 + j]!;
    const far = Math.abs(t);
    const s = far - size[3 * b + j]! - reach;
    if (s > margin) return;
    if (far + reach <= size[3 * b + j]!) inPrism++;
    else {
      inB = j;
      signB = t < 0 ? -1 : 1;
    }
    // A's faces win ties, so that the choice does not flicker.
    if (s > best + 1e-6) {
      best = s;
      code = 3 + j;
      sign = t < 0 ? -1 : 1;
    }
  }
  if (inPrism === 2 && code === 3 + inB) {
    // A over a face of B, which looks towards A: against d.
    const half = -size[3 * b + inB]! * signB;
    const nx = rot[rb + inB]!;
    const ny = rot[rb + 3 + inB]!;
    const nz = rot[rb + 6 + inB]!;
    boxOverPlane(
      pos[3 * b]! + half * nx,
      pos[3 * b + 1]! + half * ny,
      pos[3 * b + 2]! + half * nz,
      -signB * nx,
      -signB * ny,
      -signB * nz,
      pos,
      3 * a,
      rot,
      ra,
      size[3 * a]!,
      size[3 * a + 1]!,
      size[3 * a + 2]!,
      margin,
      (2 * code + (signB < 0 ? 1 : 0)) * codeSize,
    );
    setNormal(-hit.nx, -hit.ny, -hit.nz);
    return;
  }

  // Edges: (u_i x v_j) . d, with the half sizes of both boxes along it.
  let edge = -1;
  let edgeBest = best + edgeBias;
  let edgeX: f64 = 0;
  let edgeY: f64 = 0;
  let edgeZ: f64 = 0;
  // Where the axes of both boxes nearly agree, a pair of edges tells nothing that a face does not.
  let aligned = 0;
  for (let i = 0; i < 9; i++) if (absolute[i]! > nearlyOne) aligned++;
  for (let i = 0; i < 3 && aligned < 3; i++) {
    for (let j = 0; j < 3; j++) {
      const c = product[3 * i + j]!;
      const sine2 = 1 - c * c;
      if (sine2 < 1e-4) continue;
      const ax = rot[ra + i]!;
      const ay = rot[ra + 3 + i]!;
      const az = rot[ra + 6 + i]!;
      const bx = rot[rb + j]!;
      const by = rot[rb + 3 + j]!;
      const bz = rot[rb + 6 + j]!;
      const inverse = 1 / Math.sqrt(sine2);
      const x = (ay * bz - az * by) * inverse;
      const y = (az * bx - ax * bz) * inverse;
      const z = (ax * by - ay * bx) * inverse;
      const t = dx * x + dy * y + dz * z;
      const i1 = (i + 1) % 3;
      const i2 = (i + 2) % 3;
      const j1 = (j + 1) % 3;
      const j2 = (j + 2) % 3;
      const reach =
        (size[3 * a + i1]! * absolute[3 * i2 + j]! +
          size[3 * a + i2]! * absolute[3 * i1 + j]! +
          size[3 * b + j1]! * absolute[3 * i + j2]! +
          size[3 * b + j2]! * absolute[3 * i + j1]!) *
        inverse;
      const s = Math.abs(t) - reach;
      if (s > margin) return;
      if (s > edgeBest) {
        edgeBest = s;
        edge = 3 * i + j;
        const side = t < 0 ? -1 : 1;
        edgeX = side * x;
        edgeY = side * y;
        edgeZ = side * z;
      }
    }
  }
  if (edge >= 0) edgeContact(pos, rot, size, a, b, edge, edgeX, edgeY, edgeZ, edgeBest);
  else if (code < 3)
    clipFace(pos, rot, size, a, b, code, sign, margin, (2 * code + (sign < 0 ? 1 : 0)) * codeSize);
  else {
    clipFace(pos, rot, size, b, a, code - 3, -sign, margin, (2 * code + (sign < 0 ? 1 : 0)) * codeSize);
    setNormal(-hit.nx, -hit.ny, -hit.nz);
  }
  if (hit.count > 4) thin();
}

function edgeContact(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  edge: i32,
  nx: f64,
  ny: f64,
  nz: f64,
  separation: f64,
): void {
  const i = edge < 3 ? 0 : edge < 6 ? 1 : 2;
  const j = edge - 3 * i;
  // A point on each edge: the corner farthest along (against) n, its own axis left at the middle.
  let px = pos[3 * a]!;
  let py = pos[3 * a + 1]!;
  let pz = pos[3 * a + 2]!;
  let qx = pos[3 * b]!;
  let qy = pos[3 * b + 1]!;
  let qz = pos[3 * b + 2]!;
  for (let k = 0; k < 3; k++) {
    const ax = rot[9 * a + k]!;
    const ay = rot[9 * a + 3 + k]!;
    const az = rot[9 * a + 6 + k]!;
    if (k !== i) {
      const h = ax * nx + ay * ny + az * nz > 0 ? size[3 * a + k]! : -size[3 * a + k]!;
      px += h * ax;
      py += h * ay;
      pz += h * az;
    }
    const bx = rot[9 * b + k]!;
    const by = rot[9 * b + 3 + k]!;
    const bz = rot[9 * b + 6 + k]!;
    if (k !== j) {
      const h = bx * nx + by * ny + bz * nz > 0 ? -size[3 * b + k]! : size[3 * b + k]!;
      qx += h * bx;
      qy += h * by;
      qz += h * bz;
    }
  }
  // Nearest points of the two lines.
  const ux = rot[9 * a + i]!;
  const uy = rot[9 * a + 3 + i]!;
  const uz = rot[9 * a + 6 + i]!;
  const vx = rot[9 * b + j]!;
  const vy = rot[9 * b + 3 + j]!;
  const vz = rot[9 * b + 6 + j]!;
  const wx = qx - px;
  const wy = qy - py;
  const wz = qz - pz;
  const uv = ux * vx + uy * vy + uz * vz;
  const uw = ux * wx + uy * wy + uz * wz;
  const vw = vx * wx + vy * wy + vz * wz;
  const det = 1 - uv * uv;
  const s = (uw - uv * vw) / det;
  const t = (uv * uw - vw) / det;
  setNormal(nx, ny, nz);
  put(
    0.5 * (px + s * ux + qx + t * vx),
    0.5 * (py + s * uy + qy + t * vy),
    0.5 * (pz + s * uz + qz + t * vz),
    separation,
    12 * codeSize + edge,
  );
}

/** The face of `b` that looks at face `axis` (side `sign`) of `a`, cut to that face's rectangle. Normal from a to b. */
function clipFace(
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: i32,
  b: i32,
  axis: i32,
  sign: i32,
  margin: f64,
  code: i32,
): void {
  const ra = 9 * a;
  const rb = 9 * b;
  const iu = (axis + 1) % 3;
  const iv = (axis + 2) % 3;
  const nx = sign * rot[ra + axis]!;
  const ny = sign * rot[ra + 3 + axis]!;
  const nz = sign * rot[ra + 6 + axis]!;
  const ux = rot[ra + iu]!;
  const uy = rot[ra + 3 + iu]!;
  const uz = rot[ra + 6 + iu]!;
  const vx = rot[ra + iv]!;
  const vy = rot[ra + 3 + iv]!;
  const vz = rot[ra + 6 + iv]!;
  const hu = size[3 * a + iu]!;
  const hv = size[3 * a + iv]!;
  const hn = size[3 * a + axis]!;
  // The face of b most against n.
  let face = 0;
  let most: f64 = -1;
  let out = 1;
  for (let k = 0; k < 3; k++) {
    const dot = rot[rb + k]! * nx + rot[rb + 3 + k]! * ny + rot[rb + 6 + k]! * nz;
    if (Math.abs(dot) > most + 1e-7) {
      most = Math.abs(dot);
      face = k;
      out = dot > 0 ? -1 : 1;
    }
  }
  const j1 = (face + 1) % 3;
  const j2 = (face + 2) % 3;
  let n = 4;
  for (let c = 0; c < 4; c++) {
    const s1 = c === 0 || c === 3 ? -1 : 1;
    const s2 = c < 2 ? -1 : 1;
    const k0 = out * size[3 * b + face]!;
    const k1 = s1 * size[3 * b + j1]!;
    const k2 = s2 * size[3 * b + j2]!;
    const x = pos[3 * b]! + rot[rb + face]! * k0 + rot[rb + j1]! * k1 + rot[rb + j2]! * k2 - pos[3 * a]!;
    const y =
      pos[3 * b + 1]! +
      rot[rb + 3 + face]! * k0 +
      rot[rb + 3 + j1]! * k1 +
      rot[rb + 3 + j2]! * k2 -
      pos[3 * a + 1]!;
    const z =
      pos[3 * b + 2]! +
      rot[rb + 6 + face]! * k0 +
      rot[rb + 6 + j1]! * k1 +
      rot[rb + 6 + j2]! * k2 -
      pos[3 * a + 2]!;
    polygonU[c] = x * ux + y * uy + z * uz;
    polygonV[c] = x * vx + y * vy + z * vz;
    polygonW[c] = x * nx + y * ny + z * nz - hn;
    const b0 = out > 0 ? 1 << face : 0;
    const b1 = s1 > 0 ? 1 << j1 : 0;
    const b2 = s2 > 0 ? 1 << j2 : 0;
    polygonTag[c] = b0 + b1 + b2;
  }
  n = clip(polygonU, polygonV, polygonW, polygonTag, clippedU, clippedV, clippedW, clippedTag, n, 1, hu, 8);
  n = clip(clippedU, clippedV, clippedW, clippedTag, polygonU, polygonV, polygonW, polygonTag, n, -1, hu, 10);
  n = clip(polygonV, polygonU, polygonW, polygonTag, clippedV, clippedU, clippedW, clippedTag, n, 1, hv, 12);
  n = clip(clippedV, clippedU, clippedW, clippedTag, polygonV, polygonU, polygonW, polygonTag, n, -1, hv, 14);
  setNormal(nx, ny, nz);
  for (let i = 0; i < n && hit.count < 8; i++) {
    const w = polygonW[i]!;
    if (w > margin) continue;
    const u = polygonU[i]!;
    const v = polygonV[i]!;
    const k = hn + 0.5 * w;
    put(
      pos[3 * a]! + u * ux + v * vx + k * nx,
      pos[3 * a + 1]! + u * uy + v * vy + k * ny,
      pos[3 * a + 2]! + u * uz + v * vz + k * nz,
      w,
      code + polygonTag[i]!,
    );
  }
}

/** Sutherland-Hodgman against the half-plane side * p <= h. `p` is the coordinate that is cut. */
function clip(
  p: Float64Array,
  o: Float64Array,
  w: Float64Array,
  tag: Float64Array,
  p2: Float64Array,
  o2: Float64Array,
  w2: Float64Array,
  tag2: Float64Array,
  n: i32,
  side: i32,
  h: f64,
  newTag: i32,
): i32 {
  let m = 0;
  for (let i = 0; i < n; i++) {
    const j = i + 1 === n ? 0 : i + 1;
    const di = side * p[i]! - h;
    const dj = side * p[j]! - h;
    if (di <= 0) {
      p2[m] = p[i]!;
      o2[m] = o[i]!;
      w2[m] = w[i]!;
      tag2[m++] = tag[i]!;
    }
    if (di <= 0 !== dj <= 0) {
      const t = di / (di - dj);
      p2[m] = side * h;
      o2[m] = o[i]! + t * (o[j]! - o[i]!);
      w2[m] = w[i]! + t * (w[j]! - w[i]!);
      tag2[m++] = newTag + (di <= 0 ? 0 : 1);
    }
  }
  return m;
}

const keep = new Int32Array(4);

/** Four of many points: the deepest, the one farthest from it, then the two farthest to either side of the line between. */
function thin(): void {
  const x = hit.x;
  const y = hit.y;
  const z = hit.z;
  const separation = hit.separation;
  const id = hit.id;
  let first = 0;
  for (let i = 1; i < hit.count; i++) if (separation[i]! < separation[first]! - 1e-9) first = i;
  let second = -1;
  let most: f64 = -1;
  for (let i = 0; i < hit.count; i++) {
    const dx = x[i]! - x[first]!;
    const dy = y[i]! - y[first]!;
    const dz = z[i]! - z[first]!;
    const d = dx * dx + dy * dy + dz * dz;
    if (d > most) {
      most = d;
      second = i;
    }
  }
  const ex = x[second]! - x[first]!;
  const ey = y[second]! - y[first]!;
  const ez = z[second]! - z[first]!;
  // Side of the line first-second within the plane of the contact.
  const sx = ey * hit.nz - ez * hit.ny;
  const sy = ez * hit.nx - ex * hit.nz;
  const sz = ex * hit.ny - ey * hit.nx;
  let third = -1;
  let fourth = -1;
  let high: f64 = 1e-12;
  let low: f64 = -1e-12;
  for (let i = 0; i < hit.count; i++) {
    const side = (x[i]! - x[first]!) * sx + (y[i]! - y[first]!) * sy + (z[i]! - z[first]!) * sz;
    if (side > high) {
      high = side;
      third = i;
    } else if (side < low) {
      low = side;
      fourth = i;
    }
  }
  let n = 0;
  for (let i = 0; i < hit.count; i++)
    if (i === first || i === second || i === third || i === fourth) keep[n++] = i;
  for (let k = 0; k < n; k++) {
    const i = keep[k]!;
    x[k] = x[i]!;
    y[k] = y[i]!;
    z[k] = z[i]!;
    separation[k] = separation[i]!;
    id[k] = id[i]!;
  }
  hit.count = n;
}

// </kernel>
