/**
 * What a scene of the engine is made of, and the tables that the solver reads. Metres, kilograms, seconds, radians,
 * newtons; z up; quaternions x y z w.
 *
 * Bodies hang together by joints and form trees. Positions are the coordinates of the joints (reduced coordinates), so a
 * joint cannot come apart. A single free body is a tree of its own with a shorter way through the solver.
 */

import type { StateField } from '../env.ts';

export type Vec3 = readonly [number, number, number];
export type Quat = readonly [x: number, y: number, z: number, w: number];

export interface ShapeCommon {
  /** Middle and turn in the body's frame. */
  readonly position?: Vec3;
  readonly rotation?: Quat;
  /** Coulomb coefficient; of two shapes the geometric mean counts. Default 0.5. */
  readonly friction?: number;
  /** Share of the approach speed that is given back; of two shapes the larger counts. Default 0. */
  readonly restitution?: number;
  /** Two shapes meet when each one's `mask` has a bit of the other's `group`. Default 1 and all bits. */
  readonly group?: number;
  readonly mask?: number;
}

export type ShapeDef = ShapeCommon &
  (
    | { readonly type: 'sphere'; readonly radius: number }
    /** Half sizes along the local axes. */
    | { readonly type: 'box'; readonly half: Vec3 }
    /** Axis along local z; `length` without the caps. */
    | { readonly type: 'capsule'; readonly radius: number; readonly length: number }
    /** Everything below local z = 0 is solid. Static bodies only. */
    | { readonly type: 'plane' }
  );

/**
 * Drives one hinge or slider; its target is a number in the row (`World#targetOf`).
 *  - `position`: force = stiffness (target - q) - damping v
 *  - `velocity`: force = damping (target - v)
 *  - `force`: force = target
 * each cut at `limit`.
 */
export interface MotorDef {
  readonly type: 'position' | 'velocity' | 'force';
  /** N/m or Nm/rad. */
  readonly stiffness?: number;
  /** N s/m or Nm s/rad. */
  readonly damping?: number;
  /** N or Nm. Default: no limit. */
  readonly limit?: number;
}

export interface AxisJointDef {
  readonly type: 'hinge' | 'slider';
  readonly name: string;
  /** Unit vector in the body's frame. */
  readonly axis: Vec3;
  /** Point of the hinge in the body's frame. */
  readonly anchor?: Vec3;
  readonly limits?: readonly [low: number, high: number];
  /** Linear damping and spring, taken implicitly. */
  readonly damping?: number;
  readonly stiffness?: number;
  /** Where the spring rests. */
  readonly rest?: number;
  /** Inertia of the drive, added to the joint's. */
  readonly armature?: number;
  /** Dry friction, N or Nm: the joint stays where it is left. */
  readonly friction?: number;
  readonly motor?: MotorDef;
  /** Moves as the joint of this name, backwards: the second finger of a gripper. Takes limits, motor and the rest from it. */
  readonly mirror?: string;
}

export type JointDef =
  | AxisJointDef
  | {
      readonly type: 'ball';
      readonly name: string;
      readonly anchor?: Vec3;
      /** Largest angle between the body's z axis and where it points at rest. */
      readonly cone?: number;
      readonly damping?: number;
    }
  /** Six degrees of freedom; only without a parent, as the only joint. */
  | { readonly type: 'free' }
  /** Stands where the row says and never moves: furniture that each episode places anew. Only without a parent. */
  | { readonly type: 'placed' };

export interface BodyDef {
  readonly name: string;
  /** Name of an earlier body; absent: the world. */
  readonly parent?: string;
  /** Of the body's frame in the parent's, all joints at 0. */
  readonly position?: Vec3;
  readonly rotation?: Quat;
  /** Applied in this order. None: fixed to the parent. */
  readonly joints?: readonly JointDef[];
  readonly shapes?: readonly ShapeDef[];
  /** Spread over the shapes by volume. Needed by everything that moves; 0 only for a link between two joints. */
  readonly mass?: number;
  /** Where the shapes do not tell: middle of mass, and principal moments about it along the body's axes. */
  readonly centre?: Vec3;
  readonly inertia?: Vec3;
  /** Share of gravity that acts on it; 0: compensated. Default 1. */
  readonly gravity?: number;
}

export interface SceneDef {
  readonly bodies: readonly BodyDef[];
  readonly gravity?: Vec3;
  /** Seconds between two looks for contacts (one physics step), and the solver's steps within. */
  readonly physicsDt: number;
  readonly substeps?: number;
  /** Passes over all constraints a substep, with and without push-out. Default 1 and 1. */
  readonly iterations?: number;
  readonly relaxations?: number;
  /**
   * How trees move on. `euler` (semi-implicit, the default): cheap, keeps the energy of single joints. `midpoint`: second order,
   * for mechanisms that swing freely for long; three times the cost a tree.
   */
  readonly integrator?: 'euler' | 'midpoint';
  /** Whether links of one tree meet each other. Default false. */
  readonly selfCollision?: boolean;
  /** Manifolds whose impulses are kept in the row between steps. Default: one a pair, at most 24. */
  readonly cachedManifolds?: number;
  /** Puts two numbers into the row that scale friction and the mass of free bodies in that world. */
  readonly variable?: boolean;
}

