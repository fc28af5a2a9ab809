/**
 * Drive an underpowered car out of a valley, paid for reaching the top, charged for force: Gymnasium's
 * MountainCarContinuous-v0.
 *
 * Gymnasium keeps this state in float32 and rounds it after every step, so an exact twin has to round where NumPy 2 does:
 * an operation of two float32 numbers (or one and a plain Python number) rounds its result, any float64 partner widens
 * it. A number counts as float32 here when it is representable in it: states after the first step are, and so are
 * actions of Gymnasium's own action space; other actions and start states take NumPy's float64 path.
 */

import { clamp, cos } from '../engine/math.ts';
import { classicTask, isSingle } from './classic.ts';
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

const single = Math.fround;
const power = 0.0015;
const goal = 0.45;

const hasArrived = (state: Float64Array, o: number): boolean =>
  state[o + position]! >= single(goal) && state[o + velocity]! >= 0;

export const mountainCarContinuous = classicTask({
  id: 'mountain-car-continuous',
  title: 'Mountain car, continuous',
  summary:
    "Rock an underpowered car out of a valley, every force has its price; Gymnasium's MountainCarContinuous-v0.",
  // With wide noise in place of the state-dependent noise of rl-baselines3-zoo.
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 200_000,
        worlds: 8,
        stepsPerWorld: 256,
        epochs: 10,
        minibatch: 256,
        learningRate: 0.0003,
        learningRateSchedule: 'constant',
        gamma: 0.9999,
        gaeLambda: 0.9,
        clipCoef: 0.1,
        entropyCoef: 0.005,
        targetKl: 0,
        initialLogStd: 0.5,
      },
    },
  },
  gymnasium: 'MountainCarContinuous-v0',
  horizon: 999,
  controlDt: 1 / 30,
  vector,
  memory,
  observationSpace,
  actionSpace: {
    type: 'box',
    dim: 1,
    low: Float64Array.of(-1),
    high: Float64Array.of(1),
    names: ['force'],
  },
  stages,
  reward: {
    help: "Gymnasium's reward: 100 for arriving, less force^2 / 10 a step",
    range: [-0.1, 100],
  },
  success: 'The car has been on top of the right hill',

  draw(random, state, o) {
    state[o + position] = random.uniform(-0.6, -0.4);
  },

  /** velocity += force power - gravity cos(3 position); position += velocity; the left wall stops the car. */
  move(state, o, action) {
    const p = state[o + position]!;
    const v = state[o + velocity]!;
    const stateIsSingle = isSingle(p) && isSingle(v);
    // A force that had to be clipped is a plain Python number; so is the pull of gravity.
    const force = clamp(action, -1, 1);
    const forceIsPlain = force !== action;
    const forceIsSingle = !forceIsPlain && isSingle(action);
    const pull = gravity * cos(stateIsSingle ? single(3 * p) : 3 * p);
    const push = forceIsSingle ? single(single(force * single(power)) - single(pull)) : force * power - pull;

    const speedIsSingle = stateIsSingle && (forceIsSingle || forceIsPlain);
    const speed = speedIsSingle ? single(v + single(push)) : v + push;
    const fastest = speedIsSingle ? single(maxSpeed) : maxSpeed;
    const clipped = speed > fastest ? maxSpeed : speed < -fastest ? -maxSpeed : speed;
    const placeIsSingle = stateIsSingle && (speedIsSingle || clipped !== speed);
    const moved = placeIsSingle ? single(p + single(clipped)) : p + clipped;
    const place = single(clamp(moved, leftmost, rightmost));

    state[o + position] = place;
    state[o + velocity] = place === single(leftmost) && clipped < 0 ? 0 : single(clipped);
  },

  remember: (state, o) => rememberShare(state, o, goal, state[o + best] === 1 || hasArrived(state, o)),
  observe,
  hasEnded: hasArrived,
  rewardOf: (_state, _o, action, next, n) => (hasArrived(next, n) ? 100 : 0) - action * action * 0.1,
  stage: (state, o) => (state[o + best] === 1 ? 1 : 0),
  progress: (state, o) => state[o + best]!,

  /** Pushing along the motion adds energy all the time. */
  expert: (state, o) => (state[o + velocity]! < 0 ? -1 : 1),

  bodies: hillBodies,
  poses: hillPoses(goal),
});
