/**
 * The engine: trees of bodies in reduced coordinates, free bodies, contacts with friction. One `World` holds the tables and the
 * scratch of a scene; states are rows (`layout`), so one world steps any number of copies one after the other.
 *
 * Reduced coordinates. All spatial vectors are taken at the world's origin, in the world's axes: a velocity is (w, u) with
 * u the velocity of the body's point that is at the origin, a force is (n, f) with n its moment about the origin. A joint
 * axis ("slot") s moves its body by S_s = (axis, anchor x axis) for a hinge, (0, axis) for a slider. Then
 *    V_b = sum of S_s v_s over the slots from the root to b
 *    M_st = S_s . (Ic_b S_t)      Ic_b: inertia of everything from t's body outwards, s an ancestor of t or t itself
 *    c_s = S_s . sum over outer bodies of (I_b A_b + V_b x* I_b V_b - gravity),   A_b = sum of V x S_s v_s on the way
 * (composite rigid bodies and recursive Newton-Euler; Featherstone, Rigid Body Dynamics Algorithms, 2008, chapters 5, 6).
 * Springs, dampers and motors enter implicitly over the physics step H:
 *    (M + H D + H^2 K) a = tau - c - D v - K (q + H v - rest),     D, K diagonal
 *
 * Constraints. A row J with the response W = M^-1 J^T and K = J W wants J v >= 0 (contact, limit) or J v = 0 within bounds (friction).
 * A step of h = H / substeps (soft constraints of Box2D v3, Catto 2023, "Solver2D"):
 *    v += h a;  v += W lambda (the last step's impulses);  solve with push-out;  dq += h v;  solve again without push-out
 * with, for a gap s of the contact: s > 0:  J v >= -s / h, so that it closes and no more; s <= 0: a spring of
 * frequency w and damping z that pushes out without adding energy,
 *    a1 = 2 z + h w,  a2 = h w a1,  rate = w / a1,  mass scale = a2 / (1 + a2),  impulse scale = 1 / (1 + a2)
 *    dlambda = -(mass scale) (J v + rate s) / K - (impulse scale) lambda
 * Friction acts once a manifold, at the middle of its touching points: two tangents within a circle of radius mu sum(lambda_n),
 * and a spin about the normal within mu sum(lambda_n r) 0.541 (an evenly loaded square, 0.3826 a, by its corners' 0.7071 a).
 * J, W and the mass matrix are taken once a physics step; gaps move on by h J v. Impulses of manifolds are kept in the row
 * (warm start) and matched by pair and point id, so a row restored in mid-contact goes on bit for bit.
 *
 * Only + - * / and sqrt, and sim/engine/math.ts: the same bits on every machine.
 */

import {
  boxBox,
  boxCapsule,
  boxSphere,
  capsuleCapsule,
  capsuleSphere,
  hit,
  planeBox,
  planeCapsule,
  planeSphere,
  sphereSphere,
} from './collide.ts';
import { type f64, type i32, toI32 } from './dialect.ts';
import { manifoldSize, motorTypes, slotTypes, type Tables } from './scene.ts';

// <kernel>

/** A free body below this height is out of the world: it stays there and meets nothing. */
export const parkedBelow = -5;

/** Contacts this far apart take part, metres, and what bodies may close within one physics step on top. */
const baseMargin = 0.004;
/** Frequency (1/s) and damping ratio of the push-out; never stiffer than a quarter of the step rate. */
const contactHertz = 120;
const contactDamping = 10;
/** m/s */
const maxPushOut = 1;
/** Slower approaches do not bounce, m/s. */
const bounceSpeed = 0.05;
const bounceSweeps = 8;
/** Points this much higher than the lowest of a manifold do not carry friction, metres. */
const touchBand = 0.001;
/** See above: an evenly loaded square by its corners. */
const spinShare = 0.541;

// </kernel>

export class Solver {
  readonly tables: Tables;
  readonly stateDim: i32;
  /** Poses after `kinematics`, valid until the next call of any world method: [bodies * 3], x y z w [bodies * 4], rows [bodies * 9]. */
  readonly pos: Float64Array;
  readonly quat: Float64Array;
  readonly rot: Float64Array;
  readonly qAt: i32;
  readonly vAt: i32;
  readonly targetsAt: i32;
  readonly scalesAt: i32;
  readonly cacheAt: i32;
  // Trees.
  readonly slot: Float64Array; // [slots * 6]: axis, velocity at the origin
  readonly velocity: Float64Array; // [bodies * 6]
  readonly bias: Float64Array; // [bodies * 6], accelerations, then forces
  readonly composite: Float64Array; // [bodies * 10]: mass, mass * centre, inertia about the origin xx yy zz xy xz yz
  readonly matrix: Float64Array; // dense, a block a tree
  readonly matrixAt: Int32Array;
  readonly outerMass: Float64Array; // [slots], and with the share of gravity
  readonly outerWeight: Float64Array;
  readonly isTurned: Int32Array; // [bodies]: its turn changes while it runs
  readonly centre: Float64Array; // [bodies * 3], in the world
  readonly inverse: Float64Array; // [bodies * 6], of loose bodies, in the world
  readonly inverseMass: Float64Array;
  readonly isParked: Int32Array;
  readonly speed: Float64Array; // [bodies]
  // Shapes in the world.
  readonly shapePos: Float64Array;
  readonly shapeRot: Float64Array;
  // Degrees of freedom.
  readonly now: Float64Array; // velocities
  readonly free: Float64Array; // accelerations without constraints
  readonly added: Float64Array; // H D + H^2 K on the diagonal
  readonly moved: Float64Array; // sum of h v
  readonly half: Float64Array; // a row half a step ahead
  // Rows.
  readonly width: i32;
  rows = 0;
  readonly J: Float64Array;
  readonly W: Float64Array;
  readonly startA: Int32Array;
  readonly lenA: Int32Array;
  readonly startB: Int32Array;
  readonly lenB: Int32Array;
  readonly mass: Float64Array;
  readonly lambda: Float64Array;
  readonly gap: Float64Array;
  readonly approach: Float64Array;
  // Manifolds.
  manifolds = 0;
  readonly manifoldPair: Int32Array;
  readonly manifoldRow: Int32Array;
  readonly manifoldPoints: Int32Array;
  readonly manifoldLoose: Int32Array; // first dof where a loose body meets what does not move, else -1
  readonly manifoldHeld: Int32Array; // 1 where a loose body meets a link of a tree
  readonly manifoldFriction: Float64Array;
  readonly manifoldBounce: Float64Array;
  readonly pointId: Float64Array; // [manifolds * 4]
  readonly pointReach: Float64Array; // [manifolds * 4]: distance from where friction acts
  // Limits and dry friction of joints: after the manifolds.
  limitRow = 0;
  dryRow = 0;
  readonly dryBound: Float64Array;
  cursor = 0;
  /** For passes without and with push-out: 1 / h, rate, mass scale, impulse scale. */
  readonly soft: Float64Array;
  bounces = false;

  /** `floats` and `integers` give zeroed arrays; in the memory of a compiled kernel, or anywhere. */
  constructor(
    tables: Tables,
    stateDim: i32,
    cacheAt: i32,
    floats: (length: number) => Float64Array,
    integers: (length: number) => Int32Array,
  ) {
    const t = tables;
    this.tables = t;
    this.stateDim = stateDim;
    this.qAt = 1;
    this.vAt = this.qAt + t.coordinates;
    this.targetsAt = this.vAt + t.dofs;
    this.scalesAt = t.isVariable ? this.targetsAt + t.targets : -1;
    this.cacheAt = cacheAt;
    this.pos = floats(t.bodies * 3);
    this.quat = floats(t.bodies * 4);
    this.rot = floats(t.bodies * 9);
    this.slot = floats(t.slots * 6);
    this.velocity = floats(t.bodies * 6);
    this.bias = floats(t.bodies * 6);
    this.composite = floats(t.bodies * 10);
    this.matrixAt = integers(t.trees);
    let size = 0;
    let widest = 1;
    for (let k = 0; k < t.trees; k++) {
      this.matrixAt[k] = size;
      if (t.treeLoose[k] === -1) size += t.treeDofs[k]! ** 2;
      widest = Math.max(widest, t.treeDofs[k]!);
    }
    this.matrix = floats(size);
    this.outerMass = floats(t.slots);
    this.outerWeight = floats(t.slots);
    for (let b = 0; b < t.bodies; b++)
      for (let j = t.chainAt[b]!; j < t.chainAt[b]! + t.chainLength[b]!; j++) {
        const s = t.chain[j]!;
        this.outerMass[s]! += t.mass[b]!;
        this.outerWeight[s]! += t.mass[b]! * t.gravityShare[b]!;
      }
    this.isTurned = integers(t.bodies);
    this.centre = floats(t.bodies * 3);
    this.inverse = floats(t.bodies * 6);
    this.inverseMass = floats(t.bodies);
    this.isParked = integers(t.bodies);
    this.speed = floats(t.bodies);
    this.shapePos = floats(t.shapes * 3);
    this.shapeRot = floats(t.shapes * 9);
    this.now = floats(t.dofs);
    this.free = floats(t.dofs);
    this.added = floats(t.dofs);
    this.moved = floats(t.dofs);
    this.half = floats(this.stateDim);

    const rows = t.pairs * 7 + t.dofs * 3 + t.coneAngle.length;
    this.width = 2 * widest;
    this.J = floats(rows * this.width);
    this.W = floats(rows * this.width);
    this.startA = integers(rows);
    this.lenA = integers(rows);
    this.startB = integers(rows);
    this.lenB = integers(rows);
    this.mass = floats(rows);
    this.lambda = floats(rows);
    this.gap = floats(rows);
    this.approach = floats(rows);
    this.dryBound = floats(rows);
    this.manifoldPair = integers(t.pairs);
    this.manifoldRow = integers(t.pairs);
    this.manifoldPoints = integers(t.pairs);
    this.manifoldLoose = integers(t.pairs);
    this.manifoldHeld = integers(t.pairs);
    this.manifoldFriction = floats(t.pairs);
    this.manifoldBounce = floats(t.pairs);
    this.pointId = floats(t.pairs * 4);
    this.pointReach = floats(t.pairs * 4);
    const h = t.physicsDt / t.substeps;
    const w = 2 * Math.PI * Math.min(contactHertz, 0.25 / h);
    const a1 = 2 * contactDamping + h * w;
    const a2 = h * w * a1;
    this.soft = floats(8);
    this.soft.set([1 / h, 0, 1, 0, 1 / h, w / a1, a2 / (1 + a2), 1 / (1 + a2)]);
    this.placeFixed();
  }

  /** Bodies and shapes that never move, and which bodies can turn. */
  placeFixed(): void {
    const t = this.tables;
    for (let b = 0; b < t.bodies; b++) {
      const p = t.parent[b]!;
      const turns = (s: number): boolean => t.slotType[s] !== slotTypes.slider;
      const own = Array.from({ length: t.bodySlots[b]! }, (_, k) => t.bodySlot[b]! + k);
      this.isTurned[b] = (p >= 0 && this.isTurned[p] === 1) || own.some(turns) || t.poseAt[b]! >= 0 ? 1 : 0;
    }
    const state = new Float64Array(this.stateDim);
    // With every body marked as turned once, all poses are written.
    const marks = this.isTurned.slice();
    this.isTurned.fill(1);
    this.rest(state, 0);
    for (let b = 0; b < t.bodies; b++) {
      if (t.parent[b]! >= 0 || t.bodySlots[b] !== 0) continue;
      for (let k = 0; k < 3; k++) this.pos[3 * b + k] = t.restPos[3 * b + k]!;
      this.takeTurn(b, t.restRot, 4 * b);
    }
    this.kinematics(state, 0);
    for (let s = 0; s < t.shapes; s++) this.placeShape(s);
    this.isTurned.set(marks);
  }

  /** Writes a row in which nothing moves, joints are at 0, free and placed bodies where the scene put them. */
  rest(state: Float64Array, o: number): void {
    const t = this.tables;
    state.fill(0, o, o + this.stateDim);
    for (let b = 0; b < t.bodies; b++) {
      if (t.poseAt[b]! < 0) continue;
      const q = o + this.qAt + t.poseAt[b]!;
      for (let k = 0; k < 3; k++) state[q + k] = t.restPos[3 * b + k]!;
      for (let k = 0; k < 4; k++) state[q + 3 + k] = t.restRot[4 * b + k]!;
    }
    for (let s = 0; s < t.slots; s++)
      if (t.slotType[s] === slotTypes.ball) state[o + this.qAt + t.slotQ[s]! + 3] = 1;
    if (this.scalesAt >= 0) {
      state[o + this.scalesAt] = 1;
      state[o + this.scalesAt + 1] = 1;
    }
  }

