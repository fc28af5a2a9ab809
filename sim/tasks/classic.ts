/**
 * What the tasks of classic control share. Each is the same problem as its twin in Gymnasium 1.x (checked against 1.3.0):
 * same state vector, dynamics, observations (in float64, where Gymnasium hands out float32 copies), rewards, termination
 * and horizon. Only what Gymnasium does not have is ours: stages, true progress, success, expert, drawing. What those
 * need to remember follows Gymnasium's vector in the state row.
 */

import { cos, sin } from '../engine/math.ts';
import { createRandom, type Random } from '../engine/random.ts';
import type { ActionSpace, Body, BoxSpace, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { clipTo, layoutOf } from './parts.ts';

/** First number of Gymnasium's vector in a state row. */
export const vectorAt = 1;

type Named = readonly (readonly [name: string, unit: string])[];

/** All functions take `o`, where the row starts in `state`. */
export interface ClassicSpec {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly training: Required<Task>['training'];
  readonly gymnasium: string;
  readonly horizon: number;
  readonly controlDt: number;
  readonly vector: Named;
  /** Numbers of our own after the vector, 0 at the start of an episode. */
  readonly memory: Named;
  readonly observationSpace: BoxSpace;
  readonly actionSpace: ActionSpace;
  readonly stages: readonly Stage[];
  readonly reward: { readonly help: string; readonly range: readonly [low: number, high: number] };
  readonly success: string;
  readonly bodies: readonly Body[];
  /** Draws Gymnasium's start distribution into the vector. */
  draw(random: Random, state: Float64Array, o: number): void;
  /** One step of the vector. */
  move(state: Float64Array, o: number, action: number): void;
  /** Brings the memory up to date with the vector; also called once at the start. */
  remember(state: Float64Array, o: number): void;
  observe(state: Float64Array, o: number, out: Float64Array, at: number): void;
  /** Gymnasium's `terminated`. */
  hasEnded(state: Float64Array, o: number): boolean;
  rewardOf(state: Float64Array, o: number, action: number, next: Float64Array, n: number): number;
  stage(state: Float64Array, o: number, horizon: number): number;
  progress(state: Float64Array, o: number, horizon: number): number;
  expert(state: Float64Array, o: number): number;
  poses(state: Float64Array, o: number, out: Float32Array, at: number): void;
}

function fieldsOf(horizon: number) {
  return {
    horizon: {
      type: 'integer',
      default: horizon,
      min: 1,
      max: 2000,
      unit: 'steps',
      help: "Control steps after which an episode is cut off; the default is Gymnasium's",
    },
    fixedHorizon: {
      type: 'boolean',
      default: false,
      help: "Every episode lasts the whole horizon; off: it ends by Gymnasium's rules",
    },
  } as const satisfies Fields;
}

export function classicTask(spec: ClassicSpec): Task {
  const fields = fieldsOf(spec.horizon);
  const layout = layoutOf([
    ['step', 1, 'steps'],
    ...[...spec.vector, ...spec.memory].map(([name, unit]) => [name, 1, unit] as const),
  ]);
  const stateDim = layout.length;
  const version = 1;

  function create(anySettings: AnySettings): TaskModel {
    const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
    const { horizon, fixedHorizon } = settings;
    const success = (state: Float64Array, o: number): boolean => spec.progress(state, o, horizon) === 1;
    return {
      id: spec.id,
      version,
      settings,
      controlDt: spec.controlDt,
      substeps: 1,
      horizon,
      stateDim,
      stateLayout: layout,
      observationSpace: spec.observationSpace,
      actionSpace: spec.actionSpace,
      gymnasium: {
        id: spec.gymnasium,
        vector: spec.vector.map(([name]) => name),
        start(vector, state, o) {
          if (vector.length !== spec.vector.length) {
            throw new RangeError(
              `State of ${spec.gymnasium}: found ${vector.length} numbers, wanted ${spec.vector.length} (${this.vector.join(', ')})`,
            );
          }
          for (const [i, name] of this.vector.entries()) {
            if (!Number.isFinite(vector[i])) {
              throw new RangeError(
                `State of ${spec.gymnasium}: ${name} is ${vector[i]}, wanted a finite number`,
              );
            }
          }
          state.fill(0, o, o + stateDim);
          for (let i = 0; i < vector.length; i++) state[o + vectorAt + i] = vector[i]!;
          spec.remember(state, o);
        },
      },
      stages: spec.stages,
      rewardTerms: [
        { id: 'success', kind: 'sparse', weight: 1, help: spec.success },
        { id: 'reward', kind: 'dense', weight: 1, ...spec.reward },
      ],
      bodies: spec.bodies,

      reset(seed, state, o) {
        state.fill(0, o, o + stateDim);
        spec.draw(createRandom(seed), state, o);
        spec.remember(state, o);
      },

      advance(states, actions, first, count) {
        for (let world = first; world < first + count; world++) {
          const o = world * stateDim;
          spec.move(states, o, actions[world]!);
          states[o]! += 1;
          spec.remember(states, o);
        }
      },

      /** Gymnasium's episode is over before a number leaves its box; one that goes on all the same stays inside. */
      observe(state, o, out, at) {
        spec.observe(state, o, out, at);
        if (fixedHorizon) clipTo(spec.observationSpace, out, at);
      },
      success,
      stage: (state, o) => spec.stage(state, o, horizon),
      progress: (state, o) => spec.progress(state, o, horizon),
      terminal: (state, o) => !fixedHorizon && spec.hasEnded(state, o),

      reward(state, o, action, a, next, n, out, at) {
        out[at] = success(next, n) ? 1 : 0;
        out[at + 1] = spec.rewardOf(state, o, action[a]!, next, n);
      },

      expert(state, o, out, at) {
        out[at] = spec.expert(state, o);
      },

      poses: spec.poses,
    };
  }

  const { id, title, summary, training } = spec;
  return { id, title, summary, version, fields, training, create };
}

/** All of these actions are one number: a torque, a force, or which push of `n`. */
export const options = (name: string, n: number): ActionSpace => ({
  type: 'discrete',
  n,
  dim: 1,
  names: [name],
});

/** True where NumPy would hold this number as float32: Gymnasium's actions and some of its states are. */
export const isSingle = (value: number): boolean => Math.fround(value) === value;

// ---------------------------------------------------------------------------------------------------------------------
// Drawing: everything moves in the plane of x (right) and z (up)

export const box = (
  name: string,
  role: Body['role'],
  size: readonly [x: number, y: number, z: number],
): Body => ({ name, shape: { type: 'box', size }, role });

export const floor = box('floor', 'floor', [4, 4, 0.02]);
export const floorZ = -0.01;

/** Writes body number `index`: its middle, turned by `angle` from up (z) towards right (x). */
export function put(
  out: Float32Array,
  at: number,
  index: number,
  x: number,
  z: number,
  angle = 0,
  y = 0,
): void {
  const p = at + 7 * index;
  out[p] = x;
  out[p + 1] = y;
  out[p + 2] = z;
  out[p + 3] = 0;
  out[p + 4] = sin(angle / 2);
  out[p + 5] = 0;
  out[p + 6] = cos(angle / 2);
}
