/**
 * A mobile base: a disc on two driven wheels with a lidar on top. Kinematics of a differential drive with limited wheel
 * acceleration, semi-implicit (speeds first, then the pose with the new speeds):
 *    v = (r + l) / 2,  w = (r - l) / (2 b)      l, r rim speeds of the wheels, b half the track
 *    pose: turn by w dt, move by v dt along the mean of the headings before and after
 * Contact is inelastic and without friction: the disc is pushed out along the normal, and the forward speed loses what
 * the push took from it, so that a blocked base stalls and a glancing one slides along.
 *
 * The yaw is kept as cos and sin. All functions take where the base's six numbers begin in a state row.
 */

import { discInBox, discInDisc, rayBox, rayDisc } from '../engine/flat.ts';
import { castPlan, cellAt, cellX, cellY, type FloorPlan } from '../engine/floor-plan.ts';
import { Impacts } from '../engine/impacts.ts';
import { clamp, cos, sin } from '../engine/math.ts';
import type { Body, Contact } from '../env.ts';

/** Metres, m/s, m/s2, kg. */
export interface BaseSpec {
  /** For forces that are told, of what it runs into; the kinematics have no mass. */
  readonly mass: number;
  readonly radius: number;
  /** Half the distance between the wheels. */
  readonly halfTrack: number;
  /** Of a wheel's rim. */
  readonly topSpeed: number;
  /** Of a wheel's rim. */
  readonly acceleration: number;
}

export const base: BaseSpec = { mass: 3, radius: 0.16, halfTrack: 0.13, topSpeed: 1, acceleration: 3 };

/** Offsets of the base's numbers from its first. */
export const baseRow = { pos: 0, heading: 2, wheels: 4, size: 6 } as const;

/** For the layout of a state row; all of the row's base in this order. */
export const baseFields = [
  ['basePos', 2, 'm'],
  ['baseYaw', 2, 'cos, sin'],
  ['wheelSpeed', 2, 'm/s'],
] as const;

/** Fastest turn on the spot, rad/s. */
export const topTurn = (spec: BaseSpec): number => spec.topSpeed / spec.halfTrack;

/**
 * A disc that moves less than its radius in a physics step cannot pass a wall, however thin.
 * @throws RangeError when it could.
 */
export function wantNoTunnelling(spec: BaseSpec, dt: number, most = 1): void {
  const step = spec.topSpeed * most * dt;
  if (!(step < spec.radius)) {
    throw new RangeError(
      `Base: moves ${step} m in a physics step, wanted less than its radius (${spec.radius} m)`,
    );
  }
}

export function placeBase(state: Float64Array, at: number, x: number, y: number, yaw: number): void {
  state[at] = x;
  state[at + 1] = y;
  state[at + 2] = cos(yaw);
  state[at + 3] = sin(yaw);
  state[at + 4] = 0;
  state[at + 5] = 0;
}

/**
 * One physics step without obstacles.
 * @param left share of the top speed wanted of the left wheel; `right` likewise. Gains of the wheels are the caller's.
 * @param grip share of the acceleration that the floor lets through.
 */
export function driveBase(
  state: Float64Array,
  at: number,
  left: number,
  right: number,
  spec: BaseSpec,
  dt: number,
  grip = 1,
): void {
  const most = spec.acceleration * grip * dt;
  const l0 = state[at + 4]!;
  const r0 = state[at + 5]!;
  const toLeft = left * spec.topSpeed - l0;
  const toRight = right * spec.topSpeed - r0;
  // Both ramps share the limit in proportion, as speed controllers of a drive do: a blocked base can still turn away,
  // where two wheels that each push as hard as they can would hold it there.
  const larger = Math.max(Math.abs(toLeft), Math.abs(toRight));
  const share = larger > most ? most / larger : 1;
  const l = l0 + share * toLeft;
  const r = r0 + share * toRight;
  const half = ((r - l) / (2 * spec.halfTrack)) * dt * 0.5;
  const forward = 0.5 * (l + r) * dt;
  const c = cos(half);
  const s = sin(half);
  const c0 = state[at + 2]!;
  const s0 = state[at + 3]!;
  const cMid = c0 * c - s0 * s;
  const sMid = s0 * c + c0 * s;
  const c1 = cMid * c - sMid * s;
  const s1 = sMid * c + cMid * s;
  // One Newton step of 1 / sqrt keeps the heading's length at 1 whatever rounding does.
  const scale = 1.5 - 0.5 * (c1 * c1 + s1 * s1);
  state[at]! += forward * cMid;
  state[at + 1]! += forward * sMid;
  state[at + 2] = scale * c1;
  state[at + 3] = scale * s1;
  state[at + 4] = l;
  state[at + 5] = r;
}