  // <kernel>

  /** Poses of all bodies of a row, into `pos`, `quat` and `rot`. */
  kinematics(state: Float64Array, o: i32): void {
    const t = this.tables;
    const pos = this.pos;
    const quat = this.quat;
    const rot = this.rot;
    for (let b = 0; b < t.bodies; b++) {
      const placed = t.poseAt[b]!;
      if (placed >= 0) {
        const q = o + this.qAt + placed;
        pos[3 * b] = state[q]!;
        pos[3 * b + 1] = state[q + 1]!;
        pos[3 * b + 2] = state[q + 2]!;
        this.takeTurn(b, state, q + 3);
        if (t.bodySlots[b] !== 0 && t.isLoose[b] === 0) this.freeSlots(b);
        continue;
      }
      const p = t.parent[b]!;
      if (p < 0 && t.bodySlots[b] === 0) continue; // stands still: written by #placeFixed
      if (p < 0 && this.isTurned[b] === 0) {
        pos[3 * b] = t.restPos[3 * b]!;
        pos[3 * b + 1] = t.restPos[3 * b + 1]!;
        pos[3 * b + 2] = t.restPos[3 * b + 2]!;
      } else if (p < 0) {
        pos[3 * b] = t.restPos[3 * b]!;
        pos[3 * b + 1] = t.restPos[3 * b + 1]!;
        pos[3 * b + 2] = t.restPos[3 * b + 2]!;
        this.takeTurn(b, t.restRot, 4 * b);
      } else {
        const x = t.restPos[3 * b]!;
        const y = t.restPos[3 * b + 1]!;
        const z = t.restPos[3 * b + 2]!;
        const r = 9 * p;
        pos[3 * b] = pos[3 * p]! + rot[r]! * x + rot[r + 1]! * y + rot[r + 2]! * z;
        pos[3 * b + 1] = pos[3 * p + 1]! + rot[r + 3]! * x + rot[r + 4]! * y + rot[r + 5]! * z;
        pos[3 * b + 2] = pos[3 * p + 2]! + rot[r + 6]! * x + rot[r + 7]! * y + rot[r + 8]! * z;
        if (this.isTurned[b] === 1) this.compose(b, quat, 4 * p, t.restRot, 4 * b);
      }
      const first = t.bodySlot[b]!;
      for (let s = first; s < first + t.bodySlots[b]!; s++) this.applySlot(state, o, b, s);
    }
  }

  // Numbers that are not whole stay out of calls on the hot way: the engine below would box each of them.

  /** The rotation matrix of a body from `quat`. */
  turn(b: i32): void {
    const quat = this.quat;
    const rot = this.rot;
    const x = quat[4 * b]!;
    const y = quat[4 * b + 1]!;
    const z = quat[4 * b + 2]!;
    const w = quat[4 * b + 3]!;
    const r = 9 * b;
    rot[r] = 1 - 2 * (y * y + z * z);
    rot[r + 1] = 2 * (x * y - w * z);
    rot[r + 2] = 2 * (x * z + w * y);
    rot[r + 3] = 2 * (x * y + w * z);
    rot[r + 4] = 1 - 2 * (x * x + z * z);
    rot[r + 5] = 2 * (y * z - w * x);
    rot[r + 6] = 2 * (x * z - w * y);
    rot[r + 7] = 2 * (y * z + w * x);
    rot[r + 8] = 1 - 2 * (x * x + y * y);
  }

  /** quat of body b = the quaternion at `p` of `first` times the one at `q` of `second`. */
  compose(b: i32, first: Float64Array, p: i32, second: Float64Array, q: i32): void {
    const quat = this.quat;
    const ax = first[p]!;
    const ay = first[p + 1]!;
    const az = first[p + 2]!;
    const aw = first[p + 3]!;
    const bx = second[q]!;
    const by = second[q + 1]!;
    const bz = second[q + 2]!;
    const bw = second[q + 3]!;
    quat[4 * b] = aw * bx + ax * bw + ay * bz - az * by;
    quat[4 * b + 1] = aw * by - ax * bz + ay * bw + az * bx;
    quat[4 * b + 2] = aw * bz + ax * by - ay * bx + az * bw;
    quat[4 * b + 3] = aw * bw - ax * bx - ay * by - az * bz;
    this.turn(b);
  }

  /** quat of body b = the one at `q` of an array. */
  takeTurn(b: i32, from: Float64Array, q: i32): void {
    const quat = this.quat;
    quat[4 * b] = from[q]!;
    quat[4 * b + 1] = from[q + 1]!;
    quat[4 * b + 2] = from[q + 2]!;
    quat[4 * b + 3] = from[q + 3]!;
    this.turn(b);
  }

  /** Slots of a free root: along and about the world's axes, through the body's origin. */
  freeSlots(b: i32): void {
    const pos = this.pos;
    const x = pos[3 * b]!;
    const y = pos[3 * b + 1]!;
    const z = pos[3 * b + 2]!;
    const S = this.slot;
    const first = 6 * this.tables.bodySlot[b]!;
    for (let i = first; i < first + 36; i++) S[i] = 0;
    S[first + 3] = 1;
    S[first + 10] = 1;
    S[first + 17] = 1;
    // e_k, p x e_k
    S[first + 18] = 1;
    S[first + 22] = z;
    S[first + 23] = -y;
    S[first + 25] = 1;
    S[first + 27] = -z;
    S[first + 29] = x;
    S[first + 32] = 1;
    S[first + 33] = y;
    S[first + 34] = -x;
  }

  /** The slot's motion axis in the world, then its effect on the body's pose. */
  applySlot(state: Float64Array, o: i32, b: i32, s: i32): void {
    const t = this.tables;
    const pos = this.pos;
    const quat = this.quat;
    const rot = this.rot;
    const S = this.slot;
    const r = 9 * b;
    const type = t.slotType[s]!;
    const q = o + this.qAt + t.slotQ[s]!;
    const sign = t.slotSign[s]!;
    const ax = t.slotAxis[3 * s]!;
    const ay = t.slotAxis[3 * s + 1]!;
    const az = t.slotAxis[3 * s + 2]!;
    const k = t.slotAxisIndex[s]!;
    const isBall = type === slotTypes.ball;
    const x = isBall ? rot[r + k]! : sign * (rot[r]! * ax + rot[r + 1]! * ay + rot[r + 2]! * az);
    const y = isBall ? rot[r + 3 + k]! : sign * (rot[r + 3]! * ax + rot[r + 4]! * ay + rot[r + 5]! * az);
    const z = isBall ? rot[r + 6 + k]! : sign * (rot[r + 6]! * ax + rot[r + 7]! * ay + rot[r + 8]! * az);
    if (type === slotTypes.slider) {
      S[6 * s] = 0;
      S[6 * s + 1] = 0;
      S[6 * s + 2] = 0;
      S[6 * s + 3] = x;
      S[6 * s + 4] = y;
      S[6 * s + 5] = z;
      const d = state[q]!;
      pos[3 * b]! += d * x;
      pos[3 * b + 1]! += d * y;
      pos[3 * b + 2]! += d * z;
      return;
    }
    const cx = t.slotAnchor[3 * s]!;
    const cy = t.slotAnchor[3 * s + 1]!;
    const cz = t.slotAnchor[3 * s + 2]!;
    const px = pos[3 * b]! + rot[r]! * cx + rot[r + 1]! * cy + rot[r + 2]! * cz;
    const py = pos[3 * b + 1]! + rot[r + 3]! * cx + rot[r + 4]! * cy + rot[r + 5]! * cz;
    const pz = pos[3 * b + 2]! + rot[r + 6]! * cx + rot[r + 7]! * cy + rot[r + 8]! * cz;
    S[6 * s] = x;
    S[6 * s + 1] = y;
    S[6 * s + 2] = z;
    S[6 * s + 3] = py * z - pz * y;
    S[6 * s + 4] = pz * x - px * z;
    S[6 * s + 5] = px * y - py * x;
    if (isBall) {
      // Three slots with one turn, applied with the last of them.
      if (k < 2) return;
      this.compose(b, quat, 4 * b, state, q);
    } else {
      const half = 0.5 * sign * state[q]!;
      const c = sine(half);
      jointTurn[0] = ax * c;
      jointTurn[1] = ay * c;
      jointTurn[2] = az * c;
      jointTurn[3] = cosine(half);
      this.compose(b, quat, 4 * b, jointTurn, 0);
    }
    pos[3 * b] = px - rot[r]! * cx - rot[r + 1]! * cy - rot[r + 2]! * cz;
    pos[3 * b + 1] = py - rot[r + 3]! * cx - rot[r + 4]! * cy - rot[r + 5]! * cz;
    pos[3 * b + 2] = pz - rot[r + 6]! * cx - rot[r + 7]! * cy - rot[r + 8]! * cz;
  }

  placeShape(s: i32): void {
    const t = this.tables;
    const pos = this.pos;
    const rot = this.rot;
    const b = t.shapeBody[s]!;
    const r = 9 * b;
    const x = t.shapePos[3 * s]!;
    const y = t.shapePos[3 * s + 1]!;
    const z = t.shapePos[3 * s + 2]!;
    this.shapePos[3 * s] = pos[3 * b]! + rot[r]! * x + rot[r + 1]! * y + rot[r + 2]! * z;
    this.shapePos[3 * s + 1] = pos[3 * b + 1]! + rot[r + 3]! * x + rot[r + 4]! * y + rot[r + 5]! * z;
    this.shapePos[3 * s + 2] = pos[3 * b + 2]! + rot[r + 6]! * x + rot[r + 7]! * y + rot[r + 8]! * z;
    // What only slides keeps its turn.
    if (this.isTurned[b] === 0) return;
    const m = t.shapeRot;
    const w = this.shapeRot;
    for (let i = 0; i < 9; i += 3) {
      const a0 = rot[r + i]!;
      const a1 = rot[r + i + 1]!;
      const a2 = rot[r + i + 2]!;
      w[9 * s + i] = a0 * m[9 * s]! + a1 * m[9 * s + 3]! + a2 * m[9 * s + 6]!;
      w[9 * s + i + 1] = a0 * m[9 * s + 1]! + a1 * m[9 * s + 4]! + a2 * m[9 * s + 7]!;
      w[9 * s + i + 2] = a0 * m[9 * s + 2]! + a1 * m[9 * s + 5]! + a2 * m[9 * s + 8]!;
    }
  }

  // Stepping

  /** `count` physics steps of one row, in place. The step counter (element 0) is left to the task. */
  step(state: Float64Array, o: i32, count: i32): void {
    for (let k = 0; k < count; k++) this.physicsStep(state, o);
  }

  physicsStep(state: Float64Array, o: i32): void {
    const t = this.tables;
    const v = this.now;
    for (let d = 0; d < t.dofs; d++) v[d] = state[o + this.vAt + d]!;
    this.kinematics(state, o);
    for (let s = 0; s < t.shapes; s++) {
      const b = t.shapeBody[s]!;
      if (t.tree[b] !== -1 || t.poseAt[b] !== -1 || t.parent[b] !== -1) this.placeShape(s);
    }
    this.accelerate(state, o);
    if (t.isMidpoint) this.lookAhead(state, o);
    this.findContacts(state, o);
    this.addJointRows(state, o);
    this.solve();
    if (t.isMidpoint) this.freeFlight();
    this.writeImpulses(state, o);
    this.move(state, o);
  }

  /**
   * The midpoint rule for trees: their accelerations are taken half a step ahead,
   *    a = a(q + H/2 v, v + H/2 a(q, v)),
   * everything else stays as it is at the step's begin.
   */
  lookAhead(state: Float64Array, o: i32): void {
    const t = this.tables;
    const H = t.physicsDt;
    const v = this.now;
    const a = this.free;
    const half = this.half;
    const moved = this.moved;
    for (let i = 0; i < this.stateDim; i++) half[i] = state[o + i]!;
    for (let d = 0; d < t.dofs; d++) {
      moved[d] = 0.5 * H * v[d]!;
      v[d]! += 0.5 * H * a[d]!;
    }
    this.move(half, 0);
    this.kinematics(half, 0);
    this.accelerate(half, 0);
    for (let d = 0; d < t.dofs; d++) {
      half[d] = a[d]!;
      v[d] = state[o + this.vAt + d]!;
    }
    this.kinematics(state, o);
    this.accelerate(state, o);
    for (let k = 0; k < t.trees; k++) {
      if (t.treeLoose[k] !== -1) continue;
      const start = t.treeStart[k]!;
      for (let d = start; d < start + t.treeDofs[k]!; d++) a[d] = half[d]!;
    }
  }

