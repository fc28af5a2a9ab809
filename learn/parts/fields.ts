/**
 * Settings that several algorithms have, each written once. Where an algorithm wants another default, range or help line, it
 * says so in its own table: `hiddenSize: { ...common.hiddenSize, default: 128 }`.
 */

import type { Fields } from '../../sim/fields.ts';

export const common = {
  // How long, how wide
  steps: {
    type: 'integer',
    default: 500_000,
    min: 1,
    max: 1_000_000_000,
    unit: 'steps',
    help: 'Environment steps to train for, all worlds together; the learning rate anneals over them.',
  },
  worlds: { type: 'integer', default: 32, min: 1, max: 4096, help: 'Worlds stepped side by side.' },
  stepsPerWorld: {
    type: 'integer',
    default: 64,
    min: 1,
    max: 8192,
    unit: 'steps',
    help: 'Steps collected from each world before an update.',
  },
  gamma: { type: 'number', default: 0.98, min: 0, max: 0.9999, help: 'Discount of a reward one step later.' },

  // The optimiser
  epochs: {
    type: 'integer',
    default: 6,
    min: 1,
    max: 100,
    help: 'Passes over the collected steps per update.',
  },
  minibatch: {
    type: 'integer',
    default: 512,
    min: 2,
    max: 65_536,
    unit: 'steps',
    help: 'Largest number of steps in one gradient.',
  },
  learningRate: { type: 'number', default: 2e-3, min: 1e-7, max: 0.1, help: 'Step size of Adam.' },
  maxGradNorm: {
    type: 'number',
    default: 0.5,
    min: 1e-4,
    max: 1000,
    help: 'Gradients are shortened to this length.',
  },

  // The network
  hiddenSize: { type: 'integer', default: 64, min: 1, max: 1024, help: 'Units in each hidden layer.' },
  hiddenLayers: { type: 'integer', default: 2, min: 1, max: 8, help: 'Hidden layers of the policy.' },
  initialLogStd: {
    type: 'number',
    default: -0.5,
    min: -4,
    max: 0.5,
    help: 'Logarithm of the standard deviation of actions at the start.',
  },
  normalizeObservations: {
    type: 'boolean',
    default: true,
    help: 'Shift and scale observations by their running mean and deviation.',
  },

  // The loss of policy gradients
  entropyCoef: { type: 'number', default: 0, min: 0, max: 1, help: 'Weight of the entropy bonus.' },
  normalizeAdvantages: {
    type: 'boolean',
    default: true,
    help: 'Divide the advantages of an iteration by their deviation.',
  },
  clipCoef: {
    type: 'number',
    default: 0.2,
    min: 0.01,
    max: 1,
    help: 'How far the probability ratio may leave 1 before its gradient stops.',
  },
  targetKl: {
    type: 'number',
    default: 0.02,
    min: 0,
    max: 10,
    help: 'Stop the epochs of an update once the policy moved 1.5 times this far; 0 never stops.',
  },
} as const satisfies Fields;

/** Of algorithms that judge episodes by others from the same start. */
export const groups = {
  groupSize: {
    type: 'integer',
    default: 8,
    min: 2,
    max: 4096,
    help: 'Episodes that share one start and judge each other; divides worlds.',
  },
  credit: {
    type: 'choice',
    default: 'step',
    options: ['step', 'episode'],
    help: 'What an action is judged by: the return from its step on, or, as in the paper, the return of the whole episode.',
  },
} as const satisfies Fields;

/** Of algorithms that learn from a replay buffer. */
export const replay = {
  steps: {
    ...common.steps,
    default: 100_000,
    help: 'Environment steps to train for, all worlds together.',
  },
  tau: {
    type: 'number',
    default: 0.005,
    min: 1e-5,
    max: 1,
    help: 'Share by which the target network follows the network at every update.',
  },
  batch: {
    type: 'integer',
    default: 128,
    min: 1,
    max: 65_536,
    unit: 'transitions',
    help: 'Transitions in one update.',
  },
  bufferSize: {
    type: 'integer',
    default: 100_000,
    min: 1,
    max: 50_000_000,
    unit: 'transitions',
    help: 'Transitions kept for learning; then the oldest are overwritten.',
  },
  learningStarts: {
    type: 'integer',
    default: 1000,
    min: 0,
    max: 10_000_000,
    unit: 'steps',
    help: 'Steps with random actions before learning starts.',
  },
  updatesPerStep: {
    type: 'number',
    default: 0.5,
    min: 0.001,
    max: 64,
    help: 'Updates for every environment step: more learns from fewer steps and takes longer.',
  },
} as const satisfies Fields;

/** Of algorithms that imitate. */
export const imitation = {
  gamma: {
    ...common.gamma,
    default: 0.99,
    help: 'Discount of the rewards that are shown; nothing is learned from them.',
  },
  loss: {
    type: 'choice',
    default: 'squared',
    options: ['squared', 'likelihood'],
    help: 'For real actions: squared distance, or likelihood under a normal distribution whose deviation is learned too.',
  },
  minibatch: { ...common.minibatch, default: 256, min: 1 },
  learningRate: { ...common.learningRate, default: 1e-3 },
  maxGradNorm: { ...common.maxGradNorm, default: 10 },
  hiddenSize: { ...common.hiddenSize, default: 128 },
  initialLogStd: {
    ...common.initialLogStd,
    help: 'Logarithm of the standard deviation of actions at the start; matters for the likelihood alone.',
  },
} as const satisfies Fields;