export const shapeTypes = { plane: 0, box: 1, capsule: 2, sphere: 3 } as const;
export const slotTypes = { hinge: 0, slider: 1, ball: 2, freeLinear: 3, freeAngular: 4 } as const;
export const motorTypes = { none: 0, position: 1, velocity: 2, force: 3 } as const;

/** Numbers of one cached manifold: 1 + pair, four point ids, four normal impulses, two of friction, one of spin (N s). */
export const manifoldSize = 12;

const identity: Quat = [0, 0, 0, 1];

function fail(what: string): never {
  throw new RangeError(`Scene: ${what}`);
}

/** Half sizes; or radius and half length. */
function sizesOf(shape: ShapeDef): readonly number[] {
  switch (shape.type) {
    case 'plane':
      return [];
    case 'box':
      return shape.half;
    case 'sphere':
      return [shape.radius];
    case 'capsule':
      return [shape.radius, shape.length / 2];
  }
}

/** What a solver would answer with NaN, or with nonsense. @throws RangeError */
function checkNumbers(scene: SceneDef): void {
  const { physicsDt, substeps = 1, iterations = 1, relaxations = 1, gravity = [] } = scene;
  if (!(physicsDt > 0 && physicsDt < Infinity)) fail(`physicsDt is ${physicsDt}, wanted more than 0`);
  for (const [what, n, least] of [
    ['substeps', substeps, 1],
    ['iterations', iterations, 1],
    ['relaxations', relaxations, 0],
  ] as const)
    if (!Number.isInteger(n) || n < least) fail(`${what} is ${n}, wanted a whole number from ${least}`);
  const finite = (who: string, what: string, v: readonly number[] = []): void => {
    if (!v.every(Number.isFinite)) fail(`${who}: ${what} is ${v.join(' ')}, wanted finite numbers`);
  };
  const unit = (who: string, q: Quat = [0, 0, 0, 1]): void => {
    const length = Math.sqrt(q.reduce((sum, x) => sum + x * x, 0));
    if (!(Math.abs(length - 1) < 1e-6)) fail(`${who}: rotation of length ${length}, wanted 1`);
  };
  const within = (who: string, what: string, x: number | undefined, low: number, high: number): void => {
    if (x !== undefined && !(x >= low && x <= high))
      fail(`${who}: ${what} is ${x}, wanted ${high === Infinity ? `${low} or more` : `${low} to ${high}`}`);
  };
  finite('gravity', 'it', gravity);
  for (const body of scene.bodies) {
    const who = `body ${body.name}`;
    finite(who, 'position', body.position);
    finite(who, 'centre', body.centre);
    unit(who, body.rotation);
    for (const moment of body.inertia ?? []) within(who, 'inertia', moment, 0, Number.MAX_VALUE);
    within(who, 'gravity', body.gravity, -Number.MAX_VALUE, Number.MAX_VALUE);
    for (const shape of body.shapes ?? []) {
      for (const x of sizesOf(shape))
        if (!(x > 0 && x < Infinity)) fail(`${who}: a ${shape.type} of size ${x}, wanted more than 0`);
      finite(who, 'position of a shape', shape.position);
      unit(`${who}, a shape`, shape.rotation);
      within(who, 'friction', shape.friction, 0, Infinity);
      within(who, 'restitution', shape.restitution, 0, 1);
    }
    for (const joint of body.joints ?? []) {
      if (joint.type === 'free' || joint.type === 'placed') continue;
      const name = `joint ${joint.name}`;
      finite(name, 'anchor', joint.anchor);
      within(name, 'damping', joint.damping, 0, Infinity);
      if (joint.type === 'ball') {
        if (joint.cone !== undefined && !(joint.cone > 0 && joint.cone < Math.PI))
          fail(`${name}: cone is ${joint.cone}, wanted more than 0 and less than pi`);
        continue;
      }
      finite(name, 'axis', joint.axis);
      for (const what of ['stiffness', 'armature', 'friction'] as const)
        within(name, what, joint[what], 0, Infinity);
      for (const what of ['stiffness', 'damping', 'limit'] as const)
        within(name, `${what} of the motor`, joint.motor?.[what], 0, Infinity);
    }
  }
}

export function multiplyQuat(a: Quat, b: Quat): Quat {
  return [
    a[3] * b[0] + a[0] * b[3] + a[1] * b[2] - a[2] * b[1],
    a[3] * b[1] - a[0] * b[2] + a[1] * b[3] + a[2] * b[0],
    a[3] * b[2] + a[0] * b[1] - a[1] * b[0] + a[2] * b[3],
    a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2],
  ];
}