/**
 * Moves the base by a push (m) and takes from its forward speed what the push took from its way.
 * @returns the share of the push that stopped motion: 1 where the base ran into something, less where it had stood in it
 */
export function pushBase(state: Float64Array, at: number, px: number, py: number, dt: number): number {
  state[at]! += px;
  state[at + 1]! += py;
  const l = state[at + 4]!;
  const r = state[at + 5]!;
  const v = 0.5 * (l + r);
  const taken = (px * state[at + 2]! + py * state[at + 3]!) / dt;
  // Only a push against the motion slows it, and at most to a stop.
  const change = v > 0 ? clamp(taken, -v, 0) : clamp(taken, 0, -v);
  state[at + 4] = l + change;
  state[at + 5] = r + change;
  return taken === 0 ? 0 : change / taken;
}

/**
 * Told of each push out of something: which thing, the unit normal from it to the base, and the speed along the normal that it took
 * from the base, m/s; 0 of a mere touch.
 */
export type Met = (thing: number, nx: number, ny: number, speed: number) => void;

/**
 * What the base in a row ran into during a control step of `dt` seconds, which `play` takes once more in that row. Forces are means over
 * the step, N, of a base of `base.mass`; `nameOf` names the things that `Met` is told of.
 */
export function baseImpacts(
  row: Float64Array,
  at: number,
  radius: number,
  dt: number,
  nameOf: (thing: number) => string,
  play: (met: Met) => void,
): Contact[] {
  const found = new Impacts();
  play((thing, nx, ny, speed) => {
    const x = row[at]! - radius * nx;
    const y = row[at + 1]! - radius * ny;
    found.note(nameOf(thing), 'chassis', x, y, nx, ny, base.mass * speed);
  });
  return found.contacts(dt, bumperZ);
}

/** A push of `depth` metres along the unit normal. */
function pushOut(
  state: Float64Array,
  at: number,
  nx: number,
  ny: number,
  depth: number,
  dt: number,
  thing: number,
  met: Met | null,
): void {
  const share = pushBase(state, at, depth * nx, depth * ny, dt);
  met?.(thing, nx, ny, (share * depth) / dt);
}

/** What stands in the way: boxes `cx cy hx hy` each, discs `cx cy radius` each; only the first ones count. */
export interface Obstacles {
  readonly boxes: Float64Array;
  boxCount: number;
  readonly discs: Float64Array;
  discCount: number;
}

const normal = new Float64Array(2);
/** Pushes out of one thing may lead into the next; corners of two walls need one pass, wedges some more. */
const passes = 4;

/**
 * Pushes the base out of everything it is in. @returns whether it touched anything
 * @param met is told box i as thing i, disc i as thing boxCount + i
 */
export function collideBase(
  state: Float64Array,
  at: number,
  radius: number,
  obstacles: Obstacles,
  dt: number,
  met: Met | null = null,
): boolean {
  const { boxes, boxCount, discs, discCount } = obstacles;
  let touched = false;
  for (let pass = 0; pass < passes; pass++) {
    let pushed = false;
    for (let i = 0; i < 4 * boxCount; i += 4) {
      const x = state[at]!;
      const y = state[at + 1]!;
      const depth = discInBox(x, y, radius, boxes[i]!, boxes[i + 1]!, boxes[i + 2]!, boxes[i + 3]!, normal);
      if (depth > 0) {
        pushOut(state, at, normal[0]!, normal[1]!, depth, dt, i / 4, met);
        pushed = true;
      }
    }
    for (let i = 0; i < 3 * discCount; i += 3) {
      const x = state[at]!;
      const y = state[at + 1]!;
      const depth = discInDisc(x, y, radius, discs[i]!, discs[i + 1]!, discs[i + 2]!, normal);
      if (depth > 0) {
        pushOut(state, at, normal[0]!, normal[1]!, depth, dt, boxCount + i / 3, met);
        pushed = true;
      }
    }
    if (!pushed) break;
    touched = true;
  }
  return touched;
}

/**
 * Pushes the base out of the walls of a floor plan whose cells begin at `cells`; exact for a radius of at most half a cell
 * less half a wall, the widest that fits through. Only the base's own cell has to be looked at.
 * @param met is told the side in direction d of cell c as thing 8 c + d, the post at its corner k (in the order of the bits) as 8 c + 4 + k
 * @returns whether it touched any
 */
