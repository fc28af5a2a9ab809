/** Where many worlds stand in one picture, and how much of each is shown. Pure; metres, z up. */

import type { BodyInfo } from '../../lab/api.ts';
import { corners, radiusOf } from './scenery.ts';

/** The part of a world that its place in the grid shows, in the world's own frame, or round its runner. */
export interface Cell {
  readonly low: readonly [number, number, number];
  readonly high: readonly [number, number, number];
  /** Index of the body that the cell goes along with; -1: it stays. */
  readonly runner: number;
}

/** Bodies larger than this (lanes, lawns) would reach into the neighbours. */
const largest = 2.5;
/** Walls round a room or pitch belong to its place: nobody leaves it where they stand. */
const largestWall = 4;
/** What is nearer than this to a runner is shown. */
const aroundRunner = 1.2;
/** How much of a table belongs to its place. */
const tableShare = 0.7;
/** Free room between two worlds, in cells. */
const gap = 0.14;

const hasHand = (bodies: readonly BodyInfo[]): boolean => bodies.some(({ role }) => role === 'gripper');

/** The bodies that are drawn in a grid of worlds, by index. A plate stands for the table that a hand works on. */
export const drawnIn = (bodies: readonly BodyInfo[]): number[] =>
  bodies.flatMap((body, i) =>
    body.role === 'floor' ||
    body.name === 'shadow' ||
    radiusOf(body) > (body.role === 'wall' ? largestWall : largest) ||
    (body.role === 'table' && hasHand(bodies))
      ? []
      : [i],
  );

/** Who leads a world that has no hand to stay at: its agent, else its first link. */
function rootOf(bodies: readonly BodyInfo[]): number {
  if (hasHand(bodies)) return -1;
  const agent = bodies.findIndex(({ role }) => role === 'agent');
  return agent >= 0 ? agent : bodies.findIndex(({ role }) => role === 'link');
}

/** poses: [worlds, bodies, 7] */
export function cellOf(bodies: readonly BodyInfo[], poses: Float32Array, goesAlong: boolean): Cell {
  const runner = goesAlong ? rootOf(bodies) : -1;
  const low: [number, number, number] = [Infinity, Infinity, Infinity];
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  const width = bodies.length * 7;
  const drawn = drawnIn(bodies);
  const top = hasHand(bodies) ? tableOf(bodies, poses) : null;
  for (let at = 0; at + width <= poses.length; at += width) {
    const [fromX, fromY] = runner < 0 ? [0, 0] : [poses[at + runner * 7]!, poses[at + runner * 7 + 1]!];
    for (const i of drawn) {
      corners(bodies[i]!, poses, at + i * 7, (x, y, z) => {
        // What a task hides, it puts away deep in the ground.
        if (z < -5) return;
        if (top !== null && z < top.high[2]) return;
        if (runner >= 0 && Math.hypot(x - fromX, y - fromY) > aroundRunner) return;
        const point = [x - fromX, y - fromY, z];
        for (let axis = 0; axis < 3; axis++) {
          low[axis] = Math.min(low[axis]!, point[axis]!);
          high[axis] = Math.max(high[axis]!, point[axis]!);
        }
      });
    }
  }
  if (top !== null) {
    low[2] = top.high[2];
    // The middle of the table is where blocks and goals of the next episodes will be.
    for (const axis of [0, 1]) {
      const centre = (top.low[axis]! + top.high[axis]!) / 2;
      const half = (tableShare * (top.high[axis]! - top.low[axis]!)) / 2;
      low[axis] = Math.min(low[axis]!, centre - half);
      high[axis] = Math.max(high[axis]!, centre + half);
    }
  }
  if (!(low[0] <= high[0])) return { low: [-0.5, -0.5, 0], high: [0.5, 0.5, 0.5], runner };
  // A thin thing (a pole on its rail) still gets a place that can be seen and clicked.
  const least = 0.3 * Math.max(high[0] - low[0], high[1] - low[1], high[2] - low[2]);
  for (const axis of [0, 1]) {
    const missing = least - (high[axis]! - low[axis]!);
    if (missing <= 0) continue;
    low[axis]! -= missing / 2;
    high[axis]! += missing / 2;
  }
  return { low, high, runner };
}

/** The box round the tables of the first world; null without any. */
function tableOf(bodies: readonly BodyInfo[], poses: Float32Array): Pick<Cell, 'low' | 'high'> | null {
  const low: [number, number, number] = [Infinity, Infinity, Infinity];
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  bodies.forEach((body, i) => {
    if (body.role !== 'table' || radiusOf(body) > largest) return;
    corners(body, poses, i * 7, (...point) => {
      for (let axis = 0; axis < 3; axis++) {
        low[axis] = Math.min(low[axis]!, point[axis]!);
        high[axis] = Math.max(high[axis]!, point[axis]!);
      }
    });
  });
  return low[0] <= high[0] ? { low, high } : null;
}

/** Whether somebody has run out of the cell that stays, so that it should go along. */
export function hasLeft(cell: Cell, bodies: readonly BodyInfo[], poses: Float32Array): boolean {
  if (cell.runner >= 0) return false;
  const root = rootOf(bodies);
  if (root < 0) return false;
  const spare = [0, 1].map((axis) => 0.5 * (cell.high[axis]! - cell.low[axis]!));
  for (let at = root * 7; at < poses.length; at += bodies.length * 7) {
    for (const axis of [0, 1]) {
      const place = poses[at + axis]!;
      if (place < cell.low[axis]! - spare[axis]! || place > cell.high[axis]! + spare[axis]!) return true;
    }
  }
  return false;
}

export interface Places {
  readonly columns: number;
  readonly rows: number;
  /** From one world to the next, along x and along y. */
  readonly stepX: number;
  readonly stepY: number;
  /** Middle of each world's cell, row by row from the far left one. [worlds, 2] */
  readonly at: Float32Array;
}

/** A grid about as wide as the picture, `aspect` = width / height. Rows lie down, so they look shorter than they are. */
export function placesOf(worlds: number, cell: Cell, aspect: number): Places {
  const stepX = (cell.high[0] - cell.low[0]) * (1 + gap);
  const stepY = (cell.high[1] - cell.low[1]) * (1 + gap) + 0.3 * (cell.high[2] - cell.low[2]);
  const lying = 0.75;
  const ideal = Math.sqrt((worlds * aspect * lying * stepY) / stepX);
  // Full rows where they are not far from the best shape.
  const cost = (columns: number): number =>
    Math.abs(Math.log(columns / ideal)) + (worlds % columns === 0 ? 0 : 0.4);
  let columns = 1;
  for (let c = 2; c <= worlds; c++) if (cost(c) < cost(columns)) columns = c;
  const rows = Math.ceil(worlds / columns);
  const at = new Float32Array(worlds * 2);
  for (let world = 0; world < worlds; world++) {
    at[world * 2] = ((world % columns) - (columns - 1) / 2) * stepX;
    at[world * 2 + 1] = ((rows - 1) / 2 - Math.floor(world / columns)) * stepY;
  }
  return { columns, rows, stepX, stepY, at };
}

/** The world at a point of the ground; -1: none. */
export function worldAt(places: Places, worlds: number, x: number, y: number): number {
  const column = Math.round(x / places.stepX + (places.columns - 1) / 2);
  const row = Math.round((places.rows - 1) / 2 - y / places.stepY);
  if (column < 0 || column >= places.columns || row < 0 || row >= places.rows) return -1;
  const world = row * places.columns + column;
  return world < worlds ? world : -1;
}
