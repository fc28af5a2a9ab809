/**
 * A scene that can be stepped. See `sim/engine/solver.ts` for how, docs/physics.md for what there is and why.
 * States are rows (`layout`), so one world steps any number of copies one after the other.
 */

import type { Contact, StateField } from '../env.ts';
import { contactsOf, touchingBodies } from './contacts.ts';
import { type Kernel, openKernel } from './kernel/open.ts';
import { rayNormal, rayShape } from './ray.ts';
import { buildTables, manifoldSize, rowLayout, type SceneDef, type Tables } from './scene.ts';
import { parkedBelow, Solver, turned, turnSymmetric } from './solver.ts';

export { parkedBelow };

/** What `ray` found. */
export interface RayHit {
  /** Metres; Infinity where nothing is hit. */
  distance: number;
  /** Index of the body, -1 where nothing is hit. */
  body: number;
  readonly normal: Float64Array;
}

export interface WorldOptions {
  /** Whether to step with the compiled solver where the platform has WebAssembly; the bits are the same. Default true. */
  readonly kernel?: boolean;
}

export class World {
  readonly tables: Tables;
  readonly layout: readonly StateField[];
  readonly stateDim: number;
  /** Numbers before the impulses: those that a guard against explosion looks at. */
  readonly guardDim: number;
  /** Poses after `kinematics`, valid until the next call of any world method: [bodies * 3], x y z w [bodies * 4], rows [bodies * 9]. */
  readonly pos: Float64Array;
  readonly quat: Float64Array;
  readonly rot: Float64Array;
  readonly #solver: Solver;
  readonly #kernel: Kernel | null;
  readonly #offsets = new Map<string, number>();

  /** `own`: the task's numbers, behind the engine's and before the impulses. @throws RangeError on an impossible scene. */
  constructor(
    scene: SceneDef,
    own: readonly (readonly [name: string, size: number, unit: string])[] = [],
    options: WorldOptions = {},
  ) {
    const t = buildTables(scene);
    this.tables = t;
    this.layout = rowLayout(t, own);
    const last = this.layout[this.layout.length - 1]!;
    this.stateDim = last.offset + last.size;
    this.guardDim = t.cached > 0 ? last.offset : this.stateDim;
    for (const field of this.layout) this.#offsets.set(field.name, field.offset);
    this.#kernel = options.kernel === false ? null : openKernel(t, this.stateDim, this.guardDim);
    this.#solver =
      this.#kernel?.solver ??
      new Solver(
        t,
        this.stateDim,
        this.guardDim,
        (length) => new Float64Array(length),
        (length) => new Int32Array(length),
      );
    this.pos = this.#solver.pos;
    this.quat = this.#solver.quat;
    this.rot = this.#solver.rot;
  }

  /** Offset in the row of a field: a coordinate, a velocity, a target, or one of the task's own. @throws RangeError */
  at(field: string): number {
    const offset = this.#offsets.get(field);
    if (offset === undefined)
      throw new RangeError(`Row: no field ${field}, known are ${[...this.#offsets.keys()].join(', ')}`);
    return offset;
  }

  /** @throws RangeError */
  body(name: string): number {
    const b = this.tables.bodyNames.indexOf(name);
    if (b < 0) throw new RangeError(`Scene: no body ${name}, known are ${this.tables.bodyNames.join(', ')}`);
    return b;
  }

  /** Writes a row in which nothing moves, joints are at 0, free and placed bodies where the scene put them. */
  rest(state: Float64Array, o: number): void {
    this.#solver.rest(state, o);
  }

  /** Poses of all bodies of a row, into `pos`, `quat` and `rot`. */
  kinematics(state: Float64Array, o: number): void {
    this.#solver.kinematics(state, o);
  }

  /** `count` physics steps of one row, in place. The step counter (element 0) is left to the task. */
  step(state: Float64Array, o: number, count: number): void {
    const kernel = this.#kernel;
    if (!kernel) {
      this.#solver.step(state, o, count);
      return;
    }
    const { row } = kernel;
    const n = this.stateDim;
    for (let i = 0; i < n; i++) row[i] = state[o + i]!;
    kernel.step(count);
    for (let i = 0; i < n; i++) state[o + i] = row[i]!;
  }

  // Sensors: pure functions of a row

