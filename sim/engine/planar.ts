/**
 * Articulated trees that move in the plane of x (forward) and z (up): legged robots without a sideways motion. One step
 * costs some 300 multiplications without contact, because of the coordinates.
 *
 * Coordinates. x and z of the root link's origin (absent where the root is pinned), then for every link i its angle p_i
 * in the world (not relative to its parent), positive from z towards x: a right-handed turn about y, nose down. With
 * R_i = [c s; -s c] the turn of link i and E (u, w) = (w, -u) we have dR/dp v = E R v and d2R/dp2 v = -R v. A joint's
 * angle is p_child - p_parent.
 *
 * Mass matrix. The centre of mass of link k lies at root + sum over its ancestors a of D_a(k) + R_k com_k, where
 * D_a(k) = R_a anchor is the way from a's origin to that of its child towards k. So with the constant vectors
 *    w_i = m_i com_i + sum over children c of (mass of c's subtree) anchor_c        in i's own frame, W_i = R_i w_i
 * the entries are
 *    M_xx = M_zz = total mass      M_x,i = W_i.z      M_z,i = -W_i.x
 *    M_ii = I_i + m_i |com_i|^2 + sum over children of (mass of c's subtree) |anchor_c|^2     a constant
 *    M_ab = D_a(b) . W_b   for a an ancestor of b;    0 for links on different branches.
 * World angles leave only centrifugal terms: a point at E r from a hinge accelerates by -r p'^2, hence the forces
 *    f_x = sum W_i.x p_i'^2    f_z = sum W_i.z p_i'^2 - g m    f_i = g W_i.x + pairs
 *    pair (a, b):  s = D_z W_x - D_x W_z,   f_a += s p_b'^2,   f_b -= s p_a'^2.
 *
 * Joints. Torque t on the joint's angle q = p_c - p_p adds +t to f_c and -t to f_p. Springs, dampers and servos are
 * implicit: with stiffness K, damping D, rotor inertia A (armature) and time step h
 *    (M + e e^T (A + h D + h^2 K)) dv = h f - h^2 K e q',    e = +1 at c, -1 at p,
 * which touches only entries that are there anyway. A servo beyond its force limit pushes with the limit instead.
 *
 * Solve. The matrix has an entry (i, j) only where j is an ancestor of i, so M = L^T D L (Featherstone 2008, section 6.5)
 * has no other entries either: eliminate from the leaves to the root. All that is needed of a constraint row J is
 * Z = L^-T J, again zero off its chain: J M^-1 J'^T = Z D^-1 Z'^T.
 *
 * Contacts and limits. A point of a link (a ball of radius r) has the gap C = (z - height(x)) n_z - r; a joint limit has
 * the gap q - low or high - q. With v = J v' the rate of the gap after the step we ask v >= -C / h while C > 0, and in
 * contact the soft constraint of Box2D v3 (Catto, "Solver2D"): a spring-damper of frequency w and damping ratio z,
 *    v + (w / a) C + g l >= 0,    g = (Z D^-1 Z^T) / (h w a),    a = 2 z + h w,    l >= 0 the impulse,
 * pushing out no faster than `pushSpeed`. Friction is the row along the ground with |l_t| <= mu l_n. The rows are solved
 * together by projected Gauss-Seidel on the small matrix Z D^-1 Z^T, starting from the impulses of the step before, which
 * are therefore part of the state.
 *
 * Semi-implicit Euler: v first, then coordinates with the new v. Metres, kilograms, seconds, radians, newtons.
 */

import type { Contact } from '../env.ts';
import { cos, sin } from './math.ts';
import { makeStep, type PlanarShared, type PlanarStep } from './planar-code.ts';

export type { PlanarStep } from './planar-code.ts';

export type Planar2 = readonly [x: number, z: number];

export interface PlanarJoint {
  /** Limits of the joint's angle, rad; infinite where there is none. */
  readonly low: number;
  readonly high: number;
  /** N m/rad, towards angle 0. */
  readonly stiffness: number;
  /** N m s/rad. */
  readonly damping: number;
  /** Inertia of the rotor as seen by the joint, kg m². */
  readonly armature: number;
}

export interface PlanarLink {
  readonly name: string;
  /** An earlier link, or nothing for the first one, the root. */
  readonly parent?: string;
  /** Origin of this link (its hinge) in the parent's frame. */
  readonly anchor: Planar2;
  readonly mass: number;
  /** About the centre of mass. */
  readonly inertia: number;
  readonly com: Planar2;
  readonly joint: PlanarJoint;
}

/** A ball on a link that can touch the ground. */
export interface PlanarPoint {
  readonly name: string;
  readonly link: string;
  readonly at: Planar2;
  readonly radius: number;
}

