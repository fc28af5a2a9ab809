/** What every algorithm offers, and the vectorised environment it learns from. */

import type { AnySettings, Fields } from '../../sim/fields.ts';
import type { Device } from '../tensor/device.ts';

/**
 * N environments with rewards attached and automatic reset: after a step that ended an episode, `observations` already
 * holds the first observation of the next one and `finalObservations` the last of the old one.
 * Arrays are owned by the environment and overwritten by the next call.
 */
export interface VectorEnv {
  readonly count: number;
  readonly observationDim: number;
  readonly actionDim: number;
  /** Options of a discrete action: actions are indices 0 .. choices - 1 and actionDim is 1. 0 or absent: real numbers. */
  readonly choices?: number;
  /** [count * observationDim] */
  readonly observations: Float64Array;
  /** Valid where terminated, truncated or diverged. [count * observationDim] */
  readonly finalObservations: Float64Array;
  /** Weighted sum of the reward stack. [count] */
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  /** The episode broke off: neither bootstrap from it nor learn from this transition. */
  readonly diverged: Uint8Array;
  /** actions: [count * actionDim] in [-1, 1], or options; `values` [count] is what the critic thought (kept for display). */
  step(actions: Float64Array, values?: Float64Array): void | Promise<void>;
}

/** A policy as plain numbers: no tensors, same result on every device. */
export interface Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  /** Deterministic actions for `count` rows. observations [count * observationDim] -> out [count * actionDim], in [-1, 1] or options. */
  act(observations: Float64Array, count: number, out: Float64Array): void;
}

export interface Learner {
  /** Environment steps taken so far (all worlds together). */
  readonly steps: number;
  /** Environment steps that one `iterate` takes. */
  readonly stepsPerIteration: number;
  /** One round of collecting and learning. Metrics are named as paths: `loss/policy`, `policy/entropy` ... */
  iterate(env: VectorEnv): Promise<Readonly<Record<string, number>>>;
  /** The current deterministic policy; a copy that later updates do not touch. */
  policy(): Policy;
  /** Everything but the environment: weights, optimiser, normalisers, random state, step count. */
  save(): Uint8Array;
  dispose(): void;
}

export interface LearnerSetup {
  readonly observationDim: number;
  readonly actionDim: number;
  /** As in `VectorEnv`. */
  readonly choices?: number;
  readonly count: number;
  readonly device: Device;
  readonly seed: number;
}

export interface Algorithm {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly source: string;
  readonly fields: Fields;
  /** Said before anything is collected for a run. @throws RangeError naming settings that cannot work together. */
  check(settings: AnySettings): void;
  /** @throws RangeError as `check` does. */
  create(settings: AnySettings, setup: LearnerSetup): Learner;
  /** Continues exactly where `save` was called. @throws RangeError when the bytes belong to another network or version. */
  resume(bytes: Uint8Array, settings: AnySettings, setup: LearnerSetup): Learner;
  /** The policy inside a checkpoint, without building a learner. */
  loadPolicy(bytes: Uint8Array): Policy;
}
