/**
 * Swing the free end of two links above a bar with a motor in the elbow: Sutton 1996, the equations of Sutton & Barto's
 * book, as in Gymnasium's Acrobot-v1.
 */

import { clamp, cos, sin } from '../engine/math.ts';
import { box, classicTask, floor, floorZ, options, put, vectorAt } from './classic.ts';

// Row: step, theta1 (from hanging down), theta2 (relative to link 1), their speeds, then the best height share.
const theta1 = vectorAt;
const theta2 = vectorAt + 1;
const speed1 = vectorAt + 2;
const speed2 = vectorAt + 3;
const best = vectorAt + 4;

const dt = 0.2;
const gravity = 9.8;
/** Links of 1 kg and 1 m, centres of mass at half their length, moments of inertia of 1 kg m^2. */
const centre = 0.5;
const inertia = 1;
const maxSpeed1 = 4 * Math.PI;
const maxSpeed2 = 9 * Math.PI;

/** Height of the free end above the fixed one, m: -2 hanging, 2 upright. The bar is at 1. */
const tipHeight = (state: Float64Array, o: number): number =>
  -cos(state[o + theta1]!) - cos(state[o + theta2]! + state[o + theta1]!);
const hasArrived = (state: Float64Array, o: number): boolean => tipHeight(state, o) > 1;

/** An angle from far outside (a start given by hand with an absurd speed) is left to the guard: turning it back would take for ever. */
function wrapped(angle: number): number {
  if (Math.abs(angle) > 1e4) return angle;
  let x = angle;
  while (x > Math.PI) x -= 2 * Math.PI;
  while (x < -Math.PI) x += 2 * Math.PI;
  return x;
}

/**
 * d/dt of (theta1, theta2, speed1, speed2), with l = 1, lc = centre, I = inertia, m = 1:
 *   d1   = lc^2 + (l^2 + lc^2 + 2 l lc cos theta2) + 2 I
 *   d2   = (lc^2 + l lc cos theta2) + I
 *   phi2 = lc g cos(theta1 + theta2 - pi/2)
 *   phi1 = -l lc speed2^2 sin theta2 - 2 l lc speed2 speed1 sin theta2 + (lc + l) g cos(theta1 - pi/2) + phi2
 *   acc2 = (torque + d2/d1 phi1 - l lc speed1^2 sin theta2 - phi2) / (lc^2 + I - d2^2/d1)
 *   acc1 = -(d2 acc2 + phi1) / d1
 */
function derivative(y: Float64Array, torque: number, out: Float64Array): void {
  const [a1, a2, w1, w2] = y as unknown as [number, number, number, number];
  const c = cos(a2);
  const s = sin(a2);
  const d1 = centre * centre + (1 + centre * centre + 2 * centre * c) + inertia + inertia;
  const d2 = centre * centre + centre * c + inertia;
  const phi2 = centre * gravity * cos(a1 + a2 - Math.PI / 2);
  const phi1 =
    -centre * (w2 * w2) * s -
    2 * centre * w2 * w1 * s +
    (centre + 1) * gravity * cos(a1 - Math.PI / 2) +
    phi2;
  const acc2 =
    (torque + (d2 / d1) * phi1 - centre * (w1 * w1) * s - phi2) /
    (centre * centre + inertia - (d2 * d2) / d1);
  out[0] = w1;
  out[1] = w2;
  out[2] = -(d2 * acc2 + phi1) / d1;
  out[3] = acc2;
}

const y0 = new Float64Array(4);
const y = new Float64Array(4);
const k1 = new Float64Array(4);
const k2 = new Float64Array(4);
const k3 = new Float64Array(4);
const k4 = new Float64Array(4);

const pivotZ = 1;
const link = 0.4;