export interface PlanarSpec {
  /** A free root can go anywhere; a pinned one hangs on a hinge at (0, 0). */
  readonly root: 'free' | 'pinned';
  readonly links: readonly PlanarLink[];
  readonly points: readonly PlanarPoint[];
  readonly gravity: number;
  readonly physicsDt: number;
  /** Frequency of contacts, Hz; at most a quarter of the step rate. */
  readonly contactHz: number;
  readonly contactDamping: number;
  readonly iterations: number;
}

/** Flat tables of one robot, and where its numbers lie in its part of a state row. */
export interface PlanarModel {
  readonly spec: PlanarSpec;
  readonly linkCount: number;
  readonly pointCount: number;
  /** Coordinates; equally many velocities follow them. */
  readonly dofCount: number;
  /** Coordinate of link 0's angle: 2 for a free root, else 0. */
  readonly firstAngle: number;
  /** Offsets in the robot's part of the row: velocities, impulses (normal, tangent a point, then one a link's joint). */
  readonly velocityAt: number;
  readonly impulseAt: number;
  readonly size: number;
  readonly totalMass: number;
  /** 1 / h, and w / a and 1 / (h w a) of the soft constraint. */
  readonly stepRate: number;
  readonly contactRate: number;
  readonly contactSoftness: number;
  /** Coordinate that is the next towards the root, -1 at the end. [dofCount] */
  readonly before: Int32Array;
  readonly parent: Int32Array;
  /** [linkCount] each */
  readonly anchorX: Float64Array;
  readonly anchorZ: Float64Array;
  readonly weightX: Float64Array;
  readonly weightZ: Float64Array;
  readonly diagonal: Float64Array;
  readonly joints: Float64Array;
  /** Ancestor, descendant and the ancestor's child on the way, three numbers a pair. */
  readonly pairs: Int32Array;
  readonly pointLink: Int32Array;
  readonly pointX: Float64Array;
  readonly pointZ: Float64Array;
  readonly pointRadius: Float64Array;
}

/** What drives the joints during one control step; index = link whose joint it is. */
export interface PlanarDrive {
  /** N m. */
  readonly torque: Float64Array;
  /** Servo: gain * (target - q) + rateGain * (rate - q'), cut off at +-limit. */
  readonly gain: Float64Array;
  readonly rateGain: Float64Array;
  readonly target: Float64Array;
  readonly rate: Float64Array;
  readonly limit: Float64Array;
}

/** The ground of one world: height(x) = slope x + amplitude (sin(waveA x + phaseA) + sin(waveB x + phaseB)) / 2. */
export interface PlanarGround {
  slope: number;
  amplitude: number;
  phaseA: number;
  phaseB: number;
  friction: number;
}

/** Waves of the ground, rad/m: 2.1 m and 0.8 m long. */
const waveA = 3;
const waveB = 7.9;

export const groundHeight = (ground: PlanarGround, x: number): number =>
  ground.amplitude === 0
    ? ground.slope * x
    : ground.slope * x +
      (ground.amplitude * (sin(waveA * x + ground.phaseA) + sin(waveB * x + ground.phaseB))) / 2;

export const groundSlope = (ground: PlanarGround, x: number): number =>
  ground.amplitude === 0
    ? ground.slope
    : ground.slope +
      (ground.amplitude * (waveA * cos(waveA * x + ground.phaseA) + waveB * cos(waveB * x + ground.phaseB))) /
        2;

/** Most coordinates and rows of a robot; rows of the scratch matrices are this far apart. */
const stride = 16;
const mostRows = 64;

/** Fastest that a contact pushes out what is inside the ground, m/s. */
const pushSpeed = 3;
/** Points nearer to the ground than this are looked at. */
const near = 0.06;
/** The passes over the rows end early when none changed its speed by more than this (m/s, rad/s). */
const settled = 1e-5;
/** A gap that would still be this large after the step (m, rad) makes no row. */
const clear = 0.01;

// Scratch of one step, shared by all worlds.
const turn = new Float64Array(2 * stride);
const originX = new Float64Array(stride);
const originZ = new Float64Array(stride);
const armX = new Float64Array(stride);
const armZ = new Float64Array(stride);
const wx = new Float64Array(stride);
const wz = new Float64Array(stride);
const mass = new Float64Array(stride * stride);
const steady = new Float64Array(stride);
const cross = new Float64Array((stride * stride) / 2);
const middle = new Float64Array(stride);
const rhs = new Float64Array(stride);
const inverse = new Float64Array(stride);
const speed = new Float64Array(stride);
const rows = new Float64Array(mostRows * stride);
const deepest = new Int32Array(mostRows);
const system = new Float64Array(mostRows * mostRows);
const gapSpeed = new Float64Array(mostRows);
const bias = new Float64Array(mostRows);
const softness = new Float64Array(mostRows);
/** Entry of the row's own, softness included, and its inverse. */
const stiff = new Float64Array(mostRows);
const pivot = new Float64Array(mostRows);
const impulse = new Float64Array(mostRows);
/** Where the impulse of the row is kept; for a tangent row the normal row is the one before. */
const kept = new Int32Array(mostRows);
const isTangent = new Uint8Array(mostRows);
const sign = new Float64Array(mostRows);