  /** Trees that nothing held in this step move by H v + H^2 a / 2: the midpoint rule for positions. */
  freeFlight(): void {
    const t = this.tables;
    for (let k = 0; k < t.trees; k++) {
      if (t.treeLoose[k] !== -1) continue;
      const start = t.treeStart[k]!;
      let held = false;
      for (let r = 0; r < this.rows && !held; r++)
        held =
          this.lambda[r] !== 0 &&
          ((this.lenA[r]! > 0 && this.startA[r] === start) ||
            (this.lenB[r]! > 0 && this.startB[r] === start));
      if (held) continue;
      // The substeps have moved it by H v + H (H + h) a / 2.
      const excess = (0.5 * t.physicsDt * t.physicsDt) / t.substeps;
      for (let d = start; d < start + t.treeDofs[k]!; d++) this.moved[d]! -= excess * this.free[d]!;
    }
  }

  /** Fills `#free`: accelerations without constraints; factors the mass matrices. */
  accelerate(state: Float64Array, o: i32): void {
    const t = this.tables;
    const H = t.physicsDt;
    const v = this.now;
    const a = this.free;
    const gx = t.gravity[0]!;
    const gy = t.gravity[1]!;
    const gz = t.gravity[2]!;
    const massScale = this.scalesAt >= 0 ? state[o + this.scalesAt + 1]! : 1;
    // 1. Forces of springs, dampers and motors.
    for (let d = 0; d < t.dofs; d++) {
      const damping = t.dofDamping[d]!;
      const stiffness = t.dofStiffness[d]!;
      let force = -damping * v[d]!;
      let added = H * damping;
      if (stiffness !== 0) {
        force -= stiffness * (state[o + this.qAt + t.dofQ[d]!]! + H * v[d]! - t.dofRest[d]!);
        added += H * H * stiffness;
      }
      const motor = t.dofMotor[d]!;
      if (motor !== motorTypes.none) {
        const target = state[o + this.targetsAt + t.dofTarget[d]!]!;
        const k = t.dofMotorStiffness[d]!;
        const c = t.dofMotorDamping[d]!;
        const limit = t.dofMotorLimit[d]!;
        let drive = target;
        let share: f64 = 0;
        if (motor === motorTypes.position) {
          drive = k * (target - state[o + this.qAt + t.dofQ[d]!]! - H * v[d]!) - c * v[d]!;
          share = H * c + H * H * k;
        } else if (motor === motorTypes.velocity) {
          drive = c * (target - v[d]!);
          share = H * c;
        }
        // At its limit a motor is a constant force.
        if (drive > limit) force += limit;
        else if (drive < -limit) force -= limit;
        else {
          force += drive;
          added += share;
        }
      }
      a[d] = force;
      this.added[d] = added + t.dofArmature[d]!;
    }
    // 2. Tree by tree.
    for (let k = 0; k < t.trees; k++) {
      const b = t.treeLoose[k]!;
      if (b >= 0) {
        const d = t.treeStart[k]!;
        const parked = this.pos[3 * b + 2]! < parkedBelow;
        this.isParked[b] = parked ? 1 : 0;
        const share = parked ? 0 : t.gravityShare[b]!;
        a[d] = gx * share;
        a[d + 1] = gy * share;
        a[d + 2] = gz * share;
        if (parked) for (let i = 0; i < 6; i++) v[d + i] = 0;
        this.inverseMass[b] = 1 / (t.mass[b]! * massScale);
        this.turnInertia(b);
        if (massScale !== 1) for (let i = 6 * b; i < 6 * b + 6; i++) this.inverse[i]! /= massScale;
        const x = v[d]!;
        const y = v[d + 1]!;
        const z = v[d + 2]!;
        this.speed[b] = Math.sqrt(x * x + y * y + z * z);
        continue;
      }
      if (t.treeDiagonal[k] === 1) this.sliders(k);
      else this.articulate(k);
    }
  }

  /** Middle of mass and inverse inertia of a loose body in the world. */
  turnInertia(b: i32): void {
    const t = this.tables;
    const pos = this.pos;
    const rot = this.rot;
    const r = 9 * b;
    const c = this.centre;
    const x = t.centre[3 * b]!;
    const y = t.centre[3 * b + 1]!;
    const z = t.centre[3 * b + 2]!;
    c[3 * b] = pos[3 * b]! + rot[r]! * x + rot[r + 1]! * y + rot[r + 2]! * z;
    c[3 * b + 1] = pos[3 * b + 1]! + rot[r + 3]! * x + rot[r + 4]! * y + rot[r + 5]! * z;
    c[3 * b + 2] = pos[3 * b + 2]! + rot[r + 6]! * x + rot[r + 7]! * y + rot[r + 8]! * z;
    const I = this.inverse;
    const i = 6 * b;
    if (t.isRound[b] === 1) {
      const m = t.inverseInertia[i]!;
      I[i] = m;
      I[i + 1] = m;
      I[i + 2] = m;
      I[i + 3] = 0;
      I[i + 4] = 0;
      I[i + 5] = 0;
      return;
    }
    turnSymmetric(rot, r, t.inverseInertia, i, I, i);
  }

  /** Sliders alone: the mass matrix is constant and diagonal. */
  sliders(k: i32): void {
    const t = this.tables;
    const a = this.free;
    const S = this.slot;
    const M = this.matrix;
    const gx = t.gravity[0]!;
    const gy = t.gravity[1]!;
    const gz = t.gravity[2]!;
    const start = t.treeStart[k]!;
    const n = t.treeDofs[k]!;
    const m = this.matrixAt[k]!;
    for (let i = 0; i < n; i++) M[m + i] = this.added[start + i]!;
    for (let j = t.treeSlotAt[k]!; j < t.treeSlotAt[k]! + t.treeSlotCount[k]!; j++) {
      const s = t.treeSlot[j]!;
      const d = t.slotDof[s]!;
      M[m + d - start]! += this.outerMass[s]!;
      a[d]! += this.outerWeight[s]! * (gx * S[6 * s + 3]! + gy * S[6 * s + 4]! + gz * S[6 * s + 5]!);
    }
    for (let i = 0; i < n; i++) {
      const inverse = 1 / M[m + i]!;
      M[m + i] = inverse;
      a[start + i]! *= inverse;
    }
    // Velocities of its bodies: nothing turns.
    const V = this.velocity;
    const first = t.treeBodyAt[k]!;
    for (let j = first; j < first + t.treeBodyCount[k]!; j++) {
      const b = t.treeBody[j]!;
      const p = t.parent[b]!;
      const moves = p >= 0 && t.tree[p] !== -1;
      let x = moves ? V[6 * p + 3]! : 0;
      let y = moves ? V[6 * p + 4]! : 0;
      let z = moves ? V[6 * p + 5]! : 0;
      const own = t.bodySlot[b]!;
      for (let s = own; s < own + t.bodySlots[b]!; s++) {
        const rate = this.now[t.slotDof[s]!]!;
        x += S[6 * s + 3]! * rate;
        y += S[6 * s + 4]! * rate;
        z += S[6 * s + 5]! * rate;
      }
      V[6 * b + 3] = x;
      V[6 * b + 4] = y;
      V[6 * b + 5] = z;
      this.speed[b] = Math.sqrt(x * x + y * y + z * z);
    }
  }

  /** V of every body of a tree and, if asked, A: what accelerates while the joints' rates stay. */
  bodyVelocities(k: i32, withBias: boolean): void {
    const t = this.tables;
    const V = this.velocity;
    const A = this.bias;
    const S = this.slot;
    const v = this.now;
    for (let j = t.treeBodyAt[k]!; j < t.treeBodyAt[k]! + t.treeBodyCount[k]!; j++) {
      const b = t.treeBody[j]!;
      const p = t.parent[b]!;
      let wx: f64 = 0;
      let wy: f64 = 0;
      let wz: f64 = 0;
      let ux: f64 = 0;
      let uy: f64 = 0;
      let uz: f64 = 0;
      let ax: f64 = 0;
      let ay: f64 = 0;
      let az: f64 = 0;
      let bx: f64 = 0;
      let by: f64 = 0;
      let bz: f64 = 0;
      if (p >= 0 && t.tree[p] !== -1) {
        wx = V[6 * p]!;
        wy = V[6 * p + 1]!;
        wz = V[6 * p + 2]!;
        ux = V[6 * p + 3]!;
        uy = V[6 * p + 4]!;
        uz = V[6 * p + 5]!;
        ax = A[6 * p]!;
        ay = A[6 * p + 1]!;
        az = A[6 * p + 2]!;
        bx = A[6 * p + 3]!;
        by = A[6 * p + 4]!;
        bz = A[6 * p + 5]!;
      }
      const first = t.bodySlot[b]!;
      // Velocity that carries the axes of the joint at hand: those of one ball or free joint do not carry each other.
      let cx = wx;
      let cy = wy;
      let cz = wz;
      let dx = ux;
      let dy = uy;
      let dz = uz;
      for (let s = first; s < first + t.bodySlots[b]!; s++) {
        const type = t.slotType[s]!;
        if (type < slotTypes.ball || t.slotAxisIndex[s] === 0) {
          cx = wx;
          cy = wy;
          cz = wz;
          dx = ux;
          dy = uy;
          dz = uz;
        }
        const rate = v[t.slotDof[s]!]!;
        const sx = S[6 * s]! * rate;
        const sy = S[6 * s + 1]! * rate;
        const sz = S[6 * s + 2]! * rate;
        const tx = S[6 * s + 3]! * rate;
        const ty = S[6 * s + 4]! * rate;
        const tz = S[6 * s + 5]! * rate;
        if (withBias && type !== slotTypes.freeLinear) {
          // V x S: (w x s, w x t + u x s)
          ax += cy * sz - cz * sy;
          ay += cz * sx - cx * sz;
          az += cx * sy - cy * sx;
          bx += cy * tz - cz * ty + dy * sz - dz * sy;
          by += cz * tx - cx * tz + dz * sx - dx * sz;
          bz += cx * ty - cy * tx + dx * sy - dy * sx;
        }
        wx += sx;
        wy += sy;
        wz += sz;
        ux += tx;
        uy += ty;
        uz += tz;
      }
      V[6 * b] = wx;
      V[6 * b + 1] = wy;
      V[6 * b + 2] = wz;
      V[6 * b + 3] = ux;
      V[6 * b + 4] = uy;
      V[6 * b + 5] = uz;
      A[6 * b] = ax;
      A[6 * b + 1] = ay;
      A[6 * b + 2] = az;
      A[6 * b + 3] = bx;
      A[6 * b + 4] = by;
      A[6 * b + 5] = bz;
      // Speed of the body's origin; turning adds what its shapes reach.
      const x = this.pos[3 * b]!;
      const y = this.pos[3 * b + 1]!;
      const z = this.pos[3 * b + 2]!;
      const px = ux + wy * z - wz * y;
      const py = uy + wz * x - wx * z;
      const pz = uz + wx * y - wy * x;
      this.speed[b] = Math.sqrt(px * px + py * py + pz * pz);
    }
  }

