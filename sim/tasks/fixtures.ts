/** What the tasks with furniture share: a fixture placed anew each episode, a handle to grasp, the hand's way to it. */

import { clamp, cos, sin } from '../engine/math.ts';
import type { Random } from '../engine/random.ts';
import type { ShapeDef } from '../engine/scene.ts';
import type { CameraView } from '../env.ts';
import { groups, type HandRow, hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import { copy3, length2, length3, moveTowards, xyz } from './parts.ts';

export const difficultyField = {
  type: 'number',
  default: 0.5,
  min: 0,
  max: 1,
  help: 'How far the furniture is moved and turned from its usual place between episodes: 0 hardly, 1 as far as the hand can follow',
} as const;

/** Numbers of an observation that every task of this kind begins with; `observeHand` writes them. */
export const handSpace = [
  ...xyz('gripperPos', 1),
  ...xyz('gripperVel', 2),
  ['opening', 0.1],
  ['openingRate', 1],
  // How far inside the pads the servo aims: how hard it squeezes.
  ['squeeze', 0.1],
] as const;

export function observeHand(
  state: Float64Array,
  o: number,
  row: HandRow,
  out: Float64Array,
  at: number,
): void {
  copy3(state, o + row.pos, out, at);
  copy3(state, o + row.vel, out, at + 3);
  out[at + 6] = state[o + row.opening]!;
  out[at + 7] = state[o + row.openingRate]!;
  out[at + 8] = state[o + row.opening]! - state[o + row.openingTarget]!;
}

/** Fronts face the arm: seen from its side, past it. */
export const frontView: CameraView = {
  name: 'front',
  position: [-0.36, -0.62, 0.44],
  target: [0.09, 0.02, 0.07],
  fieldOfView: 0.7,
};

/** Shape of furniture that meets the hand and loose things. */
export const solid = {
  group: groups.fixture,
  mask: groups.hand | groups.thing,
  friction: 0.5,
} as const;

/** Shape that is only drawn. */
export const drawnOnly = { group: 0, mask: 0 } as const;

export interface Placement {
  /** Usual place, and how far from it at difficulty 1. Metres, radians. */
  readonly x: number;
  readonly y: number;
  readonly spreadX: number;
  readonly spreadY: number;
  readonly turn: number;
}

/** Writes the pose of a placed body whose position is at `at` in the row and whose quaternion follows. */
export function placeFixture(
  state: Float64Array,
  at: number,
  random: Random,
  place: Placement,
  difficulty: number,
): void {
  // Even the easiest episodes differ a little.
  const share = 0.1 + 0.9 * difficulty;
  state[at] = place.x + share * random.uniform(-place.spreadX, place.spreadX);
  state[at + 1] = place.y + share * random.uniform(-place.spreadY, place.spreadY);
  state[at + 2] = 0;
  const half = (share * random.uniform(-place.turn, place.turn)) / 2;
  state[at + 3] = 0;
  state[at + 4] = 0;
  state[at + 5] = sin(half);
  state[at + 6] = cos(half);
}

/** Cosine and sine of the turn of a body that is turned about z only; quaternion at `at`. */
export const cosOf = (state: Float64Array, at: number): number =>
  state[at + 3]! * state[at + 3]! - state[at + 2]! * state[at + 2]!;
export const sinOf = (state: Float64Array, at: number): number => 2 * state[at + 2]! * state[at + 3]!;

/** An upright round bar on an arm that comes out of a front at x = 0; fingers fit round it from above at any turn. */
export const handle = {
  radius: 0.007,
  /** From the front to the middle of the bar. */
  standOff: 0.045,
  length: 0.034,
  /** Middle of the bar above its arm. */
  rise: 0.025,
  armHalf: 0.005,
  /** Fingertips above the arm's middle when the bar is grasped. */
  grasp: 0.012,
  friction: 0.8,
} as const;

/** Shapes of a handle whose arm leaves the front at y, z of the body's frame. */
export function handleShapes(y: number, z: number): ShapeDef[] {
  return [
    {
      ...solid,
      type: 'capsule',
      radius: handle.radius,
      length: handle.length,
      position: [-handle.standOff, y, z + handle.rise],
      friction: handle.friction,
    },
    {
      ...solid,
      type: 'box',
      half: [handle.standOff / 2, handle.armHalf, handle.armHalf],
      position: [-handle.standOff / 2, y, z],
    },
  ];
}

/** How near the tool must be to where it grasps, along the table and in height, for the pads to hold the bar. */
const graspAside = 0.009;
const graspAbove = 0.022;
const graspBelow = 0.008;
/** Being this near is as good as being there. */
const reachSlack = 0.01;

/** Metres that the tool is short of x y z, the point to grasp from. */
export const shortOf = (
  state: Float64Array,
  o: number,
  row: HandRow,
  x: number,
  y: number,
  z: number,
): number =>
  Math.max(
    0,
    length3(x - state[o + row.pos]!, y - state[o + row.pos + 1]!, z - state[o + row.pos + 2]!) - reachSlack,
  );

/** Whether the pads are at both sides of the bar whose grasp point is x y z. */
export function holdsHandle(
  state: Float64Array,
  o: number,
  row: HandRow,
  x: number,
  y: number,
  z: number,
): boolean {
  const up = state[o + row.pos + 2]! - z;
  const opening = state[o + row.opening]!;
  return (
    Math.abs(x - state[o + row.pos]!) < graspAside &&
    Math.abs(y - state[o + row.pos + 1]!) < 0.6 * graspAside &&
    up > -graspBelow &&
    up < graspAbove &&
    opening < handle.radius + 0.0015 &&
    opening > handle.radius - 0.002
  );
}

/** 1 when held; below half, and rising, while the fingers close at the right place. */
export function graspQuality(
  state: Float64Array,
  o: number,
  row: HandRow,
  x: number,
  y: number,
  z: number,
): number {
  if (holdsHandle(state, o, row, x, y, z)) return 1;
  const there = tolerance(shortOf(state, o, row, x, y, z), [0, 0], { margin: 0.03 });
  const closing = tolerance(state[o + row.opening]!, [0, handle.radius], {
    margin: hand.openingMax - handle.radius,
    sigmoid: 'linear',
    valueAtMargin: 0,
  });
  return 0.5 * there * closing;
}

/** Fingertips this far above the grasp point clear the bar. */
const aboveHandle = 0.05;
/** Opening with which the hand comes to it. */
const openFor = 0.032;

/**
 * One step on the way to holding the handle whose grasp point is x y z: above it with open fingers, down round it, close.
 * True once it is held.
 */
export function graspHandle(
  state: Float64Array,
  o: number,
  row: HandRow,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  at: number,
): boolean {
  if (holdsHandle(state, o, row, x, y, z)) return true;
  const dx = x - state[o + row.pos]!;
  const dy = y - state[o + row.pos + 1]!;
  const up = state[o + row.pos + 2]! - z;
  const aside = length2(dx, dy);
  const opening = state[o + row.opening]!;
  const round = Math.abs(dx) < 0.012 && Math.abs(dy) < Math.max(0.008, opening - handle.radius - 0.004);
  if (round && up < graspAbove - 0.006) {
    moveTowards(state, o + row.pos, x, y, z, out, at);
    // Centred first, so that the bar is not pushed aside by one pad.
    out[at + 3] = Math.abs(dx) < 0.007 && Math.abs(dy) < 0.012 && up > -graspBelow ? 1 : -0.3;
    return false;
  }
  // As wide as the bar needs and no wider: there may be something beside it.
  out[at + 3] = clamp((opening - openFor) / 0.004, -1, 1);
  const high = z + aboveHandle;
  if (aside < 0.01 && opening > 0.025) moveTowards(state, o + row.pos, x, y, z, out, at);
  else if (aside < 0.14 && up < aboveHandle - 0.012)
    moveTowards(state, o + row.pos, state[o + row.pos]!, state[o + row.pos + 1]!, high + 0.01, out, at);
  else moveTowards(state, o + row.pos, x, y, high, out, at);
  return false;
}