const shared: PlanarShared = {
  stride,
  near,
  clear,
  turn,
  originX,
  originZ,
  armX,
  armZ,
  mass,
  inverse,
  rhs,
  rows,
  deepest,
  system,
  gapSpeed,
  bias,
  softness,
  stiff,
  pivot,
  mostRows,
  pushSpeed,
  turnAll,
  groundHeight,
  constrain,
};

export function createDrive(model: PlanarModel): PlanarDrive {
  const n = model.linkCount;
  return {
    torque: new Float64Array(n),
    gain: new Float64Array(n),
    rateGain: new Float64Array(n),
    target: new Float64Array(n),
    rate: new Float64Array(n),
    limit: new Float64Array(n).fill(Number.POSITIVE_INFINITY),
  };
}

/** @throws RangeError on a robot that is too large, on links out of order and on names that nobody has. */
export function compilePlanar(spec: PlanarSpec): PlanarModel {
  const { links, points } = spec;
  const L = links.length;
  const firstAngle = spec.root === 'free' ? 2 : 0;
  const dofCount = L + firstAngle;
  const rowCount = 2 * points.length + L;
  if (dofCount > stride || rowCount > mostRows) {
    throw new RangeError(
      `Planar robot: found ${dofCount} coordinates and ${rowCount} rows, wanted at most ${stride} and ${mostRows}`,
    );
  }
  const indexOf = (name: string, below: number): number => {
    const index = links.findIndex((link) => link.name === name);
    if (index < 0 || index >= below) {
      throw new RangeError(`Planar robot: found link ${name}, wanted one of the first ${below} links`);
    }
    return index;
  };
  const parent = Int32Array.from(links, (link, i) =>
    link.parent === undefined ? -1 : indexOf(link.parent, i),
  );
  const subtree = links.map((link) => link.mass);
  for (let i = L - 1; i > 0; i--) subtree[parent[i]!]! += subtree[i]!;
  const weightX = Float64Array.from(links, (link) => link.mass * link.com[0]);
  const weightZ = Float64Array.from(links, (link) => link.mass * link.com[1]);
  const diagonal = Float64Array.from(
    links,
    ({ inertia, mass, com }) => inertia + mass * (com[0] * com[0] + com[1] * com[1]),
  );
  for (let i = 1; i < L; i++) {
    const p = parent[i]!;
    const [x, z] = links[i]!.anchor;
    weightX[p]! += subtree[i]! * x;
    weightZ[p]! += subtree[i]! * z;
    diagonal[p]! += subtree[i]! * (x * x + z * z);
  }
  const h = spec.physicsDt;
  const w = 2 * Math.PI * spec.contactHz;
  const a = 2 * spec.contactDamping + h * w;
  const pairs: number[] = [];
  for (let b = 1; b < L; b++) {
    for (let child = b; parent[child]! >= 0; child = parent[child]!) pairs.push(parent[child]!, b, child);
  }
  return {
    spec,
    linkCount: L,
    pointCount: points.length,
    dofCount,
    firstAngle,
    velocityAt: dofCount,
    impulseAt: 2 * dofCount,
    size: 2 * dofCount + rowCount,
    totalMass: subtree[0]!,
    stepRate: 1 / h,
    contactRate: w / a,
    contactSoftness: 1 / (h * w * a),
    before: Int32Array.from({ length: dofCount }, (_, i) =>
      i < firstAngle ? i - 1 : i === firstAngle ? firstAngle - 1 : parent[i - firstAngle]! + firstAngle,
    ),
    parent,
    anchorX: Float64Array.from(links, (link) => link.anchor[0]),
    anchorZ: Float64Array.from(links, (link) => link.anchor[1]),
    weightX,
    weightZ,
    diagonal,
    joints: Float64Array.from(
      links.flatMap(({ joint }) => [joint.low, joint.high, joint.stiffness, joint.damping, joint.armature]),
    ),
    pairs: Int32Array.from(pairs),
    pointLink: Int32Array.from(points, (point) => indexOf(point.link, L)),
    pointX: Float64Array.from(points, (point) => point.at[0]),
    pointZ: Float64Array.from(points, (point) => point.at[1]),
    pointRadius: Float64Array.from(points, (point) => point.radius),
  };
}

/**
 * Writes cos x and sin x to out[at], out[at + 1]: Taylor sums of fixed length after taking off quarter turns, half the
 * cost of sin and cos of math.ts. Absolute error below 1e-15 for |x| up to 1e4.
 */