  /** Mass matrix (factored) and free accelerations of one tree. */
  articulate(k: i32): void {
    const t = this.tables;
    const S = this.slot;
    const V = this.velocity;
    const F = this.bias;
    const C = this.composite;
    const M = this.matrix;
    const a = this.free;
    const rot = this.rot;
    const pos = this.pos;
    const gx = t.gravity[0]!;
    const gy = t.gravity[1]!;
    const gz = t.gravity[2]!;
    const start = t.treeStart[k]!;
    const n = t.treeDofs[k]!;
    const m = this.matrixAt[k]!;
    const firstBody = t.treeBodyAt[k]!;
    const lastBody = firstBody + t.treeBodyCount[k]! - 1;
    this.bodyVelocities(k, true);
    // 1. Inertia about the origin, and the force that keeps the body on its way.
    for (let i = firstBody; i <= lastBody; i++) {
      const b = t.treeBody[i]!;
      const r = 9 * b;
      const mass = t.mass[b]!;
      const c = 10 * b;
      const lx = t.centre[3 * b]!;
      const ly = t.centre[3 * b + 1]!;
      const lz = t.centre[3 * b + 2]!;
      const x = pos[3 * b]! + rot[r]! * lx + rot[r + 1]! * ly + rot[r + 2]! * lz;
      const y = pos[3 * b + 1]! + rot[r + 3]! * lx + rot[r + 4]! * ly + rot[r + 5]! * lz;
      const z = pos[3 * b + 2]! + rot[r + 6]! * lx + rot[r + 7]! * ly + rot[r + 8]! * lz;
      turnSymmetric(rot, r, t.inertia, 6 * b, C, c + 4);
      const mx = mass * x;
      const my = mass * y;
      const mz = mass * z;
      C[c] = mass;
      C[c + 1] = mx;
      C[c + 2] = my;
      C[c + 3] = mz;
      C[c + 4]! += my * y + mz * z;
      C[c + 5]! += mx * x + mz * z;
      C[c + 6]! += mx * x + my * y;
      C[c + 7]! -= mx * y;
      C[c + 8]! -= mx * z;
      C[c + 9]! -= my * z;
      const f = 6 * b;
      const wx = V[f]!;
      const wy = V[f + 1]!;
      const wz = V[f + 2]!;
      const ux = V[f + 3]!;
      const uy = V[f + 4]!;
      const uz = V[f + 5]!;
      // Momentum I V = (I w + mc x u, m u + w x mc).
      const hx = C[c + 4]! * wx + C[c + 7]! * wy + C[c + 8]! * wz + my * uz - mz * uy;
      const hy = C[c + 7]! * wx + C[c + 5]! * wy + C[c + 9]! * wz + mz * ux - mx * uz;
      const hz = C[c + 8]! * wx + C[c + 9]! * wy + C[c + 6]! * wz + mx * uy - my * ux;
      const kx = mass * ux + wy * mz - wz * my;
      const ky = mass * uy + wz * mx - wx * mz;
      const kz = mass * uz + wx * my - wy * mx;
      const ax = F[f]!;
      const ay = F[f + 1]!;
      const az = F[f + 2]!;
      const bx = F[f + 3]!;
      const by = F[f + 4]!;
      const bz = F[f + 5]!;
      const weight = mass * t.gravityShare[b]!;
      const wgx = weight * gx;
      const wgy = weight * gy;
      const wgz = weight * gz;
      // I A + V x* (I V) - gravity.
      F[f] =
        C[c + 4]! * ax +
        C[c + 7]! * ay +
        C[c + 8]! * az +
        my * bz -
        mz * by +
        wy * hz -
        wz * hy +
        uy * kz -
        uz * ky -
        (y * wgz - z * wgy);
      F[f + 1] =
        C[c + 7]! * ax +
        C[c + 5]! * ay +
        C[c + 9]! * az +
        mz * bx -
        mx * bz +
        wz * hx -
        wx * hz +
        uz * kx -
        ux * kz -
        (z * wgx - x * wgz);
      F[f + 2] =
        C[c + 8]! * ax +
        C[c + 9]! * ay +
        C[c + 6]! * az +
        mx * by -
        my * bx +
        wx * hy -
        wy * hx +
        ux * ky -
        uy * kx -
        (x * wgy - y * wgx);
      F[f + 3] = mass * bx + ay * mz - az * my + wy * kz - wz * ky - wgx;
      F[f + 4] = mass * by + az * mx - ax * mz + wz * kx - wx * kz - wgy;
      F[f + 5] = mass * bz + ax * my - ay * mx + wx * ky - wy * kx - wgz;
    }
    // 2. From the leaves to the root: composite inertia, forces, and the matrix slot by slot.
    for (let i = m; i < m + n * n; i++) M[i] = 0;
    for (let i = 0; i < n; i++) M[m + i * n + i] = this.added[start + i]!;
    for (let i = lastBody; i >= firstBody; i--) {
      const b = t.treeBody[i]!;
      const c = 10 * b;
      const f = 6 * b;
      const chain = t.chainAt[b]!;
      const chainEnd = chain + t.chainLength[b]!;
      for (let j = chainEnd - 1; j >= chainEnd - t.bodySlots[b]!; j--) {
        const s = t.chain[j]!;
        const d = t.slotDof[s]! - start;
        const sx = S[6 * s]!;
        const sy = S[6 * s + 1]!;
        const sz = S[6 * s + 2]!;
        const tx = S[6 * s + 3]!;
        const ty = S[6 * s + 4]!;
        const tz = S[6 * s + 5]!;
        const mx = C[c + 1]!;
        const my = C[c + 2]!;
        const mz = C[c + 3]!;
        const nx = C[c + 4]! * sx + C[c + 7]! * sy + C[c + 8]! * sz + my * tz - mz * ty;
        const ny = C[c + 7]! * sx + C[c + 5]! * sy + C[c + 9]! * sz + mz * tx - mx * tz;
        const nz = C[c + 8]! * sx + C[c + 9]! * sy + C[c + 6]! * sz + mx * ty - my * tx;
        const fx = C[c]! * tx + sy * mz - sz * my;
        const fy = C[c]! * ty + sz * mx - sx * mz;
        const fz = C[c]! * tz + sx * my - sy * mx;
        a[start + d]! -=
          sx * F[f]! + sy * F[f + 1]! + sz * F[f + 2]! + tx * F[f + 3]! + ty * F[f + 4]! + tz * F[f + 5]!;
        for (let e = chain; e <= j; e++) {
          const u = 6 * t.chain[e]!;
          const to = t.slotDof[t.chain[e]!]! - start;
          const entry =
            S[u]! * nx + S[u + 1]! * ny + S[u + 2]! * nz + S[u + 3]! * fx + S[u + 4]! * fy + S[u + 5]! * fz;
          M[m + d * n + to]! += entry;
          if (e !== j) M[m + to * n + d]! += entry;
        }
      }
      const p = t.parent[b]!;
      if (p >= 0 && t.tree[p] !== -1) {
        for (let j = 0; j < 10; j++) C[10 * p + j]! += C[c + j]!;
        for (let j = 0; j < 6; j++) F[6 * p + j]! += F[f + j]!;
      }
    }
    factor(M, m, n);
    solveFactored(M, m, n, a, start);
  }

  // Constraints

  findContacts(state: Float64Array, o: i32): void {
    const t = this.tables;
    const H = t.physicsDt;
    const pos = this.shapePos;
    const rot = this.shapeRot;
    const size = t.shapeSize;
    this.rows = 0;
    this.manifolds = 0;
    this.bounces = false;
    this.cursor = o + this.cacheAt;
    for (let pair = 0; pair < t.pairs; pair++) {
      const a = t.pairA[pair]!;
      const b = t.pairB[pair]!;
      const bodyA = t.shapeBody[a]!;
      const bodyB = t.shapeBody[b]!;
      if (this.isParked[bodyA] === 1 || this.isParked[bodyB] === 1) continue;
      const margin = baseMargin + H * (this.shapeSpeed(a, bodyA) + this.shapeSpeed(b, bodyB));
      const typeA = t.shapeType[a]!;
      const typeB = t.shapeType[b]!;
      if (typeA !== 0) {
        const dx = pos[3 * b]! - pos[3 * a]!;
        const dy = pos[3 * b + 1]! - pos[3 * a + 1]!;
        const dz = pos[3 * b + 2]! - pos[3 * a + 2]!;
        const reach = t.shapeReach[a]! + t.shapeReach[b]! + margin;
        if (dx * dx + dy * dy + dz * dz > reach * reach) continue;
      }
      hit.count = 0;
      switch (typeA * 4 + typeB) {
        case 1:
          planeBox(pos, rot, size, a, b, margin);
          break;
        case 2:
          planeCapsule(pos, rot, size, a, b, margin);
          break;
        case 3:
          planeSphere(pos, rot, size, a, b, margin);
          break;
        case 5:
          boxBox(pos, rot, size, a, b, margin);
          break;
        case 6:
          boxCapsule(pos, rot, size, a, b, margin);
          break;
        case 7:
          boxSphere(pos, rot, size, a, b, margin);
          break;
        case 10:
          capsuleCapsule(pos, rot, size, a, b, margin);
          break;
        case 11:
          capsuleSphere(pos, rot, size, a, b, margin);
          break;
        case 15:
          sphereSphere(pos, size, a, b, margin);
          break;
      }
      if (hit.count > 0) this.addManifold(state, o, pair, bodyA, bodyB);
    }
  }

  /** Largest speed of any point of a shape. */
  shapeSpeed(shape: i32, body: i32): f64 {
    const t = this.tables;
    const k = t.tree[body]!;
    if (k < 0) return 0;
    const reach = t.shapeReach[shape]!;
    if (t.isLoose[body] === 1) {
      const d = t.treeStart[k]! + 3;
      const x = this.now[d]!;
      const y = this.now[d + 1]!;
      const z = this.now[d + 2]!;
      return this.speed[body]! + reach * Math.sqrt(x * x + y * y + z * z);
    }
    const V = this.velocity;
    const x = V[6 * body]!;
    const y = V[6 * body + 1]!;
    const z = V[6 * body + 2]!;
    const spin = x * x + y * y + z * z;
    return spin === 0 ? this.speed[body]! : this.speed[body]! + 2 * reach * Math.sqrt(spin);
  }

  /** Rows of one manifold: its normals, two tangents and, with more than one point, the spin. */
  addManifold(state: Float64Array, o: i32, pair: i32, bodyA: i32, bodyB: i32): void {
    const m = this.manifolds++;
    const t = this.tables;
    const count = hit.count;
    const first = this.rows;
    const lambda = this.lambda;
    this.manifoldPair[m] = pair;
    this.manifoldRow[m] = first;
    this.manifoldPoints[m] = count;
    const loose = t.tree[bodyA] === -1 ? bodyB : t.tree[bodyB] === -1 ? bodyA : -1;
    this.manifoldLoose[m] = loose >= 0 && t.isLoose[loose] === 1 ? t.treeStart[t.tree[loose]!]! : -1;
    this.manifoldHeld[m] = loose < 0 && t.isLoose[bodyA]! + t.isLoose[bodyB]! === 1 ? 1 : 0;
    const friction = t.pairFriction[pair]! * (this.scalesAt >= 0 ? state[o + this.scalesAt]! : 1);
    this.manifoldFriction[m] = friction;
    const bounce = t.pairRestitution[pair]!;
    this.manifoldBounce[m] = bounce;
    if (bounce > 0) this.bounces = true;
    // The impulses of the last step, if this pair touched then.
    const end = o + this.stateDim;
    while (this.cursor < end && state[this.cursor]! > 0 && state[this.cursor]! < pair + 1)
      this.cursor += manifoldSize;
    const cached = this.cursor < end && state[this.cursor] === pair + 1 ? this.cursor : -1;

    const x = hit.x;
    const y = hit.y;
    const z = hit.z;
    const separation = hit.separation;
    const id = hit.id;
    let lowest = separation[0]!;
    for (let i = 1; i < count; i++) if (separation[i]! < lowest) lowest = separation[i]!;
    let cx: f64 = 0;
    let cy: f64 = 0;
    let cz: f64 = 0;
    let touching = 0;
    let strangers = 0;
    for (let i = 0; i < count; i++) {
      this.gap[first + i] = separation[i]!;
      lambda[first + i] = 0;
      if (cached >= 0) {
        const j = matchedPoint(state, cached, id, i);
        if (j >= 0) lambda[first + i] = state[cached + 5 + j]!;
        else strangers++;
      }
      this.approach[first + i] = 0;
      this.pointId[4 * m + i] = id[i]!;
      if (separation[i]! > lowest + touchBand) continue;
      cx += x[i]!;
      cy += y[i]!;
      cz += z[i]!;
      touching++;
    }
    if (strangers > 0) this.share(state, cached, first, strangers);
    cx /= touching;
    cy /= touching;
    cz /= touching;
    let rows = count;
    if (friction > 0) {
      rows += count > 1 ? 3 : 2;
      for (let i = 0; i < count; i++) {
        const dx = x[i]! - cx;
        const dy = y[i]! - cy;
        const dz = z[i]! - cz;
        this.pointReach[4 * m + i] = spinShare * Math.sqrt(dx * dx + dy * dy + dz * dz);
      }
      lambda[first + count] = cached >= 0 ? state[cached + 9]! : 0;
      lambda[first + count + 1] = cached >= 0 ? state[cached + 10]! : 0;
      if (count > 1) lambda[first + count + 2] = cached >= 0 ? state[cached + 11]! : 0;
      setFrame();
    }
    frame[0] = hit.nx;
    frame[1] = hit.ny;
    frame[2] = hit.nz;
    frame[9] = cx;
    frame[10] = cy;
    frame[11] = cz;
    this.rows = first + rows;
    for (let r = first; r < first + rows; r++) this.mass[r] = 0;
    const treeA = t.tree[bodyA]!;
    const treeB = t.tree[bodyB]!;
    const lenA = treeA >= 0 ? t.treeDofs[treeA]! : 0;
    const lenB = treeB >= 0 && treeB !== treeA ? t.treeDofs[treeB]! : 0;
    for (let r = first; r < first + rows; r++) {
      this.lenA[r] = lenA;
      this.lenB[r] = lenB;
      if (lenA > 0) this.startA[r] = t.treeStart[treeA]!;
      if (lenB > 0) this.startB[r] = t.treeStart[treeB]!;
    }
    if (lenA > 0) this.addBlocks(first, rows, count, 0, treeA, bodyA, treeA === treeB ? bodyB : -1, -1);
    if (lenB > 0) this.addBlocks(first, rows, count, lenA, treeB, bodyB, -1, 1);
    for (let r = first; r < first + rows; r++) this.mass[r] = this.mass[r]! > 0 ? 1 / this.mass[r]! : 0;
  }

