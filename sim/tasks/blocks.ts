/** What the tasks with loose blocks share: sizes, what is observed of the hand and the blocks, and how hard an episode is. */

import type { BoxSpace, GoalFace } from '../env.ts';
import { type HandRow, hand } from '../robots/hand.ts';
import { boxSpace, clipTo, copy3, difference3, moveTowards, writeGoal, xyz } from './parts.ts';
import type { TableWorld } from './table.ts';

/** A cube: half its edge in metres, kilograms. */
export const block = { half: 0.025, mass: 0.1 } as const;

/** Where a body's numbers stand in the row. */
export interface BodyRow {
  readonly pos: number;
  readonly quat: number;
  readonly vel: number;
  readonly spin: number;
}

export function bodyRow({ world }: TableWorld, name: string): BodyRow {
  const at = (field: string): number => world.at(`${name}.${field}`);
  return { pos: at('pos'), quat: at('quat'), vel: at('vel'), spin: at('spin') };
}

export const difficultyField = (below: string, above: string) =>
  ({
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: `How hard the starts are: at 0.5 as the other settings say; towards 0 ${below}; towards 1 ${above}`,
  }) as const;

export const occlusionField = {
  type: 'boolean',
  default: false,
  help: 'A block under the palm is not seen: it is reported at the hand, upright and at rest, and as not seen',
} as const;

/** Shares that a difficulty stands for: `spread` of the ranges of starts, and `extra` on top in the harder half. */
export const ease = (difficulty: number): { spread: number; extra: number } => ({
  spread: Math.min(1, 2 * difficulty),
  extra: Math.max(0, 2 * difficulty - 1),
});

/** What a task's goal settings come to at its difficulty: nearer goals below 0.5, down to half the radius above. */
export function goalRange(settings: {
  readonly difficulty: number;
  readonly goalRadius: number;
  readonly goalDistanceMin: number;
  readonly goalDistanceMax: number;
}): { radius: number; nearest: number; farthest: number } {
  const { spread, extra } = ease(settings.difficulty);
  const { goalDistanceMin: nearest, goalDistanceMax } = settings;
  return {
    radius: settings.goalRadius * (1 - 0.5 * extra),
    nearest,
    farthest: nearest + spread * (goalDistanceMax - nearest),
  };
}

/** True where a block has left the table top for good. */
export const hasFallen = (state: Float64Array, o: number, body: BodyRow): boolean =>
  state[o + body.pos + 2]! < 0;

export const speedOf = (state: Float64Array, o: number, body: BodyRow): number => {
  const x = state[o + body.vel]!;
  const y = state[o + body.vel + 1]!;
  const z = state[o + body.vel + 2]!;
  return Math.sqrt(x * x + y * y + z * z);
};

/** Whether the palm is over the block's middle, seen from above. */
export const isUnderPalm = (state: Float64Array, o: number, row: HandRow, body: BodyRow): boolean =>
  Math.abs(state[o + body.pos]! - state[o + row.pos]!) < hand.palmHalf[0] &&
  Math.abs(state[o + body.pos + 1]! - state[o + row.pos + 1]!) < hand.palmHalf[1] &&
  state[o + body.pos + 2]! < state[o + row.pos + 2]! + hand.fingerHeight;

/**
 * How a cube is turned, without telling its six faces apart (four numbers): x and y of the axis nearest to the vertical,
 * 0 where it stands flat; then cos and sin of four times its heading.
 *
 * The heading comes from z = sum of (x_k + i y_k)^4 over its three axes: unchanged when the cube is turned into itself,
 * and 2 e^(4 i heading) where it stands flat.
 */
export function writeTurn(state: Float64Array, quat: number, out: Float64Array, at: number): void {
  const x = state[quat]!;
  const y = state[quat + 1]!;
  const z = state[quat + 2]!;
  const w = state[quat + 3]!;
  let re = 0;
  let im = 0;
  let most = -1;
  for (let k = 0; k < 3; k++) {
    // Column k of the rotation matrix.
    const ax = k === 0 ? 1 - 2 * (y * y + z * z) : k === 1 ? 2 * (x * y - w * z) : 2 * (x * z + w * y);
    const ay = k === 0 ? 2 * (x * y + w * z) : k === 1 ? 1 - 2 * (x * x + z * z) : 2 * (y * z - w * x);
    const az = k === 0 ? 2 * (x * z - w * y) : k === 1 ? 2 * (y * z + w * x) : 1 - 2 * (x * x + y * y);
    const re2 = ax * ax - ay * ay;
    const im2 = 2 * ax * ay;
    re += re2 * re2 - im2 * im2;
    im += 2 * re2 * im2;
    if (Math.abs(az) <= most) continue;
    most = Math.abs(az);
    out[at] = az < 0 ? -ax : ax;
    out[at + 1] = az < 0 ? -ay : ay;
  }
  const length = Math.sqrt(re * re + im * im);
  out[at + 2] = length > 1e-9 ? re / length : 1;
  out[at + 3] = length > 1e-9 ? im / length : 0;
}