function cosSin(x: number, out: Float64Array, at: number): void {
  const k = Math.floor(x / 1.5707963267948966 + 0.5);
  const r = x - k * 1.5707963267341256 - k * 6.077100506506192e-11;
  const r2 = r * r;
  // Coefficients are 1 / n!, down from n = 15 and n = 16.
  const s =
    r *
    (1 +
      r2 *
        (-0.16666666666666666 +
          r2 *
            (0.008333333333333333 +
              r2 *
                (-0.0001984126984126984 +
                  r2 *
                    (0.0000027557319223985893 +
                      r2 *
                        (-2.505210838544172e-8 +
                          r2 * (1.6059043836821613e-10 + r2 * -7.647163731819816e-13)))))));
  const c =
    1 +
    r2 *
      (-0.5 +
        r2 *
          (0.041666666666666664 +
            r2 *
              (-0.001388888888888889 +
                r2 *
                  (0.0000248015873015873 +
                    r2 *
                      (-2.755731922398589e-7 +
                        r2 *
                          (2.08767569878681e-9 +
                            r2 * (-1.1470745597729725e-11 + r2 * 4.779477332387385e-14)))))));
  const quadrant = k - 4 * Math.floor(k / 4);
  const isOdd = quadrant === 1 || quadrant === 3;
  out[at] = (quadrant === 1 || quadrant === 2 ? -1 : 1) * (isOdd ? s : c);
  out[at + 1] = (quadrant >= 2 ? -1 : 1) * (isOdd ? c : s);
}

/** Turns of all links into `turn`. */
function turnAll(model: PlanarModel, state: Float64Array, o: number): void {
  for (let i = 0; i < model.linkCount; i++) cosSin(state[o + model.firstAngle + i]!, turn, 2 * i);
}

/** Turns and origins of all links into `turn`, `originX`, `originZ`, `armX`, `armZ`. */
function place(model: PlanarModel, state: Float64Array, o: number): void {
  const { linkCount, firstAngle, parent, anchorX, anchorZ } = model;
  turnAll(model, state, o);
  originX[0] = firstAngle > 0 ? state[o]! : 0;
  originZ[0] = firstAngle > 0 ? state[o + 1]! : 0;
  for (let i = 1; i < linkCount; i++) {
    const p = parent[i]!;
    const c = turn[2 * p]!;
    const s = turn[2 * p + 1]!;
    const ax = anchorX[i]!;
    const az = anchorZ[i]!;
    const dx = c * ax + s * az;
    const dz = c * az - s * ax;
    armX[i] = dx;
    armZ[i] = dz;
    originX[i] = originX[p]! + dx;
    originZ[i] = originZ[p]! + dz;
  }
}

/** rhs = L^-T (steady impulses + centrifugal impulses of the rates in `middle`). */
function addCentrifugal(model: PlanarModel): void {
  const { dofCount: n, linkCount, firstAngle, pairs, before } = model;
  const h = model.spec.physicsDt;
  for (let i = 0; i < n; i++) rhs[i] = steady[i]!;
  if (firstAngle > 0) {
    let fx = 0;
    let fz = 0;
    for (let i = 0; i < linkCount; i++) {
      const w = middle[firstAngle + i]!;
      fx += wx[i]! * w * w;
      fz += wz[i]! * w * w;
    }
    rhs[0]! += h * fx;
    rhs[1]! += h * fz;
  }
  for (let k = 0; 3 * k < pairs.length; k++) {
    const a = firstAngle + pairs[3 * k]!;
    const b = firstAngle + pairs[3 * k + 1]!;
    const s = cross[k]!;
    const wa = middle[a]!;
    const wb = middle[b]!;
    rhs[a]! += s * wb * wb;
    rhs[b]! -= s * wa * wa;
  }
  for (let i = n - 1; i >= 0; i--) {
    const y = rhs[i]!;
    for (let j = before[i]!; j >= 0; j = before[j]!) rhs[j]! -= mass[i * stride + j]! * y;
  }
}

/** speed = L^-1 D^-1 rhs, from the root to the leaves. */
function solve(model: PlanarModel): void {
  const { dofCount: n, before } = model;
  for (let i = 0; i < n; i++) {
    let y = rhs[i]! * inverse[i]!;
    for (let j = before[i]!; j >= 0; j = before[j]!) y -= mass[i * stride + j]! * speed[j]!;
    speed[i] = y;
  }
}

/**
 * Finishes row r, whose J is in `rows` on the chain of coordinate `deep`, whose rate J v is in `gapSpeed` and whose gap
 * is in `bias`: Z, the entries with earlier rows, the speed that forces alone would lead to, and the softness. (Numbers
 * go through the arrays because an argument that is no small integer may cost an allocation.)
 */