  /** Points that touch for the first time take over, in equal parts, what the points that are gone have carried. */
  share(state: Float64Array, cached: i32, first: i32, strangers: i32): void {
    let orphaned: f64 = 0;
    for (let j = 0; j < 4; j++) orphaned += state[cached + 5 + j]!;
    for (let i = 0; i < hit.count; i++) {
      const j = matchedPoint(state, cached, hit.id, i);
      if (j >= 0) orphaned -= state[cached + 5 + j]!;
    }
    if (orphaned <= 0) return;
    for (let i = 0; i < hit.count; i++)
      if (matchedPoint(state, cached, hit.id, i) < 0) this.lambda[first + i] = orphaned / strangers;
  }

  /** J and W of one tree for all rows of a manifold, `offset` numbers into each row; adds J W to `#mass`. */
  addBlocks(
    first: i32,
    rows: i32,
    points: i32,
    offset: i32,
    tree: i32,
    body: i32,
    other: i32,
    sign: i32,
  ): void {
    const t = this.tables;
    if (t.isLoose[body] === 1) {
      this.looseBlocks(first, rows, points, offset, body, sign);
      return;
    }
    if (t.treeDiagonal[tree] === 1 && other < 0) {
      this.sliderBlocks(first, rows, points, offset, tree, body, sign);
      return;
    }
    const n = t.treeDofs[tree]!;
    const width = this.width;
    for (let r = first; r < first + rows; r++) {
      const at = r * width + offset;
      for (let i = 0; i < n; i++) this.J[at + i] = 0;
    }
    this.treeBlocks(first, rows, points, offset, tree, body, sign);
    // A link against a link of its own tree.
    if (other >= 0) this.treeBlocks(first, rows, points, offset, tree, other, -sign);
    for (let r = first; r < first + rows; r++) this.respond(r, r * width + offset, tree);
  }

  /** A loose body: J = sign (n, r x n), W = sign (n / m, I^-1 (r x n)). */
  looseBlocks(first: i32, rows: i32, points: i32, offset: i32, b: i32, sign: i32): void {
    const J = this.J;
    const W = this.W;
    const mass = this.mass;
    const width = this.width;
    const I = this.inverse;
    const ixx = I[6 * b]!;
    const iyy = I[6 * b + 1]!;
    const izz = I[6 * b + 2]!;
    const ixy = I[6 * b + 3]!;
    const ixz = I[6 * b + 4]!;
    const iyz = I[6 * b + 5]!;
    const inverse = this.inverseMass[b]!;
    const c = this.centre;
    const cx = c[3 * b]!;
    const cy = c[3 * b + 1]!;
    const cz = c[3 * b + 2]!;
    for (let i = 0; i < rows; i++) {
      const at = (first + i) * width + offset;
      const axis = i < points ? 0 : i === points ? 3 : i === points + 1 ? 6 : 0;
      const nx = sign * frame[axis]!;
      const ny = sign * frame[axis + 1]!;
      const nz = sign * frame[axis + 2]!;
      let wx = nx;
      let wy = ny;
      let wz = nz;
      let k: f64 = 0;
      if (i < points + 2) {
        const rx = (i < points ? hit.x[i]! : frame[9]!) - cx;
        const ry = (i < points ? hit.y[i]! : frame[10]!) - cy;
        const rz = (i < points ? hit.z[i]! : frame[11]!) - cz;
        wx = ry * nz - rz * ny;
        wy = rz * nx - rx * nz;
        wz = rx * ny - ry * nx;
        J[at] = nx;
        J[at + 1] = ny;
        J[at + 2] = nz;
        W[at] = inverse * nx;
        W[at + 1] = inverse * ny;
        W[at + 2] = inverse * nz;
        k = inverse;
      } else {
        J[at] = 0;
        J[at + 1] = 0;
        J[at + 2] = 0;
        W[at] = 0;
        W[at + 1] = 0;
        W[at + 2] = 0;
      }
      const ix = ixx * wx + ixy * wy + ixz * wz;
      const iy = ixy * wx + iyy * wy + iyz * wz;
      const iz = ixz * wx + iyz * wy + izz * wz;
      J[at + 3] = wx;
      J[at + 4] = wy;
      J[at + 5] = wz;
      W[at + 3] = ix;
      W[at + 4] = iy;
      W[at + 5] = iz;
      mass[first + i]! += k + wx * ix + wy * iy + wz * iz;
    }
  }

  /** Sliders alone: no lever, so that all normals of a manifold are one, and the spin is nothing. */
  sliderBlocks(first: i32, rows: i32, points: i32, offset: i32, tree: i32, body: i32, sign: i32): void {
    const t = this.tables;
    const S = this.slot;
    const J = this.J;
    const W = this.W;
    const M = this.matrix;
    const mass = this.mass;
    const start = t.treeStart[tree]!;
    const n = t.treeDofs[tree]!;
    const m = this.matrixAt[tree]!;
    const chain = t.chainAt[body]!;
    const chainEnd = chain + t.chainLength[body]!;
    const first0 = first * this.width + offset;
    let normalMass: f64 = 0;
    for (let i = 0; i < rows; i++) {
      const at = (first + i) * this.width + offset;
      if (i > 0 && i < points) {
        for (let e = 0; e < n; e++) {
          J[at + e] = J[first0 + e]!;
          W[at + e] = W[first0 + e]!;
        }
        mass[first + i]! += normalMass;
        continue;
      }
      for (let e = 0; e < n; e++) J[at + e] = 0;
      if (i < points + 2) {
        const axis = i === 0 ? 0 : i === points ? 3 : 6;
        const nx = sign * frame[axis]!;
        const ny = sign * frame[axis + 1]!;
        const nz = sign * frame[axis + 2]!;
        for (let j = chain; j < chainEnd; j++) {
          const s = 6 * t.chain[j]!;
          J[at + t.slotDof[t.chain[j]!]! - start]! += S[s + 3]! * nx + S[s + 4]! * ny + S[s + 5]! * nz;
        }
      }
      let k: f64 = 0;
      for (let e = 0; e < n; e++) {
        const w = M[m + e]! * J[at + e]!;
        W[at + e] = w;
        k += J[at + e]! * w;
      }
      if (i === 0) normalMass = k;
      mass[first + i]! += k;
    }
  }

  /** Adds to J what the slots of a body do along n at a point p: sign (u . n + w . (p x n)). */
  treeBlocks(first: i32, rows: i32, points: i32, offset: i32, tree: i32, body: i32, sign: i32): void {
    const t = this.tables;
    const S = this.slot;
    const J = this.J;
    const start = t.treeStart[tree]!;
    const chain = t.chainAt[body]!;
    const chainEnd = chain + t.chainLength[body]!;
    for (let i = 0; i < rows; i++) {
      const at = (first + i) * this.width + offset - start;
      const axis = i < points ? 0 : i === points ? 3 : i === points + 1 ? 6 : 0;
      const nx = sign * frame[axis]!;
      const ny = sign * frame[axis + 1]!;
      const nz = sign * frame[axis + 2]!;
      const isLinear = i < points + 2;
      let mx = nx;
      let my = ny;
      let mz = nz;
      if (isLinear) {
        const x = i < points ? hit.x[i]! : frame[9]!;
        const y = i < points ? hit.y[i]! : frame[10]!;
        const z = i < points ? hit.z[i]! : frame[11]!;
        mx = y * nz - z * ny;
        my = z * nx - x * nz;
        mz = x * ny - y * nx;
      }
      for (let j = chain; j < chainEnd; j++) {
        const s = 6 * t.chain[j]!;
        let along = S[s]! * mx + S[s + 1]! * my + S[s + 2]! * mz;
        if (isLinear) along += S[s + 3]! * nx + S[s + 4]! * ny + S[s + 5]! * nz;
        J[at + t.slotDof[t.chain[j]!]!]! += along;
      }
    }
  }

  /** W = M^-1 J^T of a tree's block; adds J W to the row's `#mass`. */
  respond(r: i32, at: i32, tree: i32): void {
    const t = this.tables;
    const J = this.J;
    const W = this.W;
    const n = t.treeDofs[tree]!;
    const m = this.matrixAt[tree]!;
    const M = this.matrix;
    if (t.treeDiagonal[tree] === 1) for (let i = 0; i < n; i++) W[at + i] = M[m + i]! * J[at + i]!;
    else {
      for (let i = 0; i < n; i++) W[at + i] = J[at + i]!;
      solveFactored(M, m, n, W, at);
    }
    let k: f64 = 0;
    for (let i = 0; i < n; i++) k += J[at + i]! * W[at + i]!;
    this.mass[r]! += k;
  }

  /** Limits and dry friction of joints, and the cones of balls. */
  addJointRows(state: Float64Array, o: i32): void {
    const t = this.tables;
    const H = t.physicsDt;
    this.limitRow = this.rows;
    for (let d = 0; d < t.dofs; d++) {
      const low = t.dofLow[d]!;
      const high = t.dofHigh[d]!;
      if (low === -Infinity && high === Infinity) continue;
      const q = state[o + this.qAt + t.dofQ[d]!]!;
      const near = 0.01 + 2 * H * Math.abs(this.now[d]!);
      if (q - low < near) this.addLimit(d, 1, q - low);
      if (high - q < near) this.addLimit(d, -1, high - q);
    }
    for (let c = 0; c < t.coneAngle.length; c++) this.addCone(state, o, c);
    this.dryRow = this.rows;
    const h = H / t.substeps;
    for (let d = 0; d < t.dofs; d++) {
      if (t.dofFriction[d] === 0) continue;
      const r = this.addLimit(d, 1, 0);
      this.dryBound[r] = t.dofFriction[d]! * h;
    }
  }

  treeOfDof(d: i32): i32 {
    const t = this.tables;
    let k = t.trees - 1;
    while (t.treeStart[k]! > d) k--;
    return k;
  }

  addLimit(d: i32, sign: i32, gap: f64): i32 {
    const t = this.tables;
    const r = this.rows++;
    const tree = this.treeOfDof(d);
    const base = r * this.width;
    const n = t.treeDofs[tree]!;
    this.startA[r] = t.treeStart[tree]!;
    this.lenA[r] = n;
    this.lenB[r] = 0;
    for (let i = 0; i < n; i++) this.J[base + i] = 0;
    this.J[base + d - t.treeStart[tree]!] = sign;
    this.mass[r] = 0;
    this.respond(r, base, tree);
    this.mass[r] = this.mass[r]! > 0 ? 1 / this.mass[r]! : 0;
    this.gap[r] = gap;
    this.lambda[r] = 0;
    this.approach[r] = 0;
    return r;
  }

  /** The body's z axis (in the ball's own frame, z' = turn of e_z) may lean from e_z by the cone's angle at most. */
  addCone(state: Float64Array, o: i32, c: i32): void {
    const t = this.tables;
    const q = o + this.qAt + t.cones[3 * c + 1]!;
    const d = t.cones[3 * c + 2]!;
    const x = state[q]!;
    const y = state[q + 1]!;
    const z = state[q + 2]!;
    const w = state[q + 3]!;
    const zx = 2 * (x * z + w * y);
    const zy = 2 * (y * z - w * x);
    const zz = 1 - 2 * (x * x + y * y);
    const across = Math.sqrt(zx * zx + zy * zy);
    const limit = t.coneAngle[c]!;
    // Angle by its tangent; only needed near the limit, where a chord is as good.
    const sl = sine(limit);
    const cl = cosine(limit);
    const gap = sl * zz - cl * across;
    if (gap > 0.2 || across < 1e-9) return;
    const r = this.addLimit(d, 0, gap);
    const base = r * this.width;
    const tree = this.treeOfDof(d);
    // Leaning grows by turning about e_z x z' = (-zy, zx, 0).
    this.J[base + d - t.treeStart[tree]!] = zy / across;
    this.J[base + d + 1 - t.treeStart[tree]!] = -zx / across;
    this.mass[r] = 0;
    this.respond(r, base, tree);
    this.mass[r] = this.mass[r]! > 0 ? 1 / this.mass[r]! : 0;
  }

  // The solver

