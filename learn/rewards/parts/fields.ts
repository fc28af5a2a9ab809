/**
 * Settings of fitting that several reward methods have, each written once. Where a method wants another default, unit or help
 * line, it says so in its own table: `updates: { ...common.updates, default: 4000 }`.
 */

import type { Fields } from '../../../sim/fields.ts';

export const common = {
  updates: { type: 'integer', default: 1500, min: 1, max: 100_000, help: 'Gradient steps' },
  minibatch: {
    type: 'integer',
    default: 256,
    min: 8,
    max: 8192,
    unit: 'frames',
    help: 'Frames in one gradient step',
  },
  learningRate: {
    type: 'number',
    default: 2e-3,
    min: 1e-6,
    max: 0.1,
    help: 'Adam step size at the start; falls to 0 along a half cosine',
  },
  weightDecay: {
    type: 'number',
    default: 5e-3,
    min: 0,
    max: 1,
    help: 'Decoupled weight decay (AdamW), relative to the learning rate',
  },
  inputNoise: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 1,
    unit: 'standard deviations',
    help: 'Noise on the inputs while fitting: smooths the potential around the demonstrations',
  },
  holdout: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 0.5,
    help: 'Share of demonstrations kept out of fitting for the reported measures',
  },
} as const satisfies Fields;