export const acrobot = classicTask({
  id: 'acrobot',
  title: 'Acrobot',
  summary: "Swing two links above a bar with a motor in the elbow alone; Gymnasium's Acrobot-v1.",
  // As in rl-baselines3-zoo.
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 1_000_000,
        worlds: 16,
        stepsPerWorld: 256,
        epochs: 4,
        minibatch: 64,
        learningRate: 0.0003,
        learningRateSchedule: 'constant',
        gamma: 0.99,
        gaeLambda: 0.94,
        clipCoef: 0.2,
        entropyCoef: 0,
        targetKl: 0,
      },
    },
  },
  gymnasium: 'Acrobot-v1',
  horizon: 500,
  controlDt: dt,
  vector: [
    ['theta1', 'rad'],
    ['theta2', 'rad'],
    ['theta1Dot', 'rad/s'],
    ['theta2Dot', 'rad/s'],
  ],
  memory: [['bestHeight', 'share']],
  observationSpace: {
    type: 'box',
    dim: 6,
    low: Float64Array.of(-1, -1, -1, -1, -maxSpeed1, -maxSpeed2),
    high: Float64Array.of(1, 1, 1, 1, maxSpeed1, maxSpeed2),
    names: ['cos theta1', 'sin theta1', 'cos theta2', 'sin theta2', 'theta1Dot', 'theta2Dot'],
  },
  actionSpace: options('torque', 3),
  stages: [
    { id: 'swing', title: 'Swing up' },
    { id: 'done', title: 'Above the bar' },
  ],
  reward: { help: "Gymnasium's reward: -1 a step, 0 for the one above the bar", range: [-1, 0] },
  success: 'The free end has been above the bar',

  /** Gymnasium draws float32 numbers. */
  draw(random, state, o) {
    for (let i = theta1; i <= speed2; i++) state[o + i] = Math.fround(random.uniform(-0.1, 0.1));
  },

  /** One step of the classic fourth-order Runge-Kutta method; then angles wrapped and speeds clipped. */
  move(state, o, action) {
    const torque = action - 1;
    for (let i = 0; i < 4; i++) y0[i] = state[o + theta1 + i]!;
    derivative(y0, torque, k1);
    for (let i = 0; i < 4; i++) y[i] = y0[i]! + (dt / 2) * k1[i]!;
    derivative(y, torque, k2);
    for (let i = 0; i < 4; i++) y[i] = y0[i]! + (dt / 2) * k2[i]!;
    derivative(y, torque, k3);
    for (let i = 0; i < 4; i++) y[i] = y0[i]! + dt * k3[i]!;
    derivative(y, torque, k4);
    for (let i = 0; i < 4; i++) y[i] = y0[i]! + (dt / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!);
    state[o + theta1] = wrapped(y[0]!);
    state[o + theta2] = wrapped(y[1]!);
    state[o + speed1] = clamp(y[2]!, -maxSpeed1, maxSpeed1);
    state[o + speed2] = clamp(y[3]!, -maxSpeed2, maxSpeed2);
  },

  remember(state, o) {
    const share = clamp((tipHeight(state, o) + 2) / 3, 0, 0.99);
    if (state[o + best] !== 1) {
      state[o + best] = hasArrived(state, o) ? 1 : Math.max(state[o + best]!, share);
    }
  },

  observe(state, o, out, at) {
    for (let i = 0; i < 2; i++) {
      out[at + 2 * i] = clamp(cos(state[o + theta1 + i]!), -1, 1);
      out[at + 2 * i + 1] = clamp(sin(state[o + theta1 + i]!), -1, 1);
    }
    out[at + 4] = state[o + speed1]!;
    out[at + 5] = state[o + speed2]!;
  },

  hasEnded: hasArrived,
  rewardOf: (_state, _o, _action, next, n) => (hasArrived(next, n) ? 0 : -1),
  stage: (state, o) => (state[o + best] === 1 ? 1 : 0),
  progress: (state, o) => state[o + best]!,

  /** A torque along the elbow's motion adds energy all the time. */
  expert: (state, o) => (state[o + speed2]! < 0 ? 0 : 2),

  bodies: [
    floor,
    box('bar', 'goal', [1.2, 0.01, 0.01]),
    { name: 'link1', shape: { type: 'capsule', radius: 0.025, length: link }, role: 'link' },
    { name: 'link2', shape: { type: 'capsule', radius: 0.025, length: link }, role: 'object' },
    { name: 'shoulder', shape: { type: 'sphere', radius: 0.035 }, role: 'joint' },
    { name: 'elbow', shape: { type: 'sphere', radius: 0.035 }, role: 'joint' },
  ],
  poses(state, o, out, at) {
    const a = state[o + theta1]!;
    const b = a + state[o + theta2]!;
    const elbowX = link * sin(a);
    const elbowZ = pivotZ - link * cos(a);
    put(out, at, 0, 0, floorZ);
    put(out, at, 1, 0, pivotZ + link, 0, 0.05);
    put(out, at, 2, elbowX / 2, pivotZ - (link / 2) * cos(a), -a);
    put(out, at, 3, elbowX + (link / 2) * sin(b), elbowZ - (link / 2) * cos(b), -b);
    put(out, at, 4, 0, pivotZ);
    put(out, at, 5, elbowX, elbowZ);
  },
});