function finishRow(model: PlanarModel, r: number, deep: number): void {
  const { before } = model;
  const row = r * stride;
  let v = gapSpeed[r]!;
  for (let i = deep; i >= 0; i = before[i]!) {
    const zi = rows[row + i]!;
    for (let j = before[i]!; j >= 0; j = before[j]!) rows[row + j]! -= mass[i * stride + j]! * zi;
    v += zi * inverse[i]! * rhs[i]!;
  }
  gapSpeed[r] = v;
  // Shared coordinates are on this row's chain, the others are zero there.
  for (let s = 0; s <= r; s++) {
    let a = 0;
    for (let i = deep; i >= 0; i = before[i]!) {
      a += rows[row + i]! * inverse[i]! * rows[s * stride + i]!;
    }
    system[r * mostRows + s] = a;
    system[s * mostRows + r] = a;
  }
  deepest[r] = deep;
  const entry = system[r * mostRows + r]!;
  const gap = bias[r]!;
  let soft = 0;
  if (gap > 0) bias[r] = gap * model.stepRate;
  else {
    const push = model.contactRate * gap;
    bias[r] = push < -pushSpeed ? -pushSpeed : push;
    soft = model.contactSoftness * entry;
  }
  softness[r] = soft;
  stiff[r] = entry + soft;
  pivot[r] = 1 / (entry + soft);
}

/** Projected Gauss-Seidel over the first `count` rows. */
function solveRows(count: number, mu: number, iterations: number): void {
  for (let pass = 0; pass < iterations; pass++) {
    let worst = 0;
    for (let r = 0; r < count; r++) {
      const old = impulse[r]!;
      const soft = softness[r]!;
      let l = old - (gapSpeed[r]! + bias[r]! + soft * old) * pivot[r]!;
      if (isTangent[r] === 1) {
        const most = mu * impulse[r - 1]!;
        l = l > most ? most : l < -most ? -most : l;
      } else if (l < 0) l = 0;
      const change = l - old;
      if (change === 0) continue;
      const error = (change < 0 ? -change : change) * stiff[r]!;
      if (error > worst) worst = error;
      impulse[r] = l;
      for (let s = 0; s < count; s++) gapSpeed[s]! += system[r * mostRows + s]! * change;
    }
    if (worst < settled) break;
  }
}

/** The same for the two rows of a single contact, which is most of what a runner meets. */
function solveOne(mu: number, iterations: number): void {
  const nn = system[0]!;
  const nt = system[1]!;
  const tt = system[mostRows + 1]!;
  const soft = softness[0]!;
  const push = bias[0]!;
  const [normalPivot, tangentPivot] = [pivot[0]!, pivot[1]!];
  const [normalStiff, tangentStiff] = [stiff[0]!, stiff[1]!];
  let normal = impulse[0]!;
  let tangent = impulse[1]!;
  let vn = gapSpeed[0]!;
  let vt = gapSpeed[1]!;
  for (let pass = 0; pass < iterations; pass++) {
    let l = normal - (vn + push + soft * normal) * normalPivot;
    if (l < 0) l = 0;
    let change = l - normal;
    const first = Math.abs(change) * normalStiff;
    normal = l;
    vn += nn * change;
    vt += nt * change;
    const most = mu * normal;
    l = tangent - vt * tangentPivot;
    l = l > most ? most : l < -most ? -most : l;
    change = l - tangent;
    tangent = l;
    vn += nt * change;
    vt += tt * change;
    if (first < settled && Math.abs(change) * tangentStiff < settled) break;
  }
  impulse[0] = normal;
  impulse[1] = tangent;
}

/**
 * Builds the rows of one step and solves them: adds L^-T J^T impulses to `rhs`. Needs what `place`, the factorisation and
 * `addCentrifugal` left in the scratch arrays. A joint or a point whose bit in `limits` or `points` is 0 is known to be
 * far from its limit or from the ground. `finishers` are `finishRow` written out, by deepest coordinate.
 */