/** Rows of the rotation matrix. */
export function matrixOf([x, y, z, w]: Quat): number[] {
  return [
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  ];
}

const rotate = (m: readonly number[], v: Vec3): Vec3 => [
  m[0]! * v[0] + m[1]! * v[1] + m[2]! * v[2],
  m[3]! * v[0] + m[4]! * v[1] + m[5]! * v[2],
  m[6]! * v[0] + m[7]! * v[1] + m[8]! * v[2],
];

/** Volume and principal moments a kilogram, about the shape's middle along its own axes. */
function solid(shape: ShapeDef): { volume: number; moments: Vec3 } {
  switch (shape.type) {
    case 'plane':
      return { volume: 0, moments: [0, 0, 0] };
    case 'sphere': {
      const i = 0.4 * shape.radius ** 2;
      return { volume: (4 / 3) * Math.PI * shape.radius ** 3, moments: [i, i, i] };
    }
    case 'box': {
      const [x, y, z] = shape.half;
      return {
        volume: 8 * x * y * z,
        moments: [(y * y + z * z) / 3, (x * x + z * z) / 3, (x * x + y * y) / 3],
      };
    }
    case 'capsule': {
      const { radius: r, length: l } = shape;
      const cylinder = Math.PI * r * r * l;
      const caps = (4 / 3) * Math.PI * r ** 3;
      const volume = cylinder + caps;
      const a = cylinder / volume;
      const b = caps / volume;
      const along = a * 0.5 * r * r + b * 0.4 * r * r;
      // Half spheres at the ends: about the capsule's middle, 2/5 r^2 + l^2/4 + 3/8 l r.
      const across = a * (l * l * (1 / 12) + 0.25 * r * r) + b * (0.4 * r * r + 0.25 * l * l + 0.375 * l * r);
      return { volume, moments: [across, across, along] };
    }
  }
}

/** m [xx yy zz xy xz yz] about the middle of mass, in the body's frame. */
interface Inertia {
  readonly mass: number;
  readonly centre: Vec3;
  readonly moments: readonly [number, number, number, number, number, number];
}

function inertiaOf(body: BodyDef): Inertia {
  const mass = body.mass ?? 0;
  if (!(mass >= 0) || !Number.isFinite(mass)) fail(`body ${body.name}: mass is ${mass}, wanted 0 or more`);
  if (body.inertia !== undefined || mass === 0) {
    const [x, y, z] = body.inertia ?? [0, 0, 0];
    return { mass, centre: body.centre ?? [0, 0, 0], moments: [x, y, z, 0, 0, 0] };
  }
  const parts = (body.shapes ?? []).map((shape) => ({ shape, ...solid(shape) }));
  const volume = parts.reduce((sum, part) => sum + part.volume, 0);
  if (!(volume > 0)) fail(`body ${body.name}: mass without a shape, wanted \`inertia\``);
  const centre = [0, 1, 2].map((k) =>
    parts.reduce((sum, part) => sum + (part.volume / volume) * (part.shape.position?.[k] ?? 0), 0),
  ) as unknown as Vec3;
  const moments: [number, number, number, number, number, number] = [0, 0, 0, 0, 0, 0];
  for (const { shape, volume: v, moments: own } of parts) {
    const m = mass * (v / volume);
    const r = matrixOf(shape.rotation ?? identity);
    const at = (i: number, j: number): number =>
      r[3 * i]! * own[0] * r[3 * j]! +
      r[3 * i + 1]! * own[1] * r[3 * j + 1]! +
      r[3 * i + 2]! * own[2] * r[3 * j + 2]!;
    const [x, y, z] = [0, 1, 2].map((k) => (shape.position?.[k] ?? 0) - centre[k]!) as [
      number,
      number,
      number,
    ];
    moments[0] += m * (at(0, 0) + y * y + z * z);
    moments[1] += m * (at(1, 1) + x * x + z * z);
    moments[2] += m * (at(2, 2) + x * x + y * y);
    moments[3] += m * (at(0, 1) - x * y);
    moments[4] += m * (at(0, 2) - x * z);
    moments[5] += m * (at(1, 2) - y * z);
  }
  return { mass, centre, moments };
}

/** Inverse of a symmetric 3 x 3 matrix [xx yy zz xy xz yz]. */
function invert(body: string, m: readonly number[]): number[] {
  const [a, b, c, d, e, f] = m as [number, number, number, number, number, number];
  const xx = b * c - f * f;
  const xy = e * f - d * c;
  const xz = d * f - b * e;
  const det = a * xx + d * xy + e * xz;
  if (!(det > 0)) fail(`body ${body}: inertia is not positive`);
  return [xx / det, (a * c - e * e) / det, (a * b - d * d) / det, xy / det, xz / det, (d * e - a * f) / det];
}