export function collideWithPlan(
  state: Float64Array,
  at: number,
  radius: number,
  plan: FloorPlan,
  cells: number,
  dt: number,
  met: Met | null = null,
): boolean {
  const cell = cellAt(plan, state[at]!, state[at + 1]!);
  const code = state[cells + cell]!;
  if ((code & 0xff) === 0) return false;
  const middleX = cellX(plan, cell);
  const middleY = cellY(plan, cell);
  const most = plan.cell / 2 - plan.half - radius;
  let touched = false;
  // Twice, because a post may push towards a wall.
  for (let pass = 0; pass < 2; pass++) {
    const u = state[at]! - middleX;
    if (u > most && (code & 1) !== 0) {
      pushOut(state, at, -1, 0, u - most, dt, 8 * cell, met);
      touched = true;
    } else if (u < -most && (code & 4) !== 0) {
      pushOut(state, at, 1, 0, -most - u, dt, 8 * cell + 2, met);
      touched = true;
    }
    const v = state[at + 1]! - middleY;
    if (v > most && (code & 2) !== 0) {
      pushOut(state, at, 0, -1, v - most, dt, 8 * cell + 1, met);
      touched = true;
    } else if (v < -most && (code & 8) !== 0) {
      pushOut(state, at, 0, 1, -most - v, dt, 8 * cell + 3, met);
      touched = true;
    }
    const x = state[at]! - middleX;
    const y = state[at + 1]! - middleY;
    const corner = y >= 0 ? (x >= 0 ? 0 : 1) : x < 0 ? 2 : 3;
    if ((code & (16 << corner)) === 0) break;
    const postX = x >= 0 ? plan.cell / 2 : -plan.cell / 2;
    const postY = y >= 0 ? plan.cell / 2 : -plan.cell / 2;
    const depth = discInBox(x, y, radius, postX, postY, plan.half, plan.half, normal);
    if (depth === 0) break;
    pushOut(state, at, normal[0]!, normal[1]!, depth, dt, 8 * cell + 4 + corner, met);
    touched = true;
  }
  return touched;
}

/** Directions of a lidar's rays relative to the heading, counter-clockwise from straight ahead: cos and sin of each. */
export function lidarRays(count: number): Float64Array {
  const rays = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    rays[2 * i] = cos((2 * Math.PI * i) / count);
    rays[2 * i + 1] = sin((2 * Math.PI * i) / count);
  }
  return rays;
}

/** Distances in metres from the base's middle to the first obstacle along each ray, at most `range`. out: [rays] */
export function lidar(
  state: Float64Array,
  at: number,
  rays: Float64Array,
  range: number,
  obstacles: Obstacles,
  out: Float64Array,
  outAt: number,
): void {
  const { boxes, boxCount, discs, discCount } = obstacles;
  const x = state[at]!;
  const y = state[at + 1]!;
  const c = state[at + 2]!;
  const s = state[at + 3]!;
  for (let k = 0; k < rays.length; k += 2) {
    const dx = c * rays[k]! - s * rays[k + 1]!;
    const dy = s * rays[k]! + c * rays[k + 1]!;
    let nearest = range;
    for (let i = 0; i < 4 * boxCount; i += 4) {
      const t = rayBox(x, y, dx, dy, boxes[i]!, boxes[i + 1]!, boxes[i + 2]!, boxes[i + 3]!);
      if (t < nearest) nearest = t;
    }
    for (let i = 0; i < 3 * discCount; i += 3) {
      const t = rayDisc(x, y, dx, dy, discs[i]!, discs[i + 1]!, discs[i + 2]!);
      if (t < nearest) nearest = t;
    }
    out[outAt + k / 2] = nearest;
  }
}

/** As `lidar`, in a floor plan whose cells begin at `cells`. out: [rays] */
export function lidarInPlan(
  state: Float64Array,
  at: number,
  rays: Float64Array,
  range: number,
  plan: FloorPlan,
  cells: number,
  out: Float64Array,
  outAt: number,
): void {
  const x = state[at]!;
  const y = state[at + 1]!;
  const c = state[at + 2]!;
  const s = state[at + 3]!;
  for (let k = 0; k < rays.length; k += 2) {
    const dx = c * rays[k]! - s * rays[k + 1]!;
    const dy = s * rays[k]! + c * rays[k + 1]!;
    out[outAt + k / 2] = castPlan(plan, state, cells, x, y, dx, dy, range);
  }
}

/**
 * Wheel commands that drive to a point: turn on the spot towards it, then go, correcting on the way.
 * @param stops brake so as to stand there; else pass through
 * @param grip as for `driveBase`
 */