  solve(): void {
    const t = this.tables;
    const v = this.now;
    const a = this.free;
    const moved = this.moved;
    const h = t.physicsDt / t.substeps;
    const n = t.dofs;
    for (let d = 0; d < n; d++) moved[d] = 0;
    if (this.rows === 0) {
      for (let k = 0; k < t.substeps; k++)
        for (let d = 0; d < n; d++) {
          v[d]! += h * a[d]!;
          moved[d]! += h * v[d]!;
        }
      return;
    }
    for (let k = 0; k < t.substeps; k++) {
      for (let d = 0; d < n; d++) v[d]! += h * a[d]!;
      if (this.bounces) this.noteApproach();
      this.warmStart();
      for (let i = 0; i < t.iterations; i++) this.pass(1);
      for (let d = 0; d < n; d++) moved[d]! += h * v[d]!;
      this.closeGaps();
      this.moveArms(h);
      for (let i = 0; i < t.relaxations; i++) this.pass(0);
    }
    if (this.bounces) this.bounce();
  }

  /** J v */
  rateOf(r: i32): f64 {
    const J = this.J;
    const v = this.now;
    let i = r * this.width;
    let sum: f64 = 0;
    const a = this.startA[r]!;
    const endA = a + this.lenA[r]!;
    for (let d = a; d < endA; d++) sum += J[i++]! * v[d]!;
    const b = this.startB[r]!;
    const endB = b + this.lenB[r]!;
    for (let d = b; d < endB; d++) sum += J[i++]! * v[d]!;
    return sum;
  }

  /** v += W impulse */
  push(r: i32, impulse: f64): void {
    const W = this.W;
    const v = this.now;
    let i = r * this.width;
    const a = this.startA[r]!;
    const endA = a + this.lenA[r]!;
    for (let d = a; d < endA; d++) v[d]! += W[i++]! * impulse;
    const b = this.startB[r]!;
    const endB = b + this.lenB[r]!;
    for (let d = b; d < endB; d++) v[d]! += W[i++]! * impulse;
  }

  /** Last step's impulses of all rows: v += W lambda. */
  warmStart(): void {
    const W = this.W;
    const v = this.now;
    const lambda = this.lambda;
    for (let r = 0; r < this.rows; r++) {
      const impulse = lambda[r]!;
      if (impulse === 0) continue;
      let i = r * this.width;
      const a = this.startA[r]!;
      const lenA = this.lenA[r]!;
      if (lenA === 6) {
        v[a]! += W[i]! * impulse;
        v[a + 1]! += W[i + 1]! * impulse;
        v[a + 2]! += W[i + 2]! * impulse;
        v[a + 3]! += W[i + 3]! * impulse;
        v[a + 4]! += W[i + 4]! * impulse;
        v[a + 5]! += W[i + 5]! * impulse;
        i += 6;
      } else for (let d = a; d < a + lenA; d++) v[d]! += W[i++]! * impulse;
      const lenB = this.lenB[r]!;
      if (lenB === 0) continue;
      const b = this.startB[r]!;
      if (lenB === 6) {
        v[b]! += W[i]! * impulse;
        v[b + 1]! += W[i + 1]! * impulse;
        v[b + 2]! += W[i + 2]! * impulse;
        v[b + 3]! += W[i + 3]! * impulse;
        v[b + 4]! += W[i + 4]! * impulse;
        v[b + 5]! += W[i + 5]! * impulse;
      } else for (let d = b; d < b + lenB; d++) v[d]! += W[i++]! * impulse;
    }
  }

  /** Gaps move on: gap += h J v. */
  closeGaps(): void {
    const J = this.J;
    const v = this.now;
    const h = this.tables.physicsDt / this.tables.substeps;
    let m = 0;
    for (let r = 0; r < this.dryRow; r++) {
      if (m < this.manifolds) {
        // Rows of friction have no gap.
        if (r >= this.manifoldRow[m]! + this.manifoldPoints[m]!) {
          m++;
          r = (m < this.manifolds ? this.manifoldRow[m]! : this.limitRow) - 1;
          continue;
        }
      }
      let i = r * this.width;
      let sum: f64 = 0;
      const a = this.startA[r]!;
      const lenA = this.lenA[r]!;
      if (lenA === 6) {
        sum =
          J[i]! * v[a]! +
          J[i + 1]! * v[a + 1]! +
          J[i + 2]! * v[a + 2]! +
          J[i + 3]! * v[a + 3]! +
          J[i + 4]! * v[a + 4]! +
          J[i + 5]! * v[a + 5]!;
        i += 6;
      } else for (let d = a; d < a + lenA; d++) sum += J[i++]! * v[d]!;
      const lenB = this.lenB[r]!;
      if (lenB > 0) {
        const b = this.startB[r]!;
        if (lenB === 6)
          sum +=
            J[i]! * v[b]! +
            J[i + 1]! * v[b + 1]! +
            J[i + 2]! * v[b + 2]! +
            J[i + 3]! * v[b + 3]! +
            J[i + 4]! * v[b + 4]! +
            J[i + 5]! * v[b + 5]!;
        else for (let d = b; d < b + lenB; d++) sum += J[i++]! * v[d]!;
      }
      this.gap[r]! += h * sum;
    }
  }

  /**
   * Two loose bodies that slide past each other: what they exchange from now on acts half-way between where they are, so that
   * the angular momentum of both together is kept. With d half of how A has moved against B, r x n changes by d x n in both.
   */
  moveArms(h: f64): void {
    const t = this.tables;
    const J = this.J;
    const W = this.W;
    const I = this.inverse;
    const v = this.now;
    for (let m = 0; m < this.manifolds; m++) {
      const pair = this.manifoldPair[m]!;
      const a = t.shapeBody[t.pairA[pair]!]!;
      const b = t.shapeBody[t.pairB[pair]!]!;
      if (t.isLoose[a] === 0 || t.isLoose[b] === 0) continue;
      const first = this.manifoldRow[m]!;
      const i = this.startA[first]!;
      const j = this.startB[first]!;
      const dx = 0.5 * h * (v[i]! - v[j]!);
      const dy = 0.5 * h * (v[i + 1]! - v[j + 1]!);
      const dz = 0.5 * h * (v[i + 2]! - v[j + 2]!);
      if (dx * dx + dy * dy + dz * dz < 1e-16) continue;
      const points = this.manifoldPoints[m]!;
      const end = first + (this.manifoldFriction[m] === 0 ? points : points + 2);
      for (let r = first; r < end; r++) {
        const k = r * this.width;
        const nx = J[k + 6]!;
        const ny = J[k + 7]!;
        const nz = J[k + 8]!;
        const cx = dy * nz - dz * ny;
        const cy = dz * nx - dx * nz;
        const cz = dx * ny - dy * nx;
        let response = this.inverseMass[a]! + this.inverseMass[b]!;
        for (let side = 0; side < 2; side++) {
          const at = k + 3 + 6 * side;
          const inertia = 6 * (side === 0 ? a : b);
          const x = J[at]! + cx;
          const y = J[at + 1]! + cy;
          const z = J[at + 2]! + cz;
          const wx = I[inertia]! * x + I[inertia + 3]! * y + I[inertia + 4]! * z;
          const wy = I[inertia + 3]! * x + I[inertia + 1]! * y + I[inertia + 5]! * z;
          const wz = I[inertia + 4]! * x + I[inertia + 5]! * y + I[inertia + 2]! * z;
          J[at] = x;
          J[at + 1] = y;
          J[at + 2] = z;
          W[at] = wx;
          W[at + 1] = wy;
          W[at + 2] = wz;
          response += x * wx + y * wy + z * wz;
        }
        this.mass[r] = 1 / response;
      }
    }
  }

  /** One pass over all rows, with push-out (1) or without (0). */
  pass(mode: i32): void {
    const lambda = this.lambda;
    const mass = this.mass;
    for (let r = this.dryRow; r < this.rows; r++) {
      const bound = this.dryBound[r]!;
      const old = lambda[r]!;
      const wanted = old - mass[r]! * this.rateOf(r);
      const now = wanted > bound ? bound : wanted < -bound ? -bound : wanted;
      lambda[r] = now;
      if (now !== old) this.push(r, now - old);
    }
    for (let r = this.limitRow; r < this.dryRow; r++) this.solveLimit(r, mode);
    for (let m = 0; m < this.manifolds; m++) {
      if (this.manifoldLoose[m]! >= 0) this.solveLoose(m, mode);
      else if (this.manifoldHeld[m] === 1) this.solveHeld(m, mode);
      else this.solveManifold(m, mode);
    }
  }

  solveLimit(r: i32, mode: i32): void {
    const soft = this.soft;
    const gap = this.gap[r]!;
    const old = this.lambda[r]!;
    const speed = this.rateOf(r);
    let now: f64;
    if (gap > 0) now = old - this.mass[r]! * (speed + gap * soft[0]!);
    else {
      const push = soft[4 * mode + 1]! * gap;
      now =
        old -
        this.mass[r]! * soft[4 * mode + 2]! * (speed + (push < -maxPushOut ? -maxPushOut : push)) -
        soft[4 * mode + 3]! * old;
    }
    if (now < 0) now = 0;
    if (now === old) return;
    this.lambda[r] = now;
    this.push(r, now - old);
  }

  /** A manifold between one loose body and something that does not move: its velocity stays in locals throughout. */
  solveLoose(m: i32, mode: i32): void {
    const soft = this.soft;
    const perH = soft[0]!;
    const rate = soft[4 * mode + 1]!;
    const massScale = soft[4 * mode + 2]!;
    const impulseScale = soft[4 * mode + 3]!;
    const J = this.J;
    const W = this.W;
    const v = this.now;
    const lambda = this.lambda;
    const mass = this.mass;
    const gaps = this.gap;
    const reach = this.pointReach;
    const width = this.width;
    const first = this.manifoldRow[m]!;
    const points = this.manifoldPoints[m]!;
    const d = this.manifoldLoose[m]!;
    let v0 = v[d]!;
    let v1 = v[d + 1]!;
    let v2 = v[d + 2]!;
    let v3 = v[d + 3]!;
    let v4 = v[d + 4]!;
    let v5 = v[d + 5]!;
    let pressed: f64 = 0;
    let lever: f64 = 0;
    for (let n = 0; n < points; n++) {
      const i = mode === 1 ? n : points - 1 - n;
      const r = first + i;
      const k = r * width;
      const speed =
        J[k]! * v0 + J[k + 1]! * v1 + J[k + 2]! * v2 + J[k + 3]! * v3 + J[k + 4]! * v4 + J[k + 5]! * v5;
      const gap = gaps[r]!;
      const old = lambda[r]!;
      let now: f64;
      if (gap > 0) now = old - mass[r]! * (speed + gap * perH);
      else {
        const bias = rate * gap < -maxPushOut ? -maxPushOut : rate * gap;
        now = old - mass[r]! * massScale * (speed + bias) - impulseScale * old;
      }
      if (now < 0) now = 0;
      const change = now - old;
      if (change !== 0) {
        lambda[r] = now;
        v0 += W[k]! * change;
        v1 += W[k + 1]! * change;
        v2 += W[k + 2]! * change;
        v3 += W[k + 3]! * change;
        v4 += W[k + 4]! * change;
        v5 += W[k + 5]! * change;
      }
      pressed += now;
      lever += now * reach[4 * m + i]!;
    }
    const mu = this.manifoldFriction[m]!;
    if (mu > 0) {
      const r = first + points;
      const k = r * width;
      if (points > 1) {
        // Spin: the third row after the points, without a linear part.
        const r3 = r + 2;
        const k3 = k + 2 * width;
        const bound = mu * lever;
        const old = lambda[r3]!;
        let now = old - mass[r3]! * (J[k3 + 3]! * v3 + J[k3 + 4]! * v4 + J[k3 + 5]! * v5);
        if (now > bound) now = bound;
        else if (now < -bound) now = -bound;
        const change = now - old;
        lambda[r3] = now;
        v3 += W[k3 + 3]! * change;
        v4 += W[k3 + 4]! * change;
        v5 += W[k3 + 5]! * change;
      }
      const bound = mu * pressed;
      const k2 = k + width;
      const old1 = lambda[r]!;
      const old2 = lambda[r + 1]!;
      let change =
        -mass[r]! *
        (J[k]! * v0 + J[k + 1]! * v1 + J[k + 2]! * v2 + J[k + 3]! * v3 + J[k + 4]! * v4 + J[k + 5]! * v5);
      let now1 = old1 + change;
      v0 += W[k]! * change;
      v1 += W[k + 1]! * change;
      v2 += W[k + 2]! * change;
      v3 += W[k + 3]! * change;
      v4 += W[k + 4]! * change;
      v5 += W[k + 5]! * change;
      change =
        -mass[r + 1]! *
        (J[k2]! * v0 +
          J[k2 + 1]! * v1 +
          J[k2 + 2]! * v2 +
          J[k2 + 3]! * v3 +
          J[k2 + 4]! * v4 +
          J[k2 + 5]! * v5);
      let now2 = old2 + change;
      const size = now1 * now1 + now2 * now2;
      if (size > bound * bound) {
        // Back to the circle.
        const scale = bound / Math.sqrt(size);
        const back = (scale - 1) * now1;
        now1 *= scale;
        now2 *= scale;
        change = now2 - old2;
        v0 += W[k]! * back;
        v1 += W[k + 1]! * back;
        v2 += W[k + 2]! * back;
        v3 += W[k + 3]! * back;
        v4 += W[k + 4]! * back;
        v5 += W[k + 5]! * back;
      }
      v0 += W[k2]! * change;
      v1 += W[k2 + 1]! * change;
      v2 += W[k2 + 2]! * change;
      v3 += W[k2 + 3]! * change;
      v4 += W[k2 + 4]! * change;
      v5 += W[k2 + 5]! * change;
      lambda[r] = now1;
      lambda[r + 1] = now2;
    }
    v[d] = v0;
    v[d + 1] = v1;
    v[d + 2] = v2;
    v[d + 3] = v3;
    v[d + 4] = v4;
    v[d + 5] = v5;
  }

