/** Balance a pole on a cart by pushing it left or right: Barto, Sutton & Anderson 1983, as in Gymnasium's CartPole-v1. */

import { cos, sin } from '../engine/math.ts';
import { box, classicTask, floor, floorZ, options, put, vectorAt } from './classic.ts';

// Row: step, x, xDot, theta, thetaDot (theta from upright towards +x), then steps survived.
const x = vectorAt;
const xDot = vectorAt + 1;
const theta = vectorAt + 2;
const thetaDot = vectorAt + 3;
const survived = vectorAt + 4;

const gravity = 9.8;
const poleMass = 0.1;
const totalMass = poleMass + 1;
/** Half the length of the pole, m. */
const halfPole = 0.5;
const poleMassLength = poleMass * halfPole;
/** N */
const push = 10;
const dt = 0.02;
const farthest = 2.4;
/** 12 degrees. */
const steepest = (12 * 2 * Math.PI) / 360;

const hasFallen = (state: Float64Array, o: number): boolean =>
  Math.abs(state[o + x]!) > farthest || Math.abs(state[o + theta]!) > steepest;

/** Drawn metres a metre. */
const scale = 0.35;
const trackZ = 0.3;

export const cartpole = classicTask({
  id: 'cartpole',
  title: 'Cart and pole',
  summary: "Balance a pole on a cart by pushing it left or right; Gymnasium's CartPole-v1.",
  // As in rl-baselines3-zoo.
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 100_000,
        worlds: 8,
        stepsPerWorld: 32,
        epochs: 20,
        minibatch: 256,
        learningRate: 0.001,
        learningRateSchedule: 'linear',
        gamma: 0.98,
        gaeLambda: 0.8,
        clipCoef: 0.2,
        clipSchedule: 'linear',
        entropyCoef: 0,
        targetKl: 0,
        normalizeObservations: false,
        scaleRewards: false,
      },
    },
    dqn: {
      reward: 'dense',
      settings: {
        steps: 60_000,
        worlds: 4,
        gamma: 0.99,
        learningRate: 0.001,
        updatesPerStep: 1,
        epsilonEnd: 0.1,
      },
    },
  },
  gymnasium: 'CartPole-v1',
  horizon: 500,
  controlDt: dt,
  vector: [
    ['x', 'm'],
    ['xDot', 'm/s'],
    ['theta', 'rad'],
    ['thetaDot', 'rad/s'],
  ],
  memory: [['survived', 'steps']],
  observationSpace: {
    type: 'box',
    dim: 4,
    low: Float64Array.of(-2 * farthest, -Infinity, -2 * steepest, -Infinity),
    high: Float64Array.of(2 * farthest, Infinity, 2 * steepest, Infinity),
    names: ['x', 'xDot', 'theta', 'thetaDot'],
  },
  actionSpace: options('push', 2),
  stages: [
    { id: 'balance', title: 'Keep the pole up' },
    { id: 'done', title: 'Kept up for the whole horizon' },
  ],
  reward: { help: "Gymnasium's reward: 1 a step, the one that falls included", range: [0, 1] },
  success: 'The pole has been kept up for the whole horizon',

  draw(random, state, o) {
    for (let i = x; i <= thetaDot; i++) state[o + i] = random.uniform(-0.05, 0.05);
  },

  /**
   *   temp      = (F + m l thetaDot^2 sin theta) / (m + M)
   *   thetaDDot = (g sin theta - cos theta temp) / (l (4/3 - m cos^2 theta / (m + M)))
   *   xDDot     = temp - m l thetaDDot cos theta / (m + M)
   * with l half the pole's length, then one explicit Euler step.
   */
  move(state, o, action) {
    const force = action === 1 ? push : -push;
    const speed = state[o + xDot]!;
    const spin = state[o + thetaDot]!;
    const c = cos(state[o + theta]!);
    const s = sin(state[o + theta]!);
    const temp = (force + poleMassLength * (spin * spin) * s) / totalMass;
    const thetaDDot = (gravity * s - c * temp) / (halfPole * (4 / 3 - (poleMass * (c * c)) / totalMass));
    const xDDot = temp - (poleMassLength * thetaDDot * c) / totalMass;
    state[o + x]! += dt * speed;
    state[o + xDot] = speed + dt * xDDot;
    state[o + theta]! += dt * spin;
    state[o + thetaDot] = spin + dt * thetaDDot;
  },

  /** Counts only while nothing has fallen: a gap between step and count stays. */
  remember(state, o) {
    if (state[o + survived] === state[o]! - 1 && !hasFallen(state, o)) state[o + survived] = state[o]!;
  },

  observe(state, o, out, at) {
    for (let i = 0; i < 4; i++) out[at + i] = state[o + x + i]!;
  },

  hasEnded: hasFallen,
  rewardOf: (state, o, _action, next, n) => (hasFallen(state, o) && hasFallen(next, n) ? 0 : 1),
  stage: (state, o, horizon) => (state[o + survived]! >= horizon ? 1 : 0),
  progress: (state, o, horizon) => Math.min(1, state[o + survived]! / horizon),

  expert: (state, o) =>
    state[o + theta]! + 0.3 * state[o + thetaDot]! + 0.05 * state[o + x]! + 0.1 * state[o + xDot]! > 0
      ? 1
      : 0,

  bodies: [
    floor,
    box('track', 'table', [2 * farthest * scale, 0.03, 0.015]),
    box('cart', 'gripper', [0.16, 0.1, 0.08]),
    { name: 'pole', shape: { type: 'capsule', radius: 0.012, length: 2 * halfPole * scale }, role: 'object' },
    { name: 'axle', shape: { type: 'sphere', radius: 0.02 }, role: 'joint' },
  ],
  poses(state, o, out, at) {
    const angle = state[o + theta]!;
    const cartX = scale * state[o + x]!;
    put(out, at, 0, 0, floorZ);
    put(out, at, 1, 0, trackZ - 0.05);
    put(out, at, 2, cartX, trackZ);
    const half = halfPole * scale;
    put(out, at, 3, cartX + half * sin(angle), trackZ + 0.04 + half * cos(angle), angle);
    put(out, at, 4, cartX, trackZ + 0.04);
  },
});
