/**
 * Views for tasks that name none of their own: front, side and top frame everything that matters in a few starts and
 * along one expert episode; wrist looks down at the fingertips, or follows whoever moves where there is no hand.
 */

import type { Body, BodyRole, CameraView, TaskModel } from '../env.ts';

/** Half the largest extent of a body, metres. */
export function radiusOf({ shape }: Body): number {
  switch (shape.type) {
    case 'box': {
      const [x, y, z] = shape.size;
      return Math.sqrt(x * x + y * y + z * z) / 2;
    }
    case 'sphere':
      return shape.radius;
    case 'capsule':
      return shape.length / 2 + shape.radius;
    case 'cylinder':
      return Math.sqrt(shape.radius * shape.radius + (shape.length * shape.length) / 4);
  }
}

const fieldOfView = 0.8;
/** tan(fieldOfView / 2), and a little air round the scene. */
const halfTangent = 0.4228 * 0.92;

const starts = 8;
const expertSteps = 300;
/** Poses are looked at every so many steps. */
const stride = 5;

/** Bodies larger than this (endless floors, lane marks) say nothing about where to look. */
const largest = 6;

const scenery: readonly BodyRole[] = ['floor', 'table', 'marker'];
/** Larger goals are areas or lines. */
const largestGoal = 0.3;
const robotParts: readonly BodyRole[] = ['link', 'joint', 'wheel'];

/** From the scene towards the camera. */
const directions = {
  front: [1, 0, 0.75],
  side: [0, -1, 0.42],
  top: [0, 0, 1],
} as const;

/** What must be in the picture; with a robot on a table it is the gripper and what it handles, not the whole arm. */
function focusOf(bodies: readonly Body[]): number[] {
  const hasGripper = bodies.some((body) => body.role === 'gripper');
  const picked = bodies.flatMap((body, i) => {
    const limit = body.role === 'goal' ? largestGoal : largest;
    if (radiusOf(body) > limit || scenery.includes(body.role)) return [];
    if (hasGripper && (robotParts.includes(body.role) || body.role === 'wall')) return [];
    return [i];
  });
  return picked.length > 0 ? picked : bodies.map((_, i) => i);
}

/** Whoever moves: what a chase view is attached to. */
function rootOf(bodies: readonly Body[]): number {
  for (const role of ['agent', 'gripper', 'link', 'object', 'joint'] as const) {
    const found = bodies.findIndex((body) => body.role === role);
    if (found >= 0) return found;
  }
  return 0;
}

interface Extent {
  readonly low: [number, number, number];
  readonly high: [number, number, number];
}