  /** A manifold between a loose body and a link of a tree: the loose body's velocity stays in locals, and a hand's. */
  solveHeld(m: i32, mode: i32): void {
    const J = this.J;
    const W = this.W;
    const v = this.now;
    const lambda = this.lambda;
    const mass = this.mass;
    const soft = this.soft;
    const perH = soft[0]!;
    const rate = soft[4 * mode + 1]!;
    const massScale = soft[4 * mode + 2]!;
    const impulseScale = soft[4 * mode + 3]!;
    const width = this.width;
    const first = this.manifoldRow[m]!;
    const points = this.manifoldPoints[m]!;
    // Which of the two blocks is the loose body's. A loose tree has six dofs, but so may another one.
    const t = this.tables;
    const isFirst = t.isLoose[t.shapeBody[t.pairA[this.manifoldPair[m]!]!]!] === 1;
    const lenA = this.lenA[first]!;
    const d = isFirst ? this.startA[first]! : this.startB[first]!;
    const start = isFirst ? this.startB[first]! : this.startA[first]!;
    const n = isFirst ? this.lenB[first]! : lenA;
    const atLoose = isFirst ? 0 : lenA;
    const atTree = isFirst ? lenA : 0;
    let v0 = v[d]!;
    let v1 = v[d + 1]!;
    let v2 = v[d + 2]!;
    let v3 = v[d + 3]!;
    let v4 = v[d + 4]!;
    let v5 = v[d + 5]!;
    // A hand with fingers has four degrees of freedom.
    const four = n === 4;
    let u0 = four ? v[start]! : 0;
    let u1 = four ? v[start + 1]! : 0;
    let u2 = four ? v[start + 2]! : 0;
    let u3 = four ? v[start + 3]! : 0;
    const mu = this.manifoldFriction[m]!;
    const rows = mu === 0 ? points : points > 1 ? points + 3 : points + 2;
    let pressed: f64 = 0;
    let lever: f64 = 0;
    for (let i = 0; i < rows; i++) {
      // Points, there and back; the spin stands last in the rows and is solved before the tangents.
      const point = mode === 1 ? i : points - 1 - i;
      const j = i < points ? point : points === 1 ? i : i === points ? i + 2 : i - 1;
      const r = first + j;
      const k = r * width + atLoose;
      const l = r * width + atTree;
      let speed =
        J[k]! * v0 + J[k + 1]! * v1 + J[k + 2]! * v2 + J[k + 3]! * v3 + J[k + 4]! * v4 + J[k + 5]! * v5;
      if (four) speed += J[l]! * u0 + J[l + 1]! * u1 + J[l + 2]! * u2 + J[l + 3]! * u3;
      else for (let e = 0; e < n; e++) speed += J[l + e]! * v[start + e]!;
      const old = lambda[r]!;
      let now: f64;
      if (j < points) {
        const gap = this.gap[r]!;
        if (gap > 0) now = old - mass[r]! * (speed + gap * perH);
        else {
          const bias = rate * gap;
          now =
            old -
            mass[r]! * massScale * (speed + (bias < -maxPushOut ? -maxPushOut : bias)) -
            impulseScale * old;
        }
        if (now < 0) now = 0;
        pressed += now;
        lever += now * this.pointReach[4 * m + j]!;
      } else if (j === points + 2) {
        const bound = mu * lever;
        now = old - mass[r]! * speed;
        if (now > bound) now = bound;
        else if (now < -bound) now = -bound;
      } else {
        now = old - mass[r]! * speed;
        if (j === points + 1) {
          const bound = mu * pressed;
          const one = lambda[r - 1]!;
          const size = one * one + now * now;
          if (size > bound * bound) {
            // Back to the circle.
            const scale = bound / Math.sqrt(size);
            now *= scale;
            const change = (scale - 1) * one;
            lambda[r - 1] = scale * one;
            const k1 = k - width;
            const l1 = l - width;
            v0 += W[k1]! * change;
            v1 += W[k1 + 1]! * change;
            v2 += W[k1 + 2]! * change;
            v3 += W[k1 + 3]! * change;
            v4 += W[k1 + 4]! * change;
            v5 += W[k1 + 5]! * change;
            if (four) {
              u0 += W[l1]! * change;
              u1 += W[l1 + 1]! * change;
              u2 += W[l1 + 2]! * change;
              u3 += W[l1 + 3]! * change;
            } else for (let e = 0; e < n; e++) v[start + e]! += W[l1 + e]! * change;
          }
        }
      }
      const change = now - old;
      if (change === 0) continue;
      lambda[r] = now;
      v0 += W[k]! * change;
      v1 += W[k + 1]! * change;
      v2 += W[k + 2]! * change;
      v3 += W[k + 3]! * change;
      v4 += W[k + 4]! * change;
      v5 += W[k + 5]! * change;
      if (four) {
        u0 += W[l]! * change;
        u1 += W[l + 1]! * change;
        u2 += W[l + 2]! * change;
        u3 += W[l + 3]! * change;
      } else for (let e = 0; e < n; e++) v[start + e]! += W[l + e]! * change;
    }
    if (four) {
      v[start] = u0;
      v[start + 1] = u1;
      v[start + 2] = u2;
      v[start + 3] = u3;
    }
    v[d] = v0;
    v[d + 1] = v1;
    v[d + 2] = v2;
    v[d + 3] = v3;
    v[d + 4] = v4;
    v[d + 5] = v5;
  }

  /** The same for any two bodies: normals, then the spin, then the two tangents. */
  solveManifold(m: i32, mode: i32): void {
    const J = this.J;
    const W = this.W;
    const v = this.now;
    const lambda = this.lambda;
    const mass = this.mass;
    const soft = this.soft;
    const perH = soft[0]!;
    const rate = soft[4 * mode + 1]!;
    const massScale = soft[4 * mode + 2]!;
    const impulseScale = soft[4 * mode + 3]!;
    const width = this.width;
    const first = this.manifoldRow[m]!;
    const points = this.manifoldPoints[m]!;
    const startA = this.startA[first]!;
    const endA = startA + this.lenA[first]!;
    const startB = this.startB[first]!;
    const endB = startB + this.lenB[first]!;
    const mu = this.manifoldFriction[m]!;
    const rows = mu === 0 ? points : points > 1 ? points + 3 : points + 2;
    let pressed: f64 = 0;
    let lever: f64 = 0;
    for (let i = 0; i < rows; i++) {
      // Points, there and back; the spin stands last in the rows and is solved before the tangents.
      const point = mode === 1 ? i : points - 1 - i;
      const j = i < points ? point : points === 1 ? i : i === points ? i + 2 : i - 1;
      const r = first + j;
      let k = r * width;
      let speed: f64 = 0;
      for (let d = startA; d < endA; d++) speed += J[k++]! * v[d]!;
      for (let d = startB; d < endB; d++) speed += J[k++]! * v[d]!;
      const old = lambda[r]!;
      let now: f64;
      if (j < points) {
        const gap = this.gap[r]!;
        if (gap > 0) now = old - mass[r]! * (speed + gap * perH);
        else {
          const push = rate * gap;
          now =
            old -
            mass[r]! * massScale * (speed + (push < -maxPushOut ? -maxPushOut : push)) -
            impulseScale * old;
        }
        if (now < 0) now = 0;
        pressed += now;
        lever += now * this.pointReach[4 * m + j]!;
      } else if (j === points + 2) {
        const bound = mu * lever;
        now = old - mass[r]! * speed;
        if (now > bound) now = bound;
        else if (now < -bound) now = -bound;
      } else {
        now = old - mass[r]! * speed;
        if (j === points + 1) {
          const bound = mu * pressed;
          const one = lambda[r - 1]!;
          const size = one * one + now * now;
          if (size > bound * bound) {
            // Back to the circle.
            const scale = bound / Math.sqrt(size);
            now *= scale;
            const change = (scale - 1) * one;
            lambda[r - 1] = scale * one;
            k = (r - 1) * width;
            for (let d = startA; d < endA; d++) v[d]! += W[k++]! * change;
            for (let d = startB; d < endB; d++) v[d]! += W[k++]! * change;
          }
        }
      }
      const change = now - old;
      if (change === 0) continue;
      lambda[r] = now;
      k = r * width;
      for (let d = startA; d < endA; d++) v[d]! += W[k++]! * change;
      for (let d = startB; d < endB; d++) v[d]! += W[k++]! * change;
    }
  }

  /** Fastest approach of each point in this step, before it is stopped. */
  noteApproach(): void {
    for (let m = 0; m < this.manifolds; m++) {
      if (this.manifoldBounce[m] === 0) continue;
      const first = this.manifoldRow[m]!;
      for (let r = first; r < first + this.manifoldPoints[m]!; r++)
        if (this.lambda[r] === 0) this.approach[r] = minOf(this.approach[r]!, this.rateOf(r));
    }
  }

  /** Newton's law of impact for the points that were stopped in this step. Those of one manifold settle in a few sweeps. */
  bounce(): void {
    for (let m = 0; m < this.manifolds; m++) {
      const e = this.manifoldBounce[m]!;
      if (e === 0) continue;
      const first = this.manifoldRow[m]!;
      const points = this.manifoldPoints[m]!;
      let stopped = 0;
      for (let r = first; r < first + points; r++) {
        if (this.lambda[r] === 0 || this.approach[r]! > -bounceSpeed) this.approach[r] = 0;
        else stopped++;
      }
      const sweeps = stopped > 1 ? bounceSweeps : stopped;
      for (let n = 0; n < sweeps; n++)
        for (let r = first; r < first + points; r++) {
          const approach = this.approach[r]!;
          if (approach === 0) continue;
          const old = this.lambda[r]!;
          const now = maxOf(0, old - this.mass[r]! * (this.rateOf(r) + e * approach));
          this.lambda[r] = now;
          this.push(r, now - old);
        }
    }
  }

  /** Impulses of the last substep, in the order of pairs; the rest of the cache is empty. */
  writeImpulses(state: Float64Array, o: i32): void {
    const lambda = this.lambda;
    let at = o + this.cacheAt;
    const end = o + this.stateDim;
    for (let m = 0; m < this.manifolds && at < end; m++) {
      const first = this.manifoldRow[m]!;
      const points = this.manifoldPoints[m]!;
      let pressed: f64 = 0;
      for (let i = 0; i < points; i++) pressed += lambda[first + i]!;
      if (pressed === 0) continue;
      state[at] = this.manifoldPair[m]! + 1;
      for (let i = 0; i < 4; i++) {
        state[at + 1 + i] = i < points ? this.pointId[4 * m + i]! + 1 : 0;
        state[at + 5 + i] = i < points ? lambda[first + i]! : 0;
      }
      const hasFriction = this.manifoldFriction[m]! > 0;
      state[at + 9] = hasFriction ? lambda[first + points]! : 0;
      state[at + 10] = hasFriction ? lambda[first + points + 1]! : 0;
      state[at + 11] = hasFriction && points > 1 ? lambda[first + points + 2]! : 0;
      at += manifoldSize;
    }
    while (at < end) state[at++] = 0;
  }