export function constrain(
  model: PlanarModel,
  state: Float64Array,
  o: number,
  ground: PlanarGround,
  limits: number,
  points: number,
  finishers: readonly ((r: number) => void)[] | null,
): void {
  const { linkCount, pointCount, dofCount: n, firstAngle, before, parent, joints } = model;
  const { pointLink, pointX, pointZ, pointRadius } = model;
  const { physicsDt: h, iterations } = model.spec;
  const isFree = firstAngle > 0;
  const firstJoint = isFree ? 1 : 0;
  const vAt = o + n;
  const impulses = o + 2 * n;
  const jointImpulses = impulses + 2 * pointCount;

  // Rows: joint limits, then contacts.
  let count = 0;
  for (let i = firstJoint; i < linkCount; i++) {
    if ((limits & (1 << i)) === 0) {
      state[jointImpulses + i] = 0;
      continue;
    }
    const c = firstAngle + i;
    const p = parent[i]!;
    const angle = state[o + c]! - (p < 0 ? 0 : state[o + firstAngle + p]!);
    const rate = state[vAt + c]! - (p < 0 ? 0 : state[vAt + firstAngle + p]!);
    const low = joints[5 * i]!;
    const high = joints[5 * i + 1]!;
    const side = 2 * angle < low + high ? 1 : -1;
    const gap = side > 0 ? angle - low : high - angle;
    const at = jointImpulses + i;
    const last = side * state[at]!;
    state[at] = 0;
    if (!(gap + h * side * rate < 2 * clear)) continue;
    const row = count * stride;
    for (let k = 0; k < n; k++) rows[row + k] = 0;
    rows[row + c] = side;
    if (p >= 0) rows[row + firstAngle + p] = -side;
    sign[count] = side;
    isTangent[count] = 0;
    kept[count] = at;
    impulse[count] = last > 0 ? last : 0;
    gapSpeed[count] = side * rate;
    bias[count] = gap;
    if (finishers === null) finishRow(model, count, c);
    else finishers[c]!(count);
    count++;
  }
  for (let k = 0; k < pointCount; k++) {
    if ((points & (1 << k)) === 0) {
      state[impulses + 2 * k] = 0;
      state[impulses + 2 * k + 1] = 0;
      continue;
    }
    const link = pointLink[k]!;
    const c = turn[2 * link]!;
    const s = turn[2 * link + 1]!;
    const px = pointX[k]!;
    const pz = pointZ[k]!;
    const x = originX[link]! + c * px + s * pz;
    const z = originZ[link]! + c * pz - s * px;
    const at = impulses + 2 * k;
    const lastNormal = state[at]!;
    const lastTangent = state[at + 1]!;
    state[at] = 0;
    state[at + 1] = 0;
    if (z - pointRadius[k]! - groundHeight(ground, x) > near) continue;
    // Unit normal (nx, nz) and tangent (nz, -nx) of the ground.
    const slope = groundSlope(ground, x);
    const nz = 1 / Math.sqrt(1 + slope * slope);
    const nx = -slope * nz;
    const gap = (z - groundHeight(ground, x)) * nz - pointRadius[k]!;
    // Ways to the touching point from the hinges on its chain; (lx, lz) is the part within the current link.
    const row = count * stride;
    const other = row + stride;
    for (let i = 0; i < n; i++) {
      rows[row + i] = 0;
      rows[other + i] = 0;
    }
    let lx = x - pointRadius[k]! * nx - originX[link]!;
    let lz = z - pointRadius[k]! * nz - originZ[link]!;
    let normalRate = 0;
    let tangentRate = 0;
    for (let i = link; i >= 0; i = parent[i]!) {
      const d = firstAngle + i;
      const jn = nx * lz - nz * lx;
      const jt = nz * lz + nx * lx;
      rows[row + d] = jn;
      rows[other + d] = jt;
      normalRate += jn * state[vAt + d]!;
      tangentRate += jt * state[vAt + d]!;
      lx = armX[i]!;
      lz = armZ[i]!;
    }
    if (isFree) {
      rows[row] = nx;
      rows[row + 1] = nz;
      rows[other] = nz;
      rows[other + 1] = -nx;
      const vx = state[vAt]!;
      const vz = state[vAt + 1]!;
      normalRate += nx * vx + nz * vz;
      tangentRate += nz * vx - nx * vz;
    }
    if (gap + h * normalRate > clear) continue;
    const deep = firstAngle + link;
    sign[count] = 1;
    sign[count + 1] = 1;
    isTangent[count] = 0;
    isTangent[count + 1] = 1;
    kept[count] = at;
    kept[count + 1] = at + 1;
    impulse[count] = lastNormal;
    impulse[count + 1] = lastTangent;
    gapSpeed[count] = normalRate;
    gapSpeed[count + 1] = tangentRate;
    bias[count] = gap;
    bias[count + 1] = 1;
    if (finishers === null) {
      finishRow(model, count, deep);
      finishRow(model, count + 1, deep);
    } else {
      const finish = finishers[deep]!;
      finish(count);
      finish(count + 1);
    }
    bias[count + 1] = 0;
    count += 2;
  }

  // Projected Gauss-Seidel.
  if (count > 0) {
    const mu = ground.friction;
    for (let r = 0; r < count; r++) {
      const l = impulse[r]!;
      if (l !== 0) for (let s = 0; s < count; s++) gapSpeed[s]! += system[r * mostRows + s]! * l;
    }
    if (count === 2 && isTangent[1] === 1) solveOne(mu, iterations);
    else solveRows(count, mu, iterations);
    for (let r = 0; r < count; r++) {
      const l = impulse[r]!;
      state[kept[r]!] = sign[r]! * l;
      if (l === 0) continue;
      for (let i = deepest[r]!; i >= 0; i = before[i]!) rhs[i]! += rows[r * stride + i]! * l;
    }
  }
}