export function steerBase(
  state: Float64Array,
  at: number,
  toX: number,
  toY: number,
  stops: boolean,
  spec: BaseSpec,
  out: Float64Array,
  outAt: number,
  grip = 1,
): void {
  const x = toX - state[at]!;
  const y = toY - state[at + 1]!;
  const distance = Math.sqrt(x * x + y * y);
  if (distance < 0.02) {
    out[outAt] = 0;
    out[outAt + 1] = 0;
    return;
  }
  const ahead = (x * state[at + 2]! + y * state[at + 3]!) / distance;
  const aside = (y * state[at + 2]! - x * state[at + 3]!) / distance;
  // 2 tan(a / 2): the angle where it is small, more than it where it is large. It is judged where the base's own turning
  // will have brought it in a moment, or slow wheels swing past and back for ever.
  const turning = (state[at + 5]! - state[at + 4]!) / (2 * spec.halfTrack);
  const error = clamp(ahead > -0.98 ? (2 * aside) / (1 + ahead) : aside < 0 ? -4 : 4, -Math.PI, Math.PI);
  const angle = error - 0.08 * turning;
  const braking = (spec.acceleration * grip) / spec.halfTrack;
  const rate = Math.min(4 * Math.abs(angle), Math.sqrt(1.2 * braking * Math.abs(angle)));
  const turn = clamp((angle < 0 ? -rate : rate) / topTurn(spec), -0.9, 0.9);
  // Half of the braking that the wheels could do, because they also turn.
  const fastest = stops ? Math.min(1, Math.sqrt(spec.acceleration * grip * distance) / spec.topSpeed) : 1;
  // Little of it while much has to be turned.
  const line = Math.max(0, ahead - 0.7) / 0.3;
  const forward = Math.min(fastest * line * line, 1 - Math.abs(turn));
  out[outAt] = forward - turn;
  out[outAt + 1] = forward + turn;
}

// ---------------------------------------------------------------------------------------------------------------------
// Drawing

const wheelRadius = 0.05;
const wheelWidth = 0.03;
const chassis = { height: 0.08, z: 0.07 };
const tower = { radius: 0.045, height: 0.05 };
const deckZ = chassis.z + chassis.height / 2;
const noseLength = 0.07;
/** Height at which it meets walls: the middle of the chassis, metres. */
const bumperZ = chassis.z;
/** Height of the rays, metres. */
export const lidarZ = deckZ + tower.height / 2;

/** In the order in which `writeBase` writes their poses. @param prefix of the names, where there is more than one base */
export function baseBodies(spec: BaseSpec = base, prefix = ''): readonly Body[] {
  const wheel = { type: 'cylinder', radius: wheelRadius, length: wheelWidth } as const;
  return [
    {
      name: `${prefix}chassis`,
      shape: { type: 'cylinder', radius: spec.radius, length: chassis.height },
      role: 'agent',
    },
    { name: `${prefix}wheelLeft`, shape: wheel, role: 'wheel' },
    { name: `${prefix}wheelRight`, shape: wheel, role: 'wheel' },
    {
      name: `${prefix}lidar`,
      shape: { type: 'cylinder', radius: tower.radius, length: tower.height },
      role: 'joint',
    },
    { name: `${prefix}nose`, shape: { type: 'box', size: [noseLength, 0.035, 0.02] }, role: 'link' },
  ];
}

/** Poses of the five bodies of a base that stands at (x, y) on the floor and looks along (c, s). out: [5 * 7] */
export function writeBase(
  x: number,
  y: number,
  c: number,
  s: number,
  spec: BaseSpec,
  out: Float32Array,
  outAt: number,
): void {
  // Half of the yaw, the root with w >= 0.
  const halfCos = Math.sqrt(Math.max(0, (1 + c) / 2));
  const halfSin = (s < 0 ? -1 : 1) * Math.sqrt(Math.max(0, (1 - c) / 2));
  // Wheels sit half in the chassis, as on vacuum robots.
  const wheelY = spec.halfTrack;
  const noseX = spec.radius - noseLength / 2;
  for (let i = 0; i < 5; i++) {
    const p = outAt + 7 * i;
    const along = i === 4 ? noseX : 0;
    const left = i === 1 ? wheelY : i === 2 ? -wheelY : 0;
    out[p] = x + c * along - s * left;
    out[p + 1] = y + s * along + c * left;
    out[p + 2] = i === 0 ? chassis.z : i === 3 ? lidarZ : i === 4 ? deckZ + 0.01 : wheelRadius;
    if (i === 1 || i === 2) {
      // A quarter turn about x lays the axle along y, then the yaw.
      out[p + 3] = Math.SQRT1_2 * halfCos;
      out[p + 4] = Math.SQRT1_2 * halfSin;
      out[p + 5] = Math.SQRT1_2 * halfSin;
      out[p + 6] = Math.SQRT1_2 * halfCos;
    } else {
      out[p + 3] = 0;
      out[p + 4] = 0;
      out[p + 5] = halfSin;
      out[p + 6] = halfCos;
    }
  }
}