  /** Coordinates follow what was moved; velocities are written back. */
  move(state: Float64Array, o: i32): void {
    const t = this.tables;
    const moved = this.moved;
    const v = this.now;
    for (let d = 0; d < t.dofs; d++) {
      const q = t.dofQ[d]!;
      if (q >= 0) state[o + this.qAt + q]! += moved[d]!;
    }
    for (let s = 0; s < t.slots; s++) {
      const type = t.slotType[s]!;
      if (type < slotTypes.ball || t.slotAxisIndex[s] !== 0) continue;
      const d = t.slotDof[s]!;
      const q = o + this.qAt + t.slotQ[s]!;
      if (type === slotTypes.ball) turnBy(state, q, moved, d);
      else if (type === slotTypes.freeLinear) {
        const b = t.slotBody[s]!;
        if (t.isLoose[b] === 1) this.moveLoose(state, q, b, d);
        else {
          state[q]! += moved[d]!;
          state[q + 1]! += moved[d + 1]!;
          state[q + 2]! += moved[d + 2]!;
          turnBy(state, q + 3, moved, d + 3);
        }
      }
    }
    for (let d = 0; d < t.dofs; d++) state[o + this.vAt + d] = v[d]!;
  }

  /** Momentum and angular momentum of a loose body are kept while it turns. */
  moveLoose(state: Float64Array, q: i32, b: i32, d: i32): void {
    const t = this.tables;
    const moved = this.moved;
    const v = this.now;
    const rot = this.rot;
    const r = 9 * b;
    const lx = t.centre[3 * b]!;
    const ly = t.centre[3 * b + 1]!;
    const lz = t.centre[3 * b + 2]!;
    const off = lx !== 0 || ly !== 0 || lz !== 0;
    const isRound = t.isRound[b] === 1;
    let hx: f64 = 0;
    let hy: f64 = 0;
    let hz: f64 = 0;
    if (!isRound) {
      // L = R I R^T w, with the turn at the step's begin.
      turnSymmetric(rot, r, t.inertia, 6 * b, turned, 0);
      hx = turned[0]! * v[d + 3]! + turned[3]! * v[d + 4]! + turned[4]! * v[d + 5]!;
      hy = turned[3]! * v[d + 3]! + turned[1]! * v[d + 4]! + turned[5]! * v[d + 5]!;
      hz = turned[4]! * v[d + 3]! + turned[5]! * v[d + 4]! + turned[2]! * v[d + 5]!;
    }
    if (off) {
      for (let k = 0; k < 3; k++)
        state[q + k]! += rot[r + 3 * k]! * lx + rot[r + 3 * k + 1]! * ly + rot[r + 3 * k + 2]! * lz;
    }
    state[q]! += moved[d]!;
    state[q + 1]! += moved[d + 1]!;
    state[q + 2]! += moved[d + 2]!;
    const qx = state[q + 3]!;
    const qy = state[q + 4]!;
    const qz = state[q + 5]!;
    const qw = state[q + 6]!;
    turnBy(state, q + 3, moved, d + 3);
    if (!off && isRound) return;
    this.takeTurn(b, state, q + 3);
    if (!isRound) {
      turnSymmetric(rot, r, t.inverseInertia, 6 * b, turned, 0);
      let x = turned[0]! * hx + turned[3]! * hy + turned[4]! * hz;
      let y = turned[3]! * hx + turned[1]! * hy + turned[5]! * hz;
      let z = turned[4]! * hx + turned[5]! * hy + turned[2]! * hz;
      // By the mean of the spins at both ends (trapezoidal rule), which keeps the energy better; only where it shows.
      const ex = 0.5 * t.physicsDt * (x - v[d + 3]!);
      const ey = 0.5 * t.physicsDt * (y - v[d + 4]!);
      const ez = 0.5 * t.physicsDt * (z - v[d + 5]!);
      if (ex * ex + ey * ey + ez * ez > 1e-16) {
        moved[d + 3]! += ex;
        moved[d + 4]! += ey;
        moved[d + 5]! += ez;
        state[q + 3] = qx;
        state[q + 4] = qy;
        state[q + 5] = qz;
        state[q + 6] = qw;
        turnBy(state, q + 3, moved, d + 3);
        this.takeTurn(b, state, q + 3);
        turnSymmetric(rot, r, t.inverseInertia, 6 * b, turned, 0);
        x = turned[0]! * hx + turned[3]! * hy + turned[4]! * hz;
        y = turned[3]! * hx + turned[1]! * hy + turned[5]! * hz;
        z = turned[4]! * hx + turned[5]! * hy + turned[2]! * hz;
      }
      v[d + 3] = x;
      v[d + 4] = y;
      v[d + 5] = z;
    }
    if (off) {
      for (let k = 0; k < 3; k++)
        state[q + k]! -= rot[r + 3 * k]! * lx + rot[r + 3 * k + 1]! * ly + rot[r + 3 * k + 2]! * lz;
    }
  }

  // </kernel>
}

// <kernel>

/** Normal, two tangents, and where friction acts: what the rows of the manifold at hand share. [12] */
export const frame = new Float64Array(12);

/** Tangents: across the axis of the world that the normal is farthest from. */
export function setFrame(): void {
  const nx = hit.nx;
  const ny = hit.ny;
  const nz = hit.nz;
  const ax = Math.abs(nx);
  const ay = Math.abs(ny);
  const az = Math.abs(nz);
  let ux: f64;
  let uy: f64;
  let uz: f64;
  if (az >= ax && az >= ay) {
    // x - (x.n) n
    ux = 1 - nx * nx;
    uy = -nx * ny;
    uz = -nx * nz;
  } else if (ax >= ay) {
    ux = -ny * nx;
    uy = 1 - ny * ny;
    uz = -ny * nz;
  } else {
    ux = -nz * nx;
    uy = -nz * ny;
    uz = 1 - nz * nz;
  }
  const length = 1 / Math.sqrt(ux * ux + uy * uy + uz * uz);
  ux *= length;
  uy *= length;
  uz *= length;
  frame[3] = ux;
  frame[4] = uy;
  frame[5] = uz;
  frame[6] = ny * uz - nz * uy;
  frame[7] = nz * ux - nx * uz;
  frame[8] = nx * uy - ny * ux;
}

/** Which of the four points of a cached manifold has the id of point i; -1: none. */
function matchedPoint(state: Float64Array, cached: i32, ids: Float64Array, i: i32): i32 {
  const id = ids[i]! + 1;
  for (let j = 1; j < 5; j++) if (state[cached + j] === id) return j - 1;
  return -1;
}

/** Within a few 1e-16 for |x| < 1e5; whole quarter turns are taken off in two words (coefficients of FDLIBM). */
function sine(x: f64): f64 {
  const k = Math.floor(x * 0.6366197723675814 + 0.5);
  const r = x - k * 1.5707963267341256 - k * 6.077100506506192e-11;
  const quadrant = toI32(k) & 3;
  const value = (quadrant & 1) === 0 ? sineNear(r) : cosineNear(r);
  return quadrant >= 2 ? -value : value;
}

function cosine(x: f64): f64 {
  const k = Math.floor(x * 0.6366197723675814 + 0.5);
  const r = x - k * 1.5707963267341256 - k * 6.077100506506192e-11;
  const quadrant = (toI32(k) + 1) & 3;
  const value = (quadrant & 1) === 0 ? sineNear(r) : cosineNear(r);
  return quadrant >= 2 ? -value : value;
}

/** |x| <= pi/4 */
function sineNear(x: f64): f64 {
  const z = x * x;
  return (
    x +
    x *
      z *
      (-0.16666666666666632 +
        z *
          (0.00833333333332249 +
            z *
              (-0.0001984126982985795 +
                z * (0.0000027557313707070068 + z * (-2.5050760253406863e-8 + z * 1.58969099521155e-10)))))
  );
}

/** |x| <= pi/4 */
function cosineNear(x: f64): f64 {
  const z = x * x;
  return (
    1 -
    0.5 * z +
    z *
      z *
      (0.0416666666666666 +
        z *
          (-0.001388888888887411 +
            z *
              (0.00002480158728947673 +
                z * (-2.7557314351390663e-7 + z * (2.087572321298175e-9 + z * -1.1359647557788195e-11)))))
  );
}

const minOf = (a: f64, b: f64): f64 => (a < b ? a : b);
const maxOf = (a: f64, b: f64): f64 => (a > b ? a : b);

const jointTurn = new Float64Array(4);
export const turned = new Float64Array(6);

/** out = R m R^T for a symmetric m [xx yy zz xy xz yz]. */
export function turnSymmetric(
  rot: Float64Array,
  r: i32,
  m: Float64Array,
  i: i32,
  out: Float64Array,
  at: i32,
): void {
  const xx = m[i]!;
  const yy = m[i + 1]!;
  const zz = m[i + 2]!;
  const xy = m[i + 3]!;
  const xz = m[i + 4]!;
  const yz = m[i + 5]!;
  const a = rot[r]!;
  const b = rot[r + 1]!;
  const c = rot[r + 2]!;
  const d = rot[r + 3]!;
  const e = rot[r + 4]!;
  const f = rot[r + 5]!;
  const g = rot[r + 6]!;
  const h = rot[r + 7]!;
  const k = rot[r + 8]!;
  // Rows of R m.
  const a0 = a * xx + b * xy + c * xz;
  const a1 = a * xy + b * yy + c * yz;
  const a2 = a * xz + b * yz + c * zz;
  const d0 = d * xx + e * xy + f * xz;
  const d1 = d * xy + e * yy + f * yz;
  const d2 = d * xz + e * yz + f * zz;
  out[at] = a0 * a + a1 * b + a2 * c;
  out[at + 1] = d0 * d + d1 * e + d2 * f;
  out[at + 2] =
    (g * xx + h * xy + k * xz) * g + (g * xy + h * yy + k * yz) * h + (g * xz + h * yz + k * zz) * k;
  out[at + 3] = a0 * d + a1 * e + a2 * f;
  out[at + 4] = a0 * g + a1 * h + a2 * k;
  out[at + 5] = d0 * g + d1 * h + d2 * k;
}

/** Turns the quaternion at `q` by the rotation vector at `d` of `by`, in the outer frame. */
function turnBy(state: Float64Array, q: i32, by: Float64Array, d: i32): void {
  const x = by[d]!;
  const y = by[d + 1]!;
  const z = by[d + 2]!;
  const half2 = 0.25 * (x * x + y * y + z * z);
  if (half2 === 0) return;
  // sine(a) / a and cosine(a) with a half the angle; for large steps exactly, for small ones by their series.
  let s: f64;
  let c: f64;
  if (half2 > 0.05) {
    const half = Math.sqrt(half2);
    s = (0.5 * sine(half)) / half;
    c = cosine(half);
  } else {
    s = 0.5 * (1 - (half2 / 6) * (1 - (half2 / 20) * (1 - (half2 / 42) * (1 - half2 / 72))));
    c = 1 - (half2 / 2) * (1 - (half2 / 12) * (1 - (half2 / 30) * (1 - half2 / 56)));
  }
  const ax = s * x;
  const ay = s * y;
  const az = s * z;
  const ox = state[q]!;
  const oy = state[q + 1]!;
  const oz = state[q + 2]!;
  const ow = state[q + 3]!;
  const nx = c * ox + ax * ow + ay * oz - az * oy;
  const ny = c * oy - ax * oz + ay * ow + az * ox;
  const nz = c * oz + ax * oy - ay * ox + az * ow;
  const nw = c * ow - ax * ox - ay * oy - az * oz;
  const inverse = 1 / Math.sqrt(nx * nx + ny * ny + nz * nz + nw * nw);
  state[q] = nx * inverse;
  state[q + 1] = ny * inverse;
  state[q + 2] = nz * inverse;
  state[q + 3] = nw * inverse;
}

/** Cholesky in place: lower triangle L with L L^T = M; the diagonal holds 1 / L_ii. n x n from m. */
function factor(M: Float64Array, m: i32, n: i32): void {
  for (let j = 0; j < n; j++) {
    const rowJ = m + j * n;
    let diagonal = M[rowJ + j]!;
    for (let k = 0; k < j; k++) diagonal -= M[rowJ + k]! * M[rowJ + k]!;
    const inverse = 1 / Math.sqrt(diagonal);
    M[rowJ + j] = inverse;
    for (let i = j + 1; i < n; i++) {
      const rowI = m + i * n;
      let sum = M[rowI + j]!;
      for (let k = 0; k < j; k++) sum -= M[rowI + k]! * M[rowJ + k]!;
      M[rowI + j] = sum * inverse;
    }
  }
}

/** x <- M^-1 x for a factored M. */
function solveFactored(M: Float64Array, m: i32, n: i32, x: Float64Array, at: i32): void {
  for (let i = 0; i < n; i++) {
    const row = m + i * n;
    let sum = x[at + i]!;
    for (let k = 0; k < i; k++) sum -= M[row + k]! * x[at + k]!;
    x[at + i] = sum * M[row + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[at + i]!;
    for (let k = i + 1; k < n; k++) sum -= M[m + k * n + i]! * x[at + k]!;
    x[at + i] = sum * M[m + i * n + i]!;
  }
}

// </kernel>