/** Everything about a scene that does not change while it runs, as flat tables. */
export interface Tables {
  readonly bodyNames: readonly string[];
  readonly bodies: number;
  readonly parent: Int32Array;
  /** Of the body's frame in its parent's. [bodies * 3], [bodies * 4] */
  readonly restPos: Float64Array;
  readonly restRot: Float64Array;
  readonly mass: Float64Array;
  readonly gravityShare: Float64Array;
  /** [bodies * 3] */
  readonly centre: Float64Array;
  /** [bodies * 6] about the middle of mass in the body's frame, and its inverse. */
  readonly inertia: Float64Array;
  readonly inverseInertia: Float64Array;
  /** 1 where all three moments are equal, so that turning changes nothing. */
  readonly isRound: Int32Array;
  /** -1: never moves (or is placed by the row); else its tree. */
  readonly tree: Int32Array;
  /** Offset in the row's coordinates where the body is placed or free; else -1. */
  readonly poseAt: Int32Array;
  /** 1: free and alone. */
  readonly isLoose: Int32Array;

  // Trees: consecutive degrees of freedom.
  readonly trees: number;
  readonly treeStart: Int32Array;
  readonly treeDofs: Int32Array;
  /** The only body of a loose tree, else -1. */
  readonly treeLoose: Int32Array;
  /** 1 where all joints are sliders and the mass matrix is diagonal. */
  readonly treeDiagonal: Int32Array;
  /** Bodies and slots of each tree, root first: [treeBodyAt .. + treeBodyCount) of `treeBody`, likewise slots. */
  readonly treeBody: Int32Array;
  readonly treeBodyAt: Int32Array;
  readonly treeBodyCount: Int32Array;
  readonly treeSlot: Int32Array;
  readonly treeSlotAt: Int32Array;
  readonly treeSlotCount: Int32Array;

  // Slots: single axes, in the order in which they are applied. A mirrored joint has a slot of its own for a shared dof.
  readonly slots: number;
  readonly slotType: Int32Array;
  readonly slotBody: Int32Array;
  readonly slotDof: Int32Array;
  readonly slotSign: Float64Array;
  /** Which of the three axes of a ball or free joint. */
  readonly slotAxisIndex: Int32Array;
  /** Offset in the coordinates (of the first number, for balls). */
  readonly slotQ: Int32Array;
  /** In the body's frame. [slots * 3] */
  readonly slotAxis: Float64Array;
  readonly slotAnchor: Float64Array;
  /** First slot and number of slots of each body's own joints. */
  readonly bodySlot: Int32Array;
  readonly bodySlots: Int32Array;
  /** All slots that move a body, root first: [chainAt .. + chainLength) of `chain`. */
  readonly chain: Int32Array;
  readonly chainAt: Int32Array;
  readonly chainLength: Int32Array;

  // Degrees of freedom.
  readonly dofs: number;
  readonly coordinates: number;
  /** Coordinate that belongs to the dof; -1 for balls and free ones. */
  readonly dofQ: Int32Array;
  readonly dofLow: Float64Array;
  readonly dofHigh: Float64Array;
  readonly dofDamping: Float64Array;
  readonly dofStiffness: Float64Array;
  readonly dofRest: Float64Array;
  readonly dofArmature: Float64Array;
  readonly dofFriction: Float64Array;
  readonly dofMotor: Int32Array;
  readonly dofMotorStiffness: Float64Array;
  readonly dofMotorDamping: Float64Array;
  readonly dofMotorLimit: Float64Array;
  /** Index into the targets, or -1. */
  readonly dofTarget: Int32Array;
  readonly targets: number;
  /** Coordinates and first dof of the balls that have a cone. [n * 3]: slot, q, dof */
  readonly cones: Int32Array;
  readonly coneAngle: Float64Array;

  // Shapes.
  readonly shapes: number;
  readonly shapeType: Int32Array;
  readonly shapeBody: Int32Array;
  /** [shapes * 3]: half sizes; or radius, half length, 0 */
  readonly shapeSize: Float64Array;
  readonly shapePos: Float64Array;
  readonly shapeRot: Float64Array;
  readonly shapeFriction: Float64Array;
  readonly shapeRestitution: Float64Array;
  /** Radius of the ball about the shape's middle that holds it. */
  readonly shapeReach: Float64Array;
  /** Pairs that can meet: the shape of lower type first. */
  readonly pairs: number;
  readonly pairA: Int32Array;
  readonly pairB: Int32Array;
  readonly pairFriction: Float64Array;
  readonly pairRestitution: Float64Array;

  readonly gravity: Float64Array;
  readonly physicsDt: number;
  readonly substeps: number;
  readonly iterations: number;
  readonly relaxations: number;
  readonly cached: number;
  readonly isVariable: boolean;
  readonly isMidpoint: boolean;