const nothing = (): Extent => ({
  low: [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  high: [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
});

function include(extent: Extent, axis: number, middle: number, radius: number): void {
  extent.low[axis] = Math.min(extent.low[axis]!, middle - radius);
  extent.high[axis] = Math.max(extent.high[axis]!, middle + radius);
}

/** Half of what a body in its pose takes up along an axis of the world. */
function halfExtent({ shape }: Body, poses: Float32Array, at: number, axis: number): number {
  if (shape.type === 'sphere') return shape.radius;
  // Row `axis` of the body's rotation, from its quaternion (i the axis, j and k the two after it).
  const j = (axis + 1) % 3;
  const k = (axis + 2) % 3;
  const qi = poses[at + 3 + axis]!;
  const qj = poses[at + 3 + j]!;
  const qk = poses[at + 3 + k]!;
  const qw = poses[at + 6]!;
  const row = [0, 0, 0];
  row[axis] = Math.abs(1 - 2 * (qj * qj + qk * qk));
  row[j] = Math.abs(2 * (qi * qj - qw * qk));
  row[k] = Math.abs(2 * (qi * qk + qw * qj));
  if (shape.type === 'box') {
    return (row[0]! * shape.size[0] + row[1]! * shape.size[1] + row[2]! * shape.size[2]) / 2;
  }
  const along = (row[2]! * shape.length) / 2;
  const rim = shape.type === 'capsule' ? 1 : Math.sqrt(Math.max(0, 1 - row[2]! * row[2]!));
  return along + shape.radius * rim;
}

const sizeOf = (extent: Extent, axis: number): number => extent.high[axis]! - extent.low[axis]!;

/** The nearest place in this direction from the middle from which all corners are in view. */
function standBack(
  extent: Extent,
  direction: readonly [number, number, number],
): readonly [position: readonly [number, number, number], target: readonly [number, number, number]] {
  const [dx, dy, dz] = direction;
  const length = Math.sqrt(dx * dx + dy * dy + dz * dz);
  const back = [dx / length, dy / length, dz / length] as const;
  // Right and up of a picture whose up is the world's z, straight down the world's y.
  const flat = Math.sqrt(back[0] * back[0] + back[1] * back[1]);
  const right = flat < 1e-9 ? ([1, 0, 0] as const) : ([-back[1] / flat, back[0] / flat, 0] as const);
  const up = [
    back[1] * right[2] - back[2] * right[1],
    back[2] * right[0] - back[0] * right[2],
    back[0] * right[1] - back[1] * right[0],
  ] as const;
  const middle = [0, 1, 2].map((axis) => (extent.low[axis]! + extent.high[axis]!) / 2);
  let distance = 0.1;
  for (let corner = 0; corner < 8; corner++) {
    const away = [0, 1, 2].map((axis) => ((corner >> axis) & 1 ? 0.5 : -0.5) * sizeOf(extent, axis));
    const along = (axis: readonly [number, number, number]): number =>
      away[0]! * axis[0] + away[1]! * axis[1] + away[2]! * axis[2];
    const aside = Math.max(Math.abs(along(right)), Math.abs(along(up)));
    distance = Math.max(distance, along(back) + aside / halfTangent);
  }
  const target = [middle[0]!, middle[1]!, middle[2]!] as const;
  return [
    [target[0] + distance * back[0], target[1] + distance * back[1], target[2] + distance * back[2]],
    target,
  ];
}

/** `front`, `side`, `top` and `wrist` of a task. Pure; runs up to a few hundred steps of the task. */
export function defaultViews(model: TaskModel): CameraView[] {
  const { bodies } = model;
  const focus = focusOf(bodies);
  const radii = bodies.map(radiusOf);
  const root = rootOf(bodies);
  const poses = new Float32Array(bodies.length * 7);
  const state = new Float64Array(model.stateDim);
  const action = new Float64Array(model.actionSpace.dim);
  const world = nothing();
  /** The same seen from the root. */
  const around = nothing();
  const travel = nothing();

  const look = (isPath: boolean): void => {
    model.poses(state, 0, poses, 0);
    for (let axis = 0; axis < 3; axis++) {
      const at = poses[root * 7 + axis]!;
      if (isPath) include(travel, axis, at, 0);
      for (const i of focus) {
        const half = halfExtent(bodies[i]!, poses, i * 7, axis);
        include(world, axis, poses[i * 7 + axis]!, half);
        include(around, axis, poses[i * 7 + axis]! - at, half);
      }
    }
  };
  for (let seed = starts - 1; seed >= 0; seed--) {
    model.reset(seed, state, 0);
    look(false);
  }
  const steps = Math.min(model.horizon, expertSteps);
  for (let step = 0; step < steps && !model.terminal(state, 0); step++) {
    if (step % stride === 0) look(true);
    model.expert(state, 0, action, 0);
    model.advance(state, action, 0, 1);
  }
  look(true);

  // A runner leaves every fixed picture; whoever drives about in a walled place does not.
  const isAgent = bodies[root]!.role === 'agent';
  const farthest = Math.max(sizeOf(travel, 0), sizeOf(travel, 1));
  const follows = farthest > (isAgent ? 14 : 2.5);
  const extent = follows ? nearby(around) : world;
  const views = (['front', 'side', 'top'] as const).map((name): CameraView => {
    const [position, target] = standBack(extent, directions[name]);
    return {
      name,
      ...(follows ? { body: bodies[root]!.name, turns: false } : {}),
      position,
      target,
      fieldOfView,
    };
  });
  return [...views, wristView(model, root, radii[root]!)];
}

/** What stays within a few metres of a runner. */
function nearby({ low, high }: Extent): Extent {
  const reach = 2;
  const clip = (values: readonly number[]): [number, number, number] => [
    Math.max(-reach, Math.min(reach, values[0]!)),
    Math.max(-reach, Math.min(reach, values[1]!)),
    Math.max(-reach, Math.min(reach, values[2]!)),
  ];
  return { low: clip(low), high: clip(high) };
}

function wristView({ bodies }: TaskModel, root: number, radius: number): CameraView {
  if (bodies.some((body) => body.name === 'hand')) {
    return {
      name: 'wrist',
      body: 'hand',
      position: [-0.1, 0, -0.005],
      target: [0.03, 0, -0.1],
      fieldOfView: 1.3,
    };
  }
  const back = Math.min(2.5, Math.max(0.35, 5 * radius));
  return {
    name: 'wrist',
    body: bodies[root]!.name,
    // What carries links swings about: the camera would with it.
    turns: bodies[root]!.role === 'agent',
    position: [-back, 0, 0.7 * back],
    target: [0.5 * back, 0, 0],
    fieldOfView: 1,
  };
}