/**
 * `steps` physics steps of one robot, whose part of the row begins at state[o]. Allocates nothing; the result depends on
 * the arguments alone.
 */
export function stepPlanar(
  model: PlanarModel,
  state: Float64Array,
  o: number,
  drive: PlanarDrive,
  ground: PlanarGround,
  steps: number,
): void {
  const { linkCount, dofCount: n, firstAngle, before, parent, pairs, joints } = model;
  const pairCount = pairs.length / 3;
  const { weightX, weightZ, diagonal } = model;
  const { gravity, physicsDt: h } = model.spec;
  const isFree = firstAngle > 0;
  const firstJoint = isFree ? 1 : 0;
  const vAt = o + n;

  for (let i = 0; i < n; i++) state[o + i]! += (h / 2) * state[vAt + i]!;
  for (let step = 0; step < steps; step++) {
    place(model, state, o);

    // Mass matrix, gravity.
    if (isFree) {
      mass[0] = model.totalMass;
      mass[stride + 1] = model.totalMass;
      mass[stride] = 0;
      steady[0] = 0;
      steady[1] = -h * gravity * model.totalMass;
    }
    for (let i = 0; i < linkCount; i++) {
      const c = turn[2 * i]!;
      const s = turn[2 * i + 1]!;
      const x = c * weightX[i]! + s * weightZ[i]!;
      const z = c * weightZ[i]! - s * weightX[i]!;
      wx[i] = x;
      wz[i] = z;
      const d = firstAngle + i;
      mass[d * stride + d] = diagonal[i]!;
      steady[d] = h * gravity * x;
      if (isFree) {
        mass[d * stride] = z;
        mass[d * stride + 1] = -x;
      }
    }
    for (let k = 0; k < pairCount; k++) {
      const a = firstAngle + pairs[3 * k]!;
      const b = pairs[3 * k + 1]!;
      const child = pairs[3 * k + 2]!;
      const dx = armX[child]!;
      const dz = armZ[child]!;
      const x = wx[b]!;
      const z = wz[b]!;
      mass[(firstAngle + b) * stride + a] = dx * x + dz * z;
      cross[k] = h * (dz * x - dx * z);
    }

    // Joints: springs, dampers, servos, rotors.
    for (let i = firstJoint; i < linkCount; i++) {
      const c = firstAngle + i;
      const p = parent[i]!;
      const angle = state[o + c]! - (p < 0 ? 0 : state[o + firstAngle + p]!);
      const rate = state[vAt + c]! - (p < 0 ? 0 : state[vAt + firstAngle + p]!);
      let stiffness = joints[5 * i + 2]!;
      let damping = joints[5 * i + 3]!;
      let torque = drive.torque[i]! - stiffness * angle - damping * rate;
      const gain = drive.gain[i]!;
      const rateGain = drive.rateGain[i]!;
      if (gain !== 0 || rateGain !== 0) {
        const wanted = gain * (drive.target[i]! - angle) + rateGain * (drive.rate[i]! - rate);
        const limit = drive.limit[i]!;
        if (wanted > limit) torque += limit;
        else if (wanted < -limit) torque -= limit;
        else {
          torque += wanted;
          stiffness += gain;
          damping += rateGain;
        }
      }
      const implicit = joints[5 * i + 4]! + h * damping + h * h * stiffness;
      const push = h * torque - h * h * stiffness * rate;
      mass[c * stride + c]! += implicit;
      steady[c]! += push;
      if (p >= 0) {
        const d = firstAngle + p;
        mass[d * stride + d]! += implicit;
        mass[c * stride + d]! -= implicit;
        steady[d]! -= push;
      }
    }

    // M = L^T D L in place, from the leaves to the root.
    for (let i = n - 1; i >= 0; i--) {
      const row = i * stride;
      const d = 1 / mass[row + i]!;
      inverse[i] = d;
      for (let j = before[i]!; j >= 0; j = before[j]!) {
        const m = mass[row + j]!;
        const l = m * d;
        const to = j * stride;
        for (let k = j; k >= 0; k = before[k]!) mass[to + k]! -= l * mass[row + k]!;
        mass[row + j] = l;
      }
    }

    // Centrifugal forces with the rates at the beginning, then with those half a step on.
    for (let i = 0; i < n; i++) middle[i] = state[vAt + i]!;
    addCentrifugal(model);
    solve(model);
    for (let i = 0; i < n; i++) middle[i] = state[vAt + i]! + speed[i]! / 2;
    addCentrifugal(model);

    constrain(model, state, o, ground, -1, -1, null);

    // dv, then the coordinates.
    solve(model);
    for (let i = 0; i < n; i++) {
      const v = state[vAt + i]! + speed[i]!;
      state[vAt + i] = v;
      state[o + i]! += h * v;
    }
  }
  for (let i = 0; i < n; i++) state[o + i]! -= (h / 2) * state[vAt + i]!;
}