  /** Names of coordinates, velocities and targets, as they stand in the row. */
  readonly coordinateFields: readonly (readonly [name: string, size: number, unit: string])[];
  readonly velocityFields: readonly (readonly [name: string, size: number, unit: string])[];
  readonly targetFields: readonly (readonly [name: string, size: number, unit: string])[];
  /** By joint name (`hand.x`) or body name (for free, placed): offsets in coordinates and velocities. */
  readonly named: ReadonlyMap<string, { readonly q: number; readonly v: number; readonly target: number }>;
}

interface DofDraft {
  q: number;
  joint: AxisJointDef | null;
  damping: number;
}

/** @throws RangeError naming the body or joint that cannot be. */
export function buildTables(scene: SceneDef): Tables {
  const defs = scene.bodies;
  const n = defs.length;
  const index = new Map<string, number>();
  defs.forEach((def, b) => {
    if (index.has(def.name)) fail(`two bodies are named ${def.name}`);
    index.set(def.name, b);
  });
  const parent = Int32Array.from(defs, (def, b) => {
    if (def.parent === undefined) return -1;
    const p = index.get(def.parent);
    if (p === undefined || p >= b) fail(`body ${def.name}: parent ${def.parent} is no earlier body`);
    return p;
  });
  const hasChildren = defs.map((_, b) => parent.includes(b));
  checkNumbers(scene);

  // 1. Trees: a body that moves belongs to its parent's tree, or begins one.
  const tree = new Int32Array(n).fill(-1);
  const isLoose = new Int32Array(n);
  const treeLoose: number[] = [];
  defs.forEach((def, b) => {
    const joints = def.joints ?? [];
    const alone = joints.some((joint) => joint.type === 'free' || joint.type === 'placed');
    if (alone && (joints.length > 1 || parent[b] !== -1))
      fail(`body ${def.name}: a free or placed body has no parent and no other joint`);
    const inherited = parent[b]! >= 0 ? tree[parent[b]!]! : -1;
    const moves = joints.length > 0 && joints[0]!.type !== 'placed';
    if (inherited < 0 && !moves) return;
    tree[b] = inherited >= 0 ? inherited : treeLoose.length;
    if (inherited >= 0) return;
    const loose = joints[0]?.type === 'free' && !hasChildren[b];
    isLoose[b] = loose ? 1 : 0;
    treeLoose.push(loose ? b : -1);
  });
  const trees = treeLoose.length;
  const bodiesOf = (t: number): number[] => defs.map((_, b) => b).filter((b) => tree[b] === t);

  // 2. Inertia.
  const inertias = defs.map(inertiaOf);
  const mass = Float64Array.from(inertias, (i) => i.mass);
  const inertia = new Float64Array(n * 6);
  const inverseInertia = new Float64Array(n * 6);
  const isRound = new Int32Array(n);
  inertias.forEach((i, b) => {
    inertia.set(i.moments, b * 6);
    if (isLoose[b] === 1) {
      if (!(i.mass > 0)) fail(`body ${defs[b]!.name}: mass is ${i.mass}, wanted more than 0`);
      inverseInertia.set(invert(defs[b]!.name, i.moments), b * 6);
    }
    const [xx, yy, zz, ...off] = i.moments;
    isRound[b] =
      Math.abs(xx - yy) < 1e-12 * xx &&
      Math.abs(xx - zz) < 1e-12 * xx &&
      off.every((m) => Math.abs(m) < 1e-12 * xx)
        ? 1
        : 0;
  });

  // 3. Joints, tree by tree so that each tree's degrees of freedom are consecutive.
  const coordinateFields: [string, number, string][] = [];
  const velocityFields: [string, number, string][] = [];
  const targetFields: [string, number, string][] = [];
  const named = new Map<string, { q: number; v: number; target: number }>();
  const poseAt = new Int32Array(n).fill(-1);
  const dofs: DofDraft[] = [];
  const slots: {
    type: number;
    body: number;
    dof: number;
    sign: number;
    k: number;
    q: number;
    axis: Vec3;
    anchor: Vec3;
  }[] = [];
  const bodySlot = new Int32Array(n);
  const bodySlots = new Int32Array(n);
  const cones: number[] = [];
  const coneAngle: number[] = [];
  let q = 0;
  const name = (key: string, entry: { q: number; v: number; target: number }): void => {
    if (named.has(key)) fail(`two joints or bodies are named ${key}`);
    named.set(key, entry);
  };
  const zero: Vec3 = [0, 0, 0];
  const treeStart = new Int32Array(trees);
  const treeDofs = new Int32Array(trees);
  for (let t = 0; t < trees; t++) {
    treeStart[t] = dofs.length;
    for (const b of bodiesOf(t)) {
      const def = defs[b]!;
      bodySlot[b] = slots.length;
      for (const joint of def.joints ?? []) {
        switch (joint.type) {
          case 'placed':
            fail(`body ${def.name}: placed bodies do not move`);
            break;
          case 'free': {
            poseAt[b] = q;
            name(def.name, { q, v: dofs.length, target: -1 });
            for (let k = 0; k < 6; k++) {
              slots.push({
                type: k < 3 ? slotTypes.freeLinear : slotTypes.freeAngular,
                body: b,
                dof: dofs.length,
                sign: 1,
                k: k % 3,
                q,
                axis: zero,
                anchor: zero,
              });
              dofs.push({ q: -1, joint: null, damping: 0 });
            }
            coordinateFields.push([`${def.name}.pos`, 3, 'm'], [`${def.name}.quat`, 4, 'x, y, z, w']);
            velocityFields.push([`${def.name}.vel`, 3, 'm/s'], [`${def.name}.spin`, 3, 'rad/s']);
            q += 7;
            break;
          }
          case 'ball': {
            name(joint.name, { q, v: dofs.length, target: -1 });
            if (joint.cone !== undefined) {
              cones.push(slots.length, q, dofs.length);
              coneAngle.push(joint.cone);
            }
            for (let k = 0; k < 3; k++) {
              slots.push({
                type: slotTypes.ball,
                body: b,
                dof: dofs.length,
                sign: 1,
                k,
                q,
                axis: zero,
                anchor: joint.anchor ?? zero,
              });
              dofs.push({ q: -1, joint: null, damping: joint.damping ?? 0 });
            }
            coordinateFields.push([joint.name, 4, 'x, y, z, w']);
            velocityFields.push([`${joint.name}.rate`, 3, 'rad/s']);
            q += 4;
            break;
          }
          default: {
            const length = Math.sqrt(joint.axis.reduce((sum, x) => sum + x * x, 0));
            if (Math.abs(length - 1) > 1e-9) fail(`joint ${joint.name}: axis of length ${length}, wanted 1`);
            const turn = joint.type === 'hinge';
            const common = {
              type: turn ? slotTypes.hinge : slotTypes.slider,
              body: b,
              k: 0,
              axis: joint.axis,
              anchor: joint.anchor ?? zero,
            };
            if (joint.mirror !== undefined) {
              const other = named.get(joint.mirror);
              if (other === undefined || dofs[other.v]?.joint === null)
                fail(`joint ${joint.name}: mirrors ${joint.mirror}, which is no earlier hinge or slider`);
              if (other.v < treeStart[t]!)
                fail(`joint ${joint.name}: mirrors ${joint.mirror}, which hangs from another moving body`);
              slots.push({ ...common, dof: other.v, sign: -1, q: other.q });
              name(joint.name, { q: other.q, v: other.v, target: other.target });
              break;
            }
            const { limits: [low, high] = [-Infinity, Infinity], motor } = joint;
            if (!(low < high)) fail(`joint ${joint.name}: limits are ${low} and ${high}, wanted low < high`);
            name(joint.name, { q, v: dofs.length, target: motor ? targetFields.length : -1 });
            if (motor)
              targetFields.push([
                `${joint.name}.target`,
                1,
                motor.type === 'position'
                  ? turn
                    ? 'rad'
                    : 'm'
                  : motor.type === 'velocity'
                    ? turn
                      ? 'rad/s'
                      : 'm/s'
                    : turn
                      ? 'Nm'
                      : 'N',
              ]);
            slots.push({ ...common, dof: dofs.length, sign: 1, q });
            dofs.push({ q, joint, damping: joint.damping ?? 0 });
            coordinateFields.push([joint.name, 1, turn ? 'rad' : 'm']);
            velocityFields.push([`${joint.name}.rate`, 1, turn ? 'rad/s' : 'm/s']);
            q += 1;
          }
        }
      }
      bodySlots[b] = slots.length - bodySlot[b]!;
    }
    treeDofs[t] = dofs.length - treeStart[t]!;
  }
  defs.forEach((def, b) => {
    if (def.joints?.[0]?.type !== 'placed') return;
    poseAt[b] = q;
    name(def.name, { q, v: -1, target: -1 });
    coordinateFields.push([`${def.name}.pos`, 3, 'm'], [`${def.name}.quat`, 4, 'x, y, z, w']);
    q += 7;
  });

  const chains = defs.map((_, b) => {
    const chain: number[] = [];
    for (let at = b; at >= 0; at = parent[at]!) {
      if (tree[at] === -1) break;
      for (let k = bodySlots[at]! - 1; k >= 0; k--) chain.unshift(bodySlot[at]! + k);
    }
    return chain;
  });

  const outer = new Float64Array(dofs.length);
  chains.forEach((chain, b) => {
    for (const slot of chain) outer[slots[slot]!.dof]! += mass[b]!;
  });
  slots.forEach(({ dof, body }) => {
    if (outer[dof] === 0 && !((dofs[dof]!.joint?.armature ?? 0) > 0))
      fail(`body ${defs[body]!.name}: a joint moves no mass`);
  });

  // 4. Shapes and the pairs of them that can meet.
  const shapes = defs.flatMap((def, b) => (def.shapes ?? []).map((shape) => ({ shape, body: b })));
  const size = new Float64Array(shapes.length * 3);
  const reach = new Float64Array(shapes.length);
  shapes.forEach(({ shape, body }, s) => {
    size.set(sizesOf(shape), s * 3);
    reach[s] =
      shape.type === 'box'
        ? Math.sqrt(shape.half.reduce((sum, x) => sum + x * x, 0))
        : shape.type === 'sphere'
          ? shape.radius
          : shape.type === 'capsule'
            ? shape.radius + shape.length / 2
            : Infinity;
    if (shape.type === 'plane' && tree[body] !== -1) fail(`body ${defs[body]!.name}: a plane cannot move`);
  });
  const pairA: number[] = [];
  const pairB: number[] = [];
  for (let i = 0; i < shapes.length; i++) {
    for (let j = i + 1; j < shapes.length; j++) {
      const a = shapes[i]!;
      const b = shapes[j]!;
      const ta = tree[a.body]!;
      const tb = tree[b.body]!;
      if (ta === -1 && tb === -1) continue;
      if (a.body === b.body || (ta === tb && !scene.selfCollision)) continue;
      if (parent[a.body] === b.body || parent[b.body] === a.body) continue;
      const meets = (x: ShapeDef, y: ShapeDef): boolean => ((x.mask ?? -1) & (y.group ?? 1)) !== 0;
      if (!meets(a.shape, b.shape) || !meets(b.shape, a.shape)) continue;
      const swap = shapeTypes[a.shape.type] > shapeTypes[b.shape.type];
      pairA.push(swap ? j : i);
      pairB.push(swap ? i : j);
    }
  }
  const frictionOf = (s: number): number => shapes[s]!.shape.friction ?? 0.5;
  const restitutionOf = (s: number): number => shapes[s]!.shape.restitution ?? 0;
  const axisOf = (pick: (joint: AxisJointDef) => number | undefined, otherwise: number): Float64Array =>
    Float64Array.from(dofs, (dof) => (dof.joint === null ? otherwise : (pick(dof.joint) ?? otherwise)));
  const flat = (rows: readonly (readonly number[])[]): Float64Array => Float64Array.from(rows.flat());

  const treeBodies = treeLoose.map((_, k) => bodiesOf(k));
  const treeSlots = treeLoose.map((_, k) =>
    slots.map((_slot, s) => s).filter((s) => tree[slots[s]!.body] === k),
  );
  const lists = (rows: readonly number[][]): Int32Array => Int32Array.from(rows.flat());
  const lengths = (rows: readonly number[][]): Int32Array => Int32Array.from(rows, (row) => row.length);
  const starts = (rows: readonly number[][]): Int32Array => {
    let at = 0;
    return Int32Array.from(rows, (row) => {
      const start = at;
      at += row.length;
      return start;
    });
  };
  const tables: Tables = {
    bodyNames: defs.map((def) => def.name),
    bodies: n,
    parent,
    restPos: flat(defs.map((def) => def.position ?? zero)),
    restRot: flat(defs.map((def) => def.rotation ?? identity)),
    mass,
    gravityShare: Float64Array.from(defs, (def) => def.gravity ?? 1),
    centre: flat(inertias.map((i) => i.centre)),
    inertia,
    inverseInertia,
    isRound,
    tree,
    poseAt,
    isLoose,
    trees,
    treeStart,
    treeDofs,
    treeLoose: Int32Array.from(treeLoose),
    treeDiagonal: Int32Array.from(treeLoose, (_, t) => (isDiagonal(t) ? 1 : 0)),
    treeBody: lists(treeBodies),
    treeBodyAt: starts(treeBodies),
    treeBodyCount: lengths(treeBodies),
    treeSlot: lists(treeSlots),
    treeSlotAt: starts(treeSlots),
    treeSlotCount: lengths(treeSlots),
    slots: slots.length,
    slotType: Int32Array.from(slots, (slot) => slot.type),
    slotBody: Int32Array.from(slots, (slot) => slot.body),
    slotDof: Int32Array.from(slots, (slot) => slot.dof),
    slotSign: Float64Array.from(slots, (slot) => slot.sign),
    slotAxisIndex: Int32Array.from(slots, (slot) => slot.k),
    slotQ: Int32Array.from(slots, (slot) => slot.q),
    slotAxis: flat(slots.map((slot) => slot.axis)),
    slotAnchor: flat(slots.map((slot) => slot.anchor)),
    bodySlot,
    bodySlots,
    chain: lists(chains),
    chainAt: starts(chains),
    chainLength: lengths(chains),
    dofs: dofs.length,
    coordinates: q,
    dofQ: Int32Array.from(dofs, (dof) => dof.q),
    dofLow: axisOf((joint) => joint.limits?.[0], -Infinity),
    dofHigh: axisOf((joint) => joint.limits?.[1], Infinity),
    dofDamping: Float64Array.from(dofs, (dof) => dof.damping),
    dofStiffness: axisOf((joint) => joint.stiffness, 0),
    dofRest: axisOf((joint) => joint.rest, 0),
    dofArmature: axisOf((joint) => joint.armature, 0),
    dofFriction: axisOf((joint) => joint.friction, 0),
    dofMotor: Int32Array.from(dofs, (dof) => motorTypes[dof.joint?.motor?.type ?? 'none']),
    dofMotorStiffness: axisOf((joint) => joint.motor?.stiffness, 0),
    dofMotorDamping: axisOf((joint) => joint.motor?.damping, 0),
    dofMotorLimit: axisOf((joint) => joint.motor?.limit, Infinity),
    dofTarget: Int32Array.from(dofs, (dof) => (dof.joint?.motor ? named.get(dof.joint.name)!.target : -1)),
    targets: targetFields.length,
    cones: Int32Array.from(cones),
    coneAngle: Float64Array.from(coneAngle),
    shapes: shapes.length,
    shapeType: Int32Array.from(shapes, ({ shape }) => shapeTypes[shape.type]),
    shapeBody: Int32Array.from(shapes, ({ body }) => body),
    shapeSize: size,
    shapePos: flat(shapes.map(({ shape }) => shape.position ?? zero)),
    shapeRot: flat(shapes.map(({ shape }) => matrixOf(shape.rotation ?? identity))),
    shapeFriction: Float64Array.from(shapes, (_, s) => frictionOf(s)),
    shapeRestitution: Float64Array.from(shapes, (_, s) => restitutionOf(s)),
    shapeReach: reach,
    pairs: pairA.length,
    pairA: Int32Array.from(pairA),
    pairB: Int32Array.from(pairB),
    pairFriction: Float64Array.from(pairA, (a, i) => Math.sqrt(frictionOf(a) * frictionOf(pairB[i]!))),
    pairRestitution: Float64Array.from(pairA, (a, i) => Math.max(restitutionOf(a), restitutionOf(pairB[i]!))),
    gravity: Float64Array.from(scene.gravity ?? [0, 0, -9.81]),
    physicsDt: scene.physicsDt,
    substeps: scene.substeps ?? 1,
    iterations: scene.iterations ?? 1,
    relaxations: scene.relaxations ?? 1,
    cached: scene.cachedManifolds ?? Math.min(24, pairA.length),
    isVariable: scene.variable ?? false,
    isMidpoint: scene.integrator === 'midpoint',
    coordinateFields,
    velocityFields,
    targetFields,
    named,
  };
  return tables;

  /** Sliders alone, and no axis drags mass along another one's. */
  function isDiagonal(t: number): boolean {
    if (treeLoose[t] !== -1) return false;
    const own = slots.filter((slot) => tree[slot.body] === t);
    if (own.some((slot) => slot.type !== slotTypes.slider)) return false;
    const matrix = new Map<string, number>();
    for (const b of bodiesOf(t)) {
      // Nothing turns, so the axes in the world are those of the rest pose.
      let turn: Quat = identity;
      const path: number[] = [];
      for (let at = b; at >= 0; at = parent[at]!) path.unshift(at);
      const axes: { dof: number; axis: Vec3 }[] = [];
      for (const at of path) {
        turn = multiplyQuat(turn, defs[at]!.rotation ?? identity);
        for (let k = 0; k < bodySlots[at]!; k++) {
          const slot = slots[bodySlot[at]! + k]!;
          const axis = rotate(matrixOf(turn), slot.axis);
          axes.push({ dof: slot.dof, axis: axis.map((x) => x * slot.sign) as unknown as Vec3 });
        }
      }
      for (const x of axes)
        for (const y of axes) {
          if (x.dof >= y.dof) continue;
          const key = `${x.dof} ${y.dof}`;
          const dot = x.axis.reduce((sum, c, k) => sum + c * y.axis[k]!, 0);
          matrix.set(key, (matrix.get(key) ?? 0) + mass[b]! * dot);
        }
    }
    return [...matrix.values()].every((m) => Math.abs(m) < 1e-12);
  }
}

/** Fields of the row in order: counter, coordinates, velocities, targets, variation, the task's own, impulses. */
export function rowLayout(
  tables: Tables,
  own: readonly (readonly [name: string, size: number, unit: string])[],
): StateField[] {
  let offset = 0;
  return [
    ['step', 1, 'steps'] as const,
    ...tables.coordinateFields,
    ...tables.velocityFields,
    ...tables.targetFields,
    ...(tables.isVariable
      ? ([
          ['frictionScale', 1, ''],
          ['massScale', 1, ''],
        ] as const)
      : []),
    ...own,
    ...(tables.cached > 0 ? [['impulses', tables.cached * manifoldSize, 'N s'] as const] : []),
  ].map(([name, size, unit]) => {
    const field = { name, offset, size, unit };
    offset += size;
    return field;
  });
}
