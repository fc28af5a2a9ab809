/** What both mountain cars share: the valley, how far up the right hill the car has been, the drawing. */

import { clamp, cos, sin } from '../engine/math.ts';
import type { Body, BoxSpace } from '../env.ts';
import { box, floor, floorZ, put, vectorAt } from './classic.ts';

// Row: step, position, velocity (a step), then the best share of the way to the goal.
export const position = vectorAt;
export const velocity = vectorAt + 1;
export const best = vectorAt + 2;

export const leftmost = -1.2;
export const rightmost = 0.6;
export const maxSpeed = 0.07;
export const gravity = 0.0025;

export const vector = [
  ['position', ''],
  ['velocity', '1/step'],
] as const;
export const memory = [['bestShare', 'share']] as const;

export const observationSpace: BoxSpace = {
  type: 'box',
  dim: 2,
  low: Float64Array.of(Math.fround(leftmost), -Math.fround(maxSpeed)),
  high: Float64Array.of(Math.fround(rightmost), Math.fround(maxSpeed)),
  names: ['position', 'velocity'],
};

export const stages = [
  { id: 'pump', title: 'Gather speed' },
  { id: 'done', title: 'On top of the right hill' },
];

/** Bottom of the valley: cos(3 x) = 0. */
const bottom = -Math.PI / 6;

/** Best share of the way from the bottom to the goal so far; 1 only once `hasArrived`. */
export function rememberShare(state: Float64Array, o: number, goal: number, hasArrived: boolean): void {
  const share = clamp((state[o + position]! - bottom) / (goal - bottom), 0, 0.99);
  state[o + best] = hasArrived ? 1 : Math.max(state[o + best]!, share);
}

export function observe(state: Float64Array, o: number, out: Float64Array, at: number): void {
  out[at] = state[o + position]!;
  out[at + 1] = state[o + velocity]!;
}

/** Drawn metres a unit of position, and a shift that puts the valley in the middle. */
const scale = 0.8;
const drawX = (x: number): number => scale * (x + 0.3);
const drawZ = (x: number): number => 0.1 + scale * (0.45 * sin(3 * x) + 0.45);
const segments = 20;
const ends = Array.from(
  { length: segments + 1 },
  (_, i) => leftmost + (i * (rightmost - leftmost)) / segments,
);

/** Angle by which a body on the slope at x is turned: its x axis follows the ground. */
const slope = (x: number): number => -Math.atan(3 * 0.45 * cos(3 * x));

export const hillBodies: readonly Body[] = [
  floor,
  ...ends.slice(1).map((x1, i) => {
    const x0 = ends[i]!;
    const length = Math.hypot(drawX(x1) - drawX(x0), drawZ(x1) - drawZ(x0));
    return box(`ground${i}`, 'link', [length + 0.01, 0.2, 0.02]);
  }),
  { name: 'flag', shape: { type: 'sphere', radius: 0.04 }, role: 'goal' },
  box('car', 'object', [0.12, 0.08, 0.06]),
];

export function hillPoses(goal: number) {
  return (state: Float64Array, o: number, out: Float32Array, at: number): void => {
    put(out, at, 0, 0, floorZ);
    for (let i = 0; i < segments; i++) {
      const [x0, x1] = [ends[i]!, ends[i + 1]!];
      const [dx, dz] = [drawX(x1) - drawX(x0), drawZ(x1) - drawZ(x0)];
      put(out, at, 1 + i, (drawX(x0) + drawX(x1)) / 2, (drawZ(x0) + drawZ(x1)) / 2, -Math.atan2(dz, dx));
    }
    put(out, at, 1 + segments, drawX(goal), drawZ(goal) + 0.12);
    const x = state[o + position]!;
    const angle = slope(x);
    // Half a car above the ground, along the slope's normal.
    put(out, at, 2 + segments, drawX(x) + 0.045 * sin(angle), drawZ(x) + 0.045 * cos(angle), angle);
  };
}