export interface Observer {
  readonly space: BoxSpace;
  observe(state: Float64Array, o: number, out: Float64Array, at: number): void;
}

/**
 * What is observed of the hand, of `blocks` (by name), relative to the hand and to the goal at `goal`, and of things in
 * the way. With `occlusion` a block under the palm is hidden as `occlusionField` says.
 */
export function blockObserver(
  kit: TableWorld,
  blocks: readonly string[],
  goal: number,
  { distractors, occlusion }: { readonly distractors: number; readonly occlusion: boolean },
): Observer {
  const { row, world } = kit;
  const rows = blocks.map((name) => bodyRow(kit, name));
  const others = Array.from({ length: distractors }, (_, i) => world.at(`distractor${i + 1}.pos`));
  const space = boxSpace([
    ...xyz('gripperPos', 1),
    ...xyz('gripperVel', 2),
    ...(row.opening < 0
      ? []
      : ([
          ['opening', 0.1],
          ['openingRate', 1],
          // How far inside the pads the servo aims: how hard it squeezes.
          ['squeeze', 0.1],
        ] as const)),
    ...blocks.flatMap((name) => [
      ...xyz(`gripperTo${name[0]!.toUpperCase()}${name.slice(1)}`, 3),
      ...xyz(`${name}ToGoal`, 3),
      ...xyz(`${name}Vel`, 10),
      [`${name}Tilt.x`, 1] as const,
      [`${name}Tilt.y`, 1] as const,
      [`${name}Yaw4.cos`, 1.001] as const,
      [`${name}Yaw4.sin`, 1.001] as const,
      ...xyz(`${name}Spin`, 100),
      ...(occlusion ? [[`${name}Seen`, 1] as const] : []),
    ]),
    ...(blocks.length === 0 ? xyz('gripperToGoal', 2) : []),
    ...others.flatMap((_, i) => xyz(`gripperToDistractor${i + 1}`, 3)),
  ]);
  return {
    space,
    observe(state, o, out, first) {
      let at = first;
      copy3(state, o + row.pos, out, at);
      copy3(state, o + row.vel, out, at + 3);
      at += 6;
      if (row.opening >= 0) {
        out[at] = state[o + row.opening]!;
        out[at + 1] = state[o + row.openingRate]!;
        out[at + 2] = state[o + row.opening]! - state[o + row.openingTarget]!;
        at += 3;
      }
      for (let i = 0; i < rows.length; i++) {
        const body = rows[i]!;
        const hidden = occlusion && isUnderPalm(state, o, row, body);
        const pos = o + (hidden ? row.pos : body.pos);
        difference3(state, pos, state, o + row.pos, out, at);
        difference3(state, o + goal, state, pos, out, at + 3);
        if (hidden) {
          for (let k = 6; k < 16; k++) out[at + k] = 0;
          out[at + 11] = 1;
        } else {
          copy3(state, o + body.vel, out, at + 6);
          writeTurn(state, o + body.quat, out, at + 9);
          copy3(state, o + body.spin, out, at + 13);
        }
        at += 16;
        if (occlusion) out[at++] = hidden ? 0 : 1;
      }
      if (rows.length === 0) {
        difference3(state, o + goal, state, o + row.pos, out, at);
        at += 3;
      }
      for (let i = 0; i < others.length; i++, at += 3)
        difference3(state, o + others[i]!, state, o + row.pos, out, at);
      clipTo(space, out, first);
    },
  };
}

/** A block that rests at a goal: the goal-conditioned face, and success by the same measure. */
export interface RestGoals {
  readonly face: GoalFace;
  isReached(state: Float64Array, o: number): boolean;
}

/**
 * `name` within `radius` of the goal and slower than `restSpeed`. What is achieved is a place and a speed, so that a block in
 * passing has not achieved the place it is at; the speed wanted is 0. `held`: where the steps in success are counted.
 */
