/** Drive an underpowered car out of a valley, three pushes: Moore 1990, as in Gymnasium's MountainCar-v0. */

import { clamp, cos } from '../engine/math.ts';
import { classicTask, options } from './classic.ts';
import {
  best,
  gravity,
  hillBodies,
  hillPoses,
  leftmost,
  maxSpeed,
  memory,
  observationSpace,
  observe,
  position,
  rememberShare,
  rightmost,
  stages,
  vector,
  velocity,
} from './hill.ts';

const force = 0.001;
const goal = 0.5;

const hasArrived = (state: Float64Array, o: number): boolean =>
  state[o + position]! >= goal && state[o + velocity]! >= 0;

export const mountainCar = classicTask({
  id: 'mountain-car',
  title: 'Mountain car',
  summary: "Rock an underpowered car out of a valley with three pushes; Gymnasium's MountainCar-v0.",
  // As in rl-baselines3-zoo.
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 1_000_000,
        worlds: 16,
        stepsPerWorld: 16,
        epochs: 4,
        minibatch: 64,
        learningRate: 0.0003,
        learningRateSchedule: 'constant',
        gamma: 0.99,
        gaeLambda: 0.98,
        clipCoef: 0.2,
        entropyCoef: 0,
        targetKl: 0,
      },
    },
  },
  gymnasium: 'MountainCar-v0',
  horizon: 200,
  controlDt: 1 / 30,
  vector,
  memory,
  observationSpace: {
    ...observationSpace,
    low: Float64Array.of(leftmost, -maxSpeed),
    high: Float64Array.of(rightmost, maxSpeed),
  },
  actionSpace: options('push', 3),
  stages,
  reward: { help: "Gymnasium's reward: -1 a step", range: [-1, -1] },
  success: 'The car has been on top of the right hill',

  draw(random, state, o) {
    state[o + position] = random.uniform(-0.6, -0.4);
  },

  /** velocity += (action - 1) force - gravity cos(3 position); position += velocity; the left wall stops the car. */
  move(state, o, action) {
    const v = state[o + velocity]! + ((action - 1) * force + cos(3 * state[o + position]!) * -gravity);
    const clipped = clamp(v, -maxSpeed, maxSpeed);
    const p = clamp(state[o + position]! + clipped, leftmost, rightmost);
    state[o + position] = p;
    state[o + velocity] = p === leftmost && clipped < 0 ? 0 : clipped;
  },

  remember: (state, o) => rememberShare(state, o, goal, state[o + best] === 1 || hasArrived(state, o)),
  observe,
  hasEnded: hasArrived,
  rewardOf: () => -1,
  stage: (state, o) => (state[o + best] === 1 ? 1 : 0),
  progress: (state, o) => state[o + best]!,

  /** Pushing along the motion adds energy all the time. */
  expert: (state, o) => (state[o + velocity]! < 0 ? 0 : 2),

  bodies: hillBodies,
  poses: hillPoses(goal),
});
