/** What the tasks with several agents share: their fields, the step in which the scripted agents act, drawing. */

import type { Random } from '../engine/random.ts';
import type { Body, CameraView, ParallelFace } from '../env.ts';
import type { Fields } from '../fields.ts';

/** Fields that every task with several agents has. */
export function agentFields<H extends number>(horizon: H, difficulty: number, help: string) {
  return {
    horizon: {
      type: 'integer',
      default: horizon,
      min: 1,
      max: 2000,
      unit: 'steps',
      help: 'Control steps after which an episode is cut off',
    },
    fixedHorizon: {
      type: 'boolean',
      default: true,
      help: 'Every episode lasts the whole horizon; off: it ends when it has been decided',
    },
    difficulty: { type: 'number', default: difficulty, min: 0, max: 1, help },
    randomisation: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'How much what cannot be seen (masses, friction, habits) is drawn anew each episode',
    },
  } as const satisfies Fields;
}

/** A factor round 1 that `randomisation` widens up to [1 - most, 1 + most]. */
export const randomFactor = (random: Random, randomisation: number, most: number): number =>
  1 + randomisation * random.uniform(-most, most);

/** One control step of one world in which every agent acts. actions: all agents' in order, from `at`. */
export type JointMove = (state: Float64Array, o: number, actions: Float64Array, at: number) => void;

/** `advance` for all agents, and for agent 0 among scripted others. Both end in the same `move`, so their bits are equal. */
export function advances(
  stateDim: number,
  actionDim: number,
  agents: number,
  move: JointMove,
  expert: ParallelFace['expert'],
): { readonly joint: ParallelFace['advance']; readonly alone: ParallelFace['advance'] } {
  const width = agents * actionDim;
  const chosen = new Float64Array(width);
  return {
    joint(states, actions, first, count) {
      for (let w = first; w < first + count; w++) move(states, w * stateDim, actions, w * width);
    },
    alone(states, actions, first, count) {
      for (let w = first; w < first + count; w++) {
        const o = w * stateDim;
        for (let k = 0; k < actionDim; k++) chosen[k] = actions[w * actionDim + k]!;
        for (let i = 1; i < agents; i++) expert(i, states, o, chosen, i * actionDim);
        move(states, o, chosen, 0);
      }
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Drawing

export const box = (
  name: string,
  role: Body['role'],
  size: readonly [x: number, y: number, z: number],
  colour?: Body['colour'],
): Body => ({ name, shape: { type: 'box', size }, role, ...(colour && { colour }) });

export const cylinder = (
  name: string,
  role: Body['role'],
  radius: number,
  length: number,
  colour?: Body['colour'],
): Body => ({ name, shape: { type: 'cylinder', radius, length }, role, ...(colour && { colour }) });

export const sphere = (name: string, role: Body['role'], radius: number, colour?: Body['colour']): Body => ({
  name,
  shape: { type: 'sphere', radius },
  role,
  ...(colour && { colour }),
});

/** A body and where it stands for good: x, y, z and turn about z in radians. */
export type Standing = readonly [
  body: Body,
  place: readonly [x: number, y: number, z: number],
  quaternionZ?: readonly [z: number, w: number],
];

/** Writes body number `index`: its middle, turned about z by the half-angle quaternion (0, 0, qz, qw). */
export function put(
  out: Float32Array,
  at: number,
  index: number,
  x: number,
  y: number,
  z: number,
  qz = 0,
  qw = 1,
): void {
  const p = at + 7 * index;
  out[p] = x;
  out[p + 1] = y;
  out[p + 2] = z;
  out[p + 3] = 0;
  out[p + 4] = 0;
  out[p + 5] = qz;
  out[p + 6] = qw;
}

/** Writes what stands for good, from body number `first`. */
export function putStanding(standing: readonly Standing[], out: Float32Array, at: number, first = 0): void {
  for (const [i, [, [x, y, z], turn]] of standing.entries()) {
    put(out, at, first + i, x, y, z, turn?.[0], turn?.[1]);
  }
}

/** A ground of this size from three sides, and one that goes along with agent 0's body, world's axes kept. */
export function groundCameras(width: number, depth: number, agent: string): readonly CameraView[] {
  const fieldOfView = 0.8;
  const target = [0, 0, 0] as const;
  return [
    { name: 'front', position: [0, -0.5 * width - 0.6 * depth, width], target, fieldOfView },
    { name: 'side', position: [-0.95 * width, 0, 0.6 * width], target, fieldOfView },
    { name: 'top', position: [0, 0, 1.2 * width], target, fieldOfView },
    {
      name: 'wrist',
      body: agent,
      turns: false,
      position: [-1.3, 0, 1.2],
      target: [0.6, 0, 0],
      fieldOfView: 1.2,
    },
  ];
}