export function restGoals(
  name: string,
  body: BodyRow,
  goal: number,
  held: number,
  radius: number,
  restSpeed: number,
): RestGoals {
  const pair = new Float64Array(8);
  const isReached = (state: Float64Array, o: number): boolean => {
    face.achieved(state, o, pair, 0);
    face.desired(state, o, pair, 4);
    return face.computeReward(pair, 0, pair, 4) === 1;
  };
  const face: GoalFace = {
    dim: 4,
    names: [...xyz(`${name}Pos`, 1).map(([axis]) => axis), `${name}Speed`],
    achieved(state, o, out, at) {
      copy3(state, o + body.pos, out, at);
      out[at + 3] = speedOf(state, o, body);
    },
    desired(state, o, out, at) {
      copy3(state, o + goal, out, at);
      out[at + 3] = 0;
    },
    setDesired(wanted, from, state, o) {
      if (writeGoal(wanted, from, 3, state, o + goal)) state[o + held] = isReached(state, o) ? 1 : 0;
    },
    computeReward(achieved, a, desired, d) {
      const x = achieved[a]! - desired[d]!;
      const y = achieved[a + 1]! - desired[d + 1]!;
      const z = achieved[a + 2]! - desired[d + 2]!;
      return x * x + y * y + z * z < radius * radius && achieved[a + 3]! < restSpeed ? 1 : 0;
    },
  };
  return { face, isReached };
}

/** Height of the fingertips over the bottom of a block that they hold. */
export const graspHeight = 0.015;

/** Force of each pad from which a block counts as held, N. */
const leastGrip = 0.5;

/** Whether both pads press on the block that is between them. */
export function grips(kit: TableWorld, name: string): (state: Float64Array, o: number) => boolean {
  const { row, world } = kit;
  const body = bodyRow(kit, name);
  const index = world.body(name);
  const left = world.body('leftFinger');
  const right = world.body('rightFinger');
  return (state, o) =>
    Math.abs(state[o + body.pos]! - state[o + row.pos]!) < 0.03 &&
    Math.abs(state[o + body.pos + 1]! - state[o + row.pos + 1]!) < 0.015 &&
    state[o + row.opening]! > 0.8 * block.half &&
    world.contactForce(state, o, index, left) > leastGrip &&
    world.contactForce(state, o, index, right) > leastGrip;
}

/** How far a cube with this quaternion reaches from its middle along y. */
export function reachAlongY(state: Float64Array, quat: number): number {
  const x = state[quat]!;
  const y = state[quat + 1]!;
  const z = state[quat + 2]!;
  const w = state[quat + 3]!;
  return 2 * block.half * (Math.abs(x * y + w * z) + Math.abs(0.5 - x * x - z * z) + Math.abs(y * z - w * x));
}

/**
 * The expert's command on the way to a grasp: over the block with open fingers, down, close. Closing turns a block that is
 * not square to the fingers. Writes four numbers. `travel`: height of the fingertips at which nothing else is in the way; with
 * it the hand rises there before it goes anywhere.
 */
export function commandGrasp(
  state: Float64Array,
  o: number,
  row: HandRow,
  body: BodyRow,
  out: Float64Array,
  at: number,
  travel = 0,
): void {
  const x = state[o + body.pos]!;
  const y = state[o + body.pos + 1]!;
  const z = state[o + body.pos + 2]!;
  const dx = x - state[o + row.pos]!;
  const dy = y - state[o + row.pos + 1]!;
  const dz = z - state[o + row.pos + 2]!;
  const room = hand.openingMax - reachAlongY(state, o + body.quat);
  const centred = Math.abs(dx) < 0.012 && Math.abs(dy) < Math.max(0.003, 0.9 * room);
  const around = dz > -0.005 && dz < block.half - 0.005;
  if (centred && around) {
    // Fingers beside the block: close on it, keeping still.
    moveTowards(state, o + row.pos, x, y, z - block.half + graspHeight, out, at);
    out[at + 3] = 1;
    return;
  }
  const isOpen = state[o + row.opening]! > hand.openingMax - 0.004;
  const high = Math.max(z + block.half + 0.02, travel);
  const isClose = travel > 0 || (Math.abs(dx) < 0.06 && Math.abs(dy) < 0.09);
  if (centred && isOpen) moveTowards(state, o + row.pos, x, y, z - block.half + graspHeight, out, at);
  else if (isClose && state[o + row.pos + 2]! < high - 0.012)
    moveTowards(state, o + row.pos, x - dx, y - dy, high, out, at);
  else moveTowards(state, o + row.pos, x, y, high, out, at);
  out[at + 3] = -1;
}