/** The step written out for this robot, or the loops where that is not possible; the same bits either way. */
export function specialise(model: PlanarModel): PlanarStep {
  return makeStep(model, shared) ?? stepPlanar;
}

/** Angle of the joint by which link i hangs on its parent. */
export function jointAngle(model: PlanarModel, state: Float64Array, o: number, i: number): number {
  const p = model.parent[i]!;
  const at = o + model.firstAngle;
  return state[at + i]! - (p < 0 ? 0 : state[at + p]!);
}

export function jointRate(model: PlanarModel, state: Float64Array, o: number, i: number): number {
  return jointAngle(model, state, o + model.dofCount, i);
}

/** World position of a point (px, pz) of link i: out[at] = x, out[at + 1] = z. */
export function pointOf(
  model: PlanarModel,
  state: Float64Array,
  o: number,
  i: number,
  px: number,
  pz: number,
  out: Float64Array,
  at: number,
): void {
  const { firstAngle, parent, anchorX, anchorZ } = model;
  let x = px;
  let z = pz;
  let link = i;
  // From frame to frame towards the root.
  let sumX = 0;
  let sumZ = 0;
  while (link >= 0) {
    cosSin(state[o + firstAngle + link]!, turn, 0);
    const c = turn[0]!;
    const s = turn[1]!;
    sumX += c * x + s * z;
    sumZ += c * z - s * x;
    x = anchorX[link]!;
    z = anchorZ[link]!;
    link = parent[link]!;
  }
  out[at] = sumX + (firstAngle > 0 ? state[o]! : 0);
  out[at + 1] = sumZ + (firstAngle > 0 ? state[o + 1]! : 0);
}

/** Where the robot's balls press on the ground, and with which forces, from the impulses in the row. See `TaskModel.contacts`. */
export function groundContacts(
  model: PlanarModel,
  state: Float64Array,
  o: number,
  ground: PlanarGround,
): Contact[] {
  const contacts: Contact[] = [];
  const middle = new Float64Array(2);
  for (let k = 0; k < model.pointCount; k++) {
    const at = o + model.impulseAt + 2 * k;
    const normal = state[at]!;
    if (!(normal > 0)) continue;
    pointOf(model, state, o, model.pointLink[k]!, model.pointX[k]!, model.pointZ[k]!, middle, 0);
    const slope = groundSlope(ground, middle[0]!);
    const nz = 1 / Math.sqrt(1 + slope * slope);
    const nx = -slope * nz;
    const radius = model.pointRadius[k]!;
    const tangent = state[at + 1]! * model.stepRate;
    contacts.push({
      point: [middle[0]! - radius * nx, 0, middle[1]! - radius * nz],
      normal: [nx, 0, nz],
      force: normal * model.stepRate,
      friction: [nz * tangent, 0, -nx * tangent],
      bodyA: 'ground',
      bodyB: model.spec.points[k]!.link,
    });
  }
  return contacts;
}

/** Kinetic energy (rotors included) and potential energy (springs included) of one robot, J. */
export function energyOf(model: PlanarModel, state: Float64Array, o: number): number {
  const { linkCount, firstAngle, dofCount, joints, spec, parent } = model;
  place(model, state, o);
  let energy = 0;
  for (let i = 0; i < linkCount; i++) {
    const { mass: m, inertia, com } = spec.links[i]!;
    const w = state[o + dofCount + firstAngle + i]!;
    // Velocity of the centre of mass: E of every way on the chain, times that link's rate.
    let lx = turn[2 * i]! * com[0] + turn[2 * i + 1]! * com[1];
    let lz = turn[2 * i]! * com[1] - turn[2 * i + 1]! * com[0];
    const height = originZ[i]! + lz;
    let vx = firstAngle > 0 ? state[o + dofCount]! : 0;
    let vz = firstAngle > 0 ? state[o + dofCount + 1]! : 0;
    for (let k = i; k >= 0; k = parent[k]!) {
      const rate = state[o + dofCount + firstAngle + k]!;
      vx += lz * rate;
      vz -= lx * rate;
      lx = armX[k]!;
      lz = armZ[k]!;
    }
    energy += (m * (vx * vx + vz * vz) + inertia * w * w) / 2 + m * spec.gravity * height;
    if (i > 0 || firstAngle === 0) {
      const angle = jointAngle(model, state, o, i);
      const rate = jointRate(model, state, o, i);
      energy += (joints[5 * i + 2]! * angle * angle + joints[5 * i + 4]! * rate * rate) / 2;
    }
  }
  return energy;
}
