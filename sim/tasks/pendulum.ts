/** Swing a pendulum up with a motor too weak to lift it, and keep it there: Gymnasium's Pendulum-v1. */

import { clamp, cos, sin } from '../engine/math.ts';
import { box, classicTask, floor, floorZ, isSingle, put, vectorAt } from './classic.ts';

// Row: step, theta (from upright, anticlockwise, not wrapped), thetaDot, then best height share and steps held upright.
const theta = vectorAt;
const thetaDot = vectorAt + 1;
const best = vectorAt + 2;
const held = vectorAt + 3;

const dt = 0.05;
const maxSpeed = 8;
/** N m */
const maxTorque = 2;
/** 3 g / (2 l) with g = 10 m/s^2 and l = 1 m, 1/s^2. */
const gravityOverLength = 15;
/** Upright means within this angle, rad; success is having stayed there for this many steps (1 s). */
const upright = 0.2;
const holdSteps = 20;

/** Into [-pi, pi). */
const wrapped = (angle: number): number =>
  angle + Math.PI - 2 * Math.PI * Math.floor((angle + Math.PI) / (2 * Math.PI)) - Math.PI;

const isUpright = (state: Float64Array, o: number): boolean => Math.abs(wrapped(state[o + theta]!)) < upright;

const pivotZ = 0.65;
const rod = 0.45;

export const pendulum = classicTask({
  id: 'pendulum',
  title: 'Pendulum',
  summary: "Swing a pendulum up with a weak motor and keep it upright; Gymnasium's Pendulum-v1.",
  // As in rl-baselines3-zoo, but for its state-dependent noise.
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 100_000,
        worlds: 4,
        stepsPerWorld: 1_024,
        epochs: 10,
        minibatch: 64,
        learningRate: 0.001,
        learningRateSchedule: 'constant',
        gamma: 0.9,
        gaeLambda: 0.95,
        clipCoef: 0.2,
        entropyCoef: 0,
        targetKl: 0,
        scaleRewards: false,
        normalizeObservations: false,
      },
    },
    sac: {
      reward: 'dense',
      settings: { steps: 10_000, worlds: 1, updatesPerStep: 1, batch: 128, hiddenSize: 64, gamma: 0.98 },
    },
  },
  gymnasium: 'Pendulum-v1',
  horizon: 200,
  controlDt: dt,
  vector: [
    ['theta', 'rad'],
    ['thetaDot', 'rad/s'],
  ],
  memory: [
    ['bestHeight', 'share'],
    ['held', 'steps'],
  ],
  observationSpace: {
    type: 'box',
    dim: 3,
    low: Float64Array.of(-1, -1, -maxSpeed),
    high: Float64Array.of(1, 1, maxSpeed),
    names: ['cos theta', 'sin theta', 'thetaDot'],
  },
  actionSpace: {
    type: 'box',
    dim: 1,
    low: Float64Array.of(-maxTorque),
    high: Float64Array.of(maxTorque),
    names: ['torque'],
  },
  stages: [
    { id: 'swing', title: 'Swing up' },
    { id: 'upright', title: 'Catch it upright' },
    { id: 'done', title: 'Keep it upright' },
  ],
  reward: {
    help: "Gymnasium's reward: -(theta^2 + thetaDot^2 / 10 + torque^2 / 1000) before the step",
    range: [-(Math.PI ** 2 + 0.1 * maxSpeed ** 2 + 0.001 * maxTorque ** 2), 0],
  },
  success: `The pendulum has been upright (within ${upright} rad) for the last ${holdSteps} steps`,

  draw(random, state, o) {
    state[o + theta] = random.uniform(-Math.PI, Math.PI);
    state[o + thetaDot] = random.uniform(-1, 1);
  },

  /**
   *   thetaDDot = 3 g / (2 l) sin theta + 3 / (m l^2) torque, m = 1 kg, l = 1 m
   * The new speed, clipped, moves the angle. NumPy multiplies a float32 torque in float32.
   */
  move(state, o, action) {
    const torque = clamp(action, -maxTorque, maxTorque);
    const drive = isSingle(action) ? Math.fround(3 * torque) : 3 * torque;
    const speed = state[o + thetaDot]! + (gravityOverLength * sin(state[o + theta]!) + drive) * dt;
    state[o + thetaDot] = clamp(speed, -maxSpeed, maxSpeed);
    state[o + theta]! += state[o + thetaDot]! * dt;
  },

  remember(state, o) {
    state[o + best] = Math.max(state[o + best]!, (1 + cos(state[o + theta]!)) / 2);
    // The start counts for nothing yet.
    state[o + held] = state[o]! > 0 && isUpright(state, o) ? state[o + held]! + 1 : 0;
  },

  observe(state, o, out, at) {
    out[at] = clamp(cos(state[o + theta]!), -1, 1);
    out[at + 1] = clamp(sin(state[o + theta]!), -1, 1);
    out[at + 2] = state[o + thetaDot]!;
  },

  hasEnded: () => false,

  rewardOf(state, o, action) {
    const angle = wrapped(state[o + theta]!);
    const speed = state[o + thetaDot]!;
    const torque = clamp(action, -maxTorque, maxTorque);
    return -(angle * angle + 0.1 * (speed * speed) + 0.001 * (torque * torque));
  },

  stage: (state, o) => (state[o + held]! >= holdSteps ? 2 : isUpright(state, o) ? 1 : 0),

  progress: (state, o) =>
    state[o + held]! >= holdSteps
      ? 1
      : Math.min(0.99, 0.95 * state[o + best]! + (0.05 * state[o + held]!) / holdSteps),

  /** Pumps energy E = thetaDot^2 / 2 + 15 cos theta to that of rest at the top, then a spring and a damper hold it there. */
  expert(state, o) {
    const angle = wrapped(state[o + theta]!);
    const speed = state[o + thetaDot]!;
    if (Math.abs(angle) < 0.35 && Math.abs(speed) < 2.5) {
      return clamp(-(10 * angle + 2.5 * speed), -maxTorque, maxTorque);
    }
    const missing = gravityOverLength - ((speed * speed) / 2 + gravityOverLength * cos(angle));
    return clamp(missing * (speed < 0 ? -2 : 2), -maxTorque, maxTorque);
  },

  bodies: [
    floor,
    box('post', 'link', [0.05, 0.05, pivotZ]),
    { name: 'axle', shape: { type: 'sphere', radius: 0.03 }, role: 'joint' },
    { name: 'rod', shape: { type: 'capsule', radius: 0.025, length: rod }, role: 'link' },
    { name: 'tip', shape: { type: 'sphere', radius: 0.04 }, role: 'object' },
    { name: 'top', shape: { type: 'sphere', radius: 0.065 }, role: 'goal' },
  ],
  poses(state, o, out, at) {
    const angle = -state[o + theta]!;
    put(out, at, 0, 0, floorZ);
    put(out, at, 1, 0, pivotZ / 2, 0, 0.08);
    put(out, at, 2, 0, pivotZ);
    put(out, at, 3, (rod / 2) * sin(angle), pivotZ + (rod / 2) * cos(angle), angle);
    put(out, at, 4, rod * sin(angle), pivotZ + rod * cos(angle));
    put(out, at, 5, 0, pivotZ + rod);
  },
});