  /** Normal force between two bodies in the last physics step, N. 0 where they do not touch. */
  contactForce(state: Float64Array, o: number, bodyA: number, bodyB: number): number {
    const t = this.tables;
    const solver = this.#solver;
    const end = o + this.stateDim;
    let sum = 0;
    for (let at = o + solver.cacheAt; at < end && state[at]! > 0; at += manifoldSize) {
      const pair = state[at]! - 1;
      const a = t.shapeBody[t.pairA[pair]!]!;
      const b = t.shapeBody[t.pairB[pair]!]!;
      if ((a !== bodyA || b !== bodyB) && (a !== bodyB || b !== bodyA)) continue;
      for (let i = 0; i < 4; i++) sum += state[at + 5 + i]!;
    }
    return (sum * t.substeps) / t.physicsDt;
  }

  /** Where bodies touch, and the forces of the last physics step. Calls `kinematics`. */
  contacts(state: Float64Array, o: number): Contact[] {
    return contactsOf(this.#solver, state, o);
  }

  /** Names of the bodies that pressed on each other in the last physics step, each pair once. Much cheaper than `contacts`. */
  touching(state: Float64Array, o: number): [a: string, b: string][] {
    const names = this.tables.bodyNames;
    return touchingBodies(this.#solver, state, o).map(([a, b]) => [names[a]!, names[b]!]);
  }

  /** Velocity of a body's point x y z (world), into out[at .. at + 2]. Calls `kinematics`. */
  pointVelocity(
    state: Float64Array,
    o: number,
    body: number,
    x: number,
    y: number,
    z: number,
    out: Float64Array,
    at: number,
  ): void {
    const t = this.tables;
    const solver = this.#solver;
    this.kinematics(state, o);
    out[at] = 0;
    out[at + 1] = 0;
    out[at + 2] = 0;
    if (t.isLoose[body] === 1) {
      const v = o + solver.vAt + t.treeStart[t.tree[body]!]!;
      solver.turnInertia(body);
      const rx = x - solver.centre[3 * body]!;
      const ry = y - solver.centre[3 * body + 1]!;
      const rz = z - solver.centre[3 * body + 2]!;
      out[at] = state[v]! + state[v + 4]! * rz - state[v + 5]! * ry;
      out[at + 1] = state[v + 1]! + state[v + 5]! * rx - state[v + 3]! * rz;
      out[at + 2] = state[v + 2]! + state[v + 3]! * ry - state[v + 4]! * rx;
      return;
    }
    const S = solver.slot;
    for (let j = t.chainAt[body]!; j < t.chainAt[body]! + t.chainLength[body]!; j++) {
      const s = t.chain[j]!;
      const rate = state[o + solver.vAt + t.slotDof[s]!]!;
      const wx = S[6 * s]!;
      const wy = S[6 * s + 1]!;
      const wz = S[6 * s + 2]!;
      out[at]! += rate * (S[6 * s + 3]! + wy * z - wz * y);
      out[at + 1]! += rate * (S[6 * s + 4]! + wz * x - wx * z);
      out[at + 2]! += rate * (S[6 * s + 5]! + wx * y - wy * x);
    }
  }

  /** Kinetic and potential energy (gravity and springs), J. */
  energy(state: Float64Array, o: number): number {
    const t = this.tables;
    const solver = this.#solver;
    const v = solver.now;
    for (let d = 0; d < t.dofs; d++) v[d] = state[o + solver.vAt + d]!;
    this.kinematics(state, o);
    const massScale = solver.scalesAt >= 0 ? state[o + solver.scalesAt + 1]! : 1;
    let sum = 0;
    for (let k = 0; k < t.trees; k++) {
      const loose = t.treeLoose[k]!;
      if (loose >= 0) {
        const d = t.treeStart[k]!;
        turnSymmetric(this.rot, 9 * loose, t.inertia, 6 * loose, turned, 0);
        for (let i = 0; i < 6; i++) turned[i]! *= massScale;
        const [a, b, c, e, f, g] = turned as unknown as [number, number, number, number, number, number];
        const x = v[d + 3]!;
        const y = v[d + 4]!;
        const z = v[d + 5]!;
        const speed2 = v[d]! * v[d]! + v[d + 1]! * v[d + 1]! + v[d + 2]! * v[d + 2]!;
        sum += 0.5 * t.mass[loose]! * massScale * speed2;
        sum += 0.5 * (a * x * x + b * y * y + c * z * z) + e * x * y + f * x * z + g * y * z;
      } else {
        solver.bodyVelocities(k, false);
        const V = solver.velocity;
        for (let n = t.treeBodyAt[k]!; n < t.treeBodyAt[k]! + t.treeBodyCount[k]!; n++) {
          const b = t.treeBody[n]!;
          solver.turnInertia(b);
          turnSymmetric(this.rot, 9 * b, t.inertia, 6 * b, turned, 0);
          const [i, j, l, e, f, g] = turned as unknown as [number, number, number, number, number, number];
          const x = V[6 * b]!;
          const y = V[6 * b + 1]!;
          const z = V[6 * b + 2]!;
          const c = solver.centre;
          const ux = V[6 * b + 3]! + y * c[3 * b + 2]! - z * c[3 * b + 1]!;
          const uy = V[6 * b + 4]! + z * c[3 * b]! - x * c[3 * b + 2]!;
          const uz = V[6 * b + 5]! + x * c[3 * b + 1]! - y * c[3 * b]!;
          sum += 0.5 * t.mass[b]! * (ux * ux + uy * uy + uz * uz);
          sum += 0.5 * (i * x * x + j * y * y + l * z * z) + e * x * y + f * x * z + g * y * z;
        }
      }
    }
    for (let b = 0; b < t.bodies; b++) {
      if (t.tree[b] === -1) continue;
      solver.turnInertia(b);
      const m = t.mass[b]! * t.gravityShare[b]! * (t.isLoose[b] === 1 ? massScale : 1);
      for (let k = 0; k < 3; k++) sum -= m * t.gravity[k]! * solver.centre[3 * b + k]!;
    }
    for (let d = 0; d < t.dofs; d++) {
      if (t.dofQ[d]! < 0) continue;
      const off = state[o + solver.qAt + t.dofQ[d]!]! - t.dofRest[d]!;
      sum += 0.5 * t.dofStiffness[d]! * off * off + 0.5 * t.dofArmature[d]! * v[d]! * v[d]!;
    }
    return sum;
  }

  /**
   * The first shape that a ray from x y z along the unit vector dx dy dz meets within `most` metres. `without`: a body that the
   * ray passes through (its own), or -1. Shapes that hold the ray's start are passed through too.
   */
  ray(
    state: Float64Array,
    o: number,
    x: number,
    y: number,
    z: number,
    dx: number,
    dy: number,
    dz: number,
    most: number,
    without: number,
    out: RayHit,
  ): void {
    const t = this.tables;
    const solver = this.#solver;
    this.kinematics(state, o);
    out.distance = Infinity;
    out.body = -1;
    let best = most;
    for (let s = 0; s < t.shapes; s++) {
      const b = t.shapeBody[s]!;
      if (b === without) continue;
      solver.placeShape(s);
      const p = solver.shapePos;
      const R = solver.shapeRot;
      const r = 9 * s;
      const ox = x - p[3 * s]!;
      const oy = y - p[3 * s + 1]!;
      const oz = z - p[3 * s + 2]!;
      // In the shape's frame.
      const distance = rayShape(
        t.shapeType[s]!,
        t.shapeSize,
        3 * s,
        R[r]! * ox + R[r + 3]! * oy + R[r + 6]! * oz,
        R[r + 1]! * ox + R[r + 4]! * oy + R[r + 7]! * oz,
        R[r + 2]! * ox + R[r + 5]! * oy + R[r + 8]! * oz,
        R[r]! * dx + R[r + 3]! * dy + R[r + 6]! * dz,
        R[r + 1]! * dx + R[r + 4]! * dy + R[r + 7]! * dz,
        R[r + 2]! * dx + R[r + 5]! * dy + R[r + 8]! * dz,
      );
      if (distance > best || distance === Infinity) continue;
      best = distance;
      out.distance = distance;
      out.body = b;
      for (let k = 0; k < 3; k++)
        out.normal[k] =
          R[r + 3 * k]! * rayNormal[0]! +
          R[r + 3 * k + 1]! * rayNormal[1]! +
          R[r + 3 * k + 2]! * rayNormal[2]!;
    }
  }
}
