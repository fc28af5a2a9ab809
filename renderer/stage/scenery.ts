/** What of an episode must be in the picture, and whether the camera goes along. Pure; metres, z up. */

import type { BodyInfo } from '../../lab/api.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import type { Vector } from './framing.ts';

type Poses = Pick<LoadedEpisode, 'bodies' | 'poses' | 'length'>;

export interface Scenery {
  /** World points that presets get into the picture; relative to `path` where there is one. */
  readonly points: readonly Vector[];
  readonly centre: Vector;
  /** Half the size of it all. */
  readonly reach: number;
  /** Much wider than high each way. */
  readonly isFlat: boolean;
  /** Position of the body that the camera goes along with; null where it stays. [T + 1, 3] */
  readonly path: Float32Array | null;
}

/** Frames that are looked at: where things go, not only where they begin. */
const samples = 7;
/** Bodies larger than this (lanes, endless floors) say nothing about where to look. */
const largest = 5;
/** Whoever runs farther than this leaves a picture that shows the runner well; cars and robots are given more. */
const farRunning = 1.5;
const farDriving = 14;
/** What is nearer than this to a runner is in the picture. */
const aroundRunner = 1.6;
/** The same for whoever drives along a strip that reaches out of every picture. */
const aroundDriver = 2;
/** How much of a table belongs to the picture: where blocks and goals of the next episodes will be. */
const tableShare = 0.42;

export function radiusOf({ shape }: BodyInfo): number {
  switch (shape.type) {
    case 'box':
      return Math.max(...shape.size) / 2;
    case 'sphere':
      return shape.radius;
    case 'capsule':
      return shape.length / 2 + shape.radius;
    case 'cylinder':
      return Math.max(shape.length / 2, shape.radius);
  }
}

export type Put = (x: number, y: number, z: number) => void;

/** The corners of the box round a body in the pose at `at`. */
export function corners({ shape }: BodyInfo, poses: Float32Array, at: number, put: Put): void {
  const half =
    shape.type === 'box'
      ? shape.size.map((size) => size / 2)
      : shape.type === 'sphere'
        ? [shape.radius, shape.radius, shape.radius]
        : [shape.radius, shape.radius, shape.length / 2 + (shape.type === 'capsule' ? shape.radius : 0)];
  const [x, y, z, qx, qy, qz, qw] = poses.subarray(at, at + 7) as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let corner = 0; corner < 8; corner++) {
    const a = (corner & 1 ? 1 : -1) * half[0]!;
    const b = (corner & 2 ? 1 : -1) * half[1]!;
    const c = (corner & 4 ? 1 : -1) * half[2]!;
    // v + 2 q x (q x v + w v)
    const tx = qy * c - qz * b + qw * a;
    const ty = qz * a - qx * c + qw * b;
    const tz = qx * b - qy * a + qw * c;
    put(x + a + 2 * (qy * tz - qz * ty), y + b + 2 * (qz * tx - qx * tz), z + c + 2 * (qx * ty - qy * tx));
  }
}

/** Position of one body at each frame. [T + 1, 3] */
function pathOfBody({ bodies, poses, length }: Poses, i: number): Float32Array {
  const path = new Float32Array((length + 1) * 3);
  for (let t = 0; t <= length; t++) {
    const at = (t * bodies.length + i) * 7;
    path.set(poses.subarray(at, at + 3), t * 3);
  }
  return path;
}

/** The path of whoever leaves every fixed picture. */
function runnerOf(episode: Poses): Float32Array | null {
  const { bodies } = episode;
  const agent = bodies.findIndex(({ role }) => role === 'agent');
  const root = agent >= 0 ? agent : bodies.findIndex(({ role }) => role === 'link');
  if (root < 0) return null;
  const path = pathOfBody(episode, root);
  const travel = [0, 1].map((axis) => {
    const along = path.filter((_, k) => k % 3 === axis);
    return Math.max(...along) - Math.min(...along);
  });
  return Math.max(...travel) > (agent >= 0 ? farDriving : farRunning) ? path : null;
}

/** Null where there is nothing to look at. */
export function sceneryOf(episode: Poses): Scenery | null {
  const { bodies, poses, length } = episode;
  const hasGripper = bodies.some(({ role }) => role === 'gripper');
  const path = hasGripper ? null : runnerOf(episode);
  const driver = bodies.findIndex(({ role }) => role === 'agent');
  const hasStrip =
    !hasGripper && driver >= 0 && bodies.some((body) => body.role === 'table' && radiusOf(body) > largest);
  const low: [number, number, number] = [Infinity, Infinity, Infinity];
  const high: [number, number, number] = [-Infinity, -Infinity, -Infinity];
  const points: Vector[] = [];
  let top = -Infinity;
  const table = {
    low: [Infinity, Infinity] as [number, number],
    high: [-Infinity, -Infinity] as [number, number],
  };
  const stride = Math.max(1, Math.floor(length / (samples - 1)));
  for (let t = 0; t <= length; t += stride) {
    const [fromX, fromY] = path ? [path[t * 3]!, path[t * 3 + 1]!] : [0, 0];
    const here = (t * bodies.length + driver) * 7;
    bodies.forEach((body, i) => {
      const at = (t * bodies.length + i) * 7;
      const { role } = body;
      if (hasStrip && role === 'table') corners(body, poses, at, (_x, _y, z) => (top = Math.max(top, z)));
      // Lawns and strips reach on; what is on them is what people look at.
      if (role === 'floor' || radiusOf(body) > largest) return;
      const stands = t > 0 && [0, 1, 2, 3, 4, 5, 6].every((k) => poses[at + k] === poses[i * 7 + k]);
      if (stands && !path) return;
      corners(body, poses, at, (x, y, z) => {
        if (hasGripper && role === 'table') {
          top = Math.max(top, z);
          table.low = [Math.min(table.low[0], x), Math.min(table.low[1], y)];
          table.high = [Math.max(table.high[0], x), Math.max(table.high[1], y)];
          return;
        }
        const point: Vector = [x - fromX, y - fromY, z];
        if (path && Math.hypot(point[0], point[1]) > aroundRunner) return;
        if (hasStrip && Math.hypot(x - poses[here]!, y - poses[here + 1]!) > aroundDriver) return;
        points.push(point);
      });
    });
  }
  if (points.length === 0) return null;
  // What is below the top of table or strip (a pedestal) is not what people look at.
  const raised = points.map(([x, y, z]): Vector => [x, y, Math.max(z, top)]);
  for (const point of raised) {
    for (let axis = 0; axis < 3; axis++) {
      low[axis] = Math.min(low[axis]!, point[axis]!);
      high[axis] = Math.max(high[axis]!, point[axis]!);
    }
  }
  const centre: Vector = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, (low[2] + high[2]) / 2];
  const reach = Math.max(0.25, Math.hypot(high[0] - low[0], high[1] - low[1], high[2] - low[2]) / 2);
  if (hasGripper && Number.isFinite(top)) {
    for (const x of [table.low[0], table.high[0]]) {
      for (const y of [table.low[1], table.high[1]]) {
        raised.push([
          centre[0] + (x - centre[0]) * tableShare,
          centre[1] + (y - centre[1]) * tableShare,
          top,
        ]);
      }
    }
  }
  const isFlat = high[2] - low[2] < 0.3 * Math.min(high[0] - low[0], high[1] - low[1]);
  return { points: raised, centre, reach, isFlat, path };
}
