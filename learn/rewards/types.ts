/**
 * The one interface of reward methods. A method is one file: its fields, `fit`, and a model with `score`, `save`, `load`.
 * A reward has two faces: differentiable while it is fitted (networks of the compute, inside `fit`), plain numbers while it
 * is used (typed arrays only, so that scores do not depend on the device).
 */

import type { AnySettings, Fields } from '../../sim/fields.ts';
import type { Compute, Workload } from '../tensor/compute.ts';

/** One annotated stage of a demonstration: frames start <= t < end (the last span of an episode ends at T + 1). */
export interface StageSpan {
  readonly stage: number;
  readonly start: number;
  readonly end: number;
}

/** T control steps, T + 1 frames. */
export interface Demonstration {
  /** Names the episode in error messages. */
  readonly id: string;
  readonly length: number;
  /** [T + 1, observationDim] row by row. */
  readonly observations: Float64Array;
  /** Non-overlapping, ordered by start. */
  readonly stages: readonly StageSpan[];
  readonly success: boolean;
}

export interface FitContext {
  readonly compute: Compute;
  readonly seed: number;
  readonly observationDim: number;
  readonly stages: readonly string[];
  readonly signal: AbortSignal;
  /** Called a few times a second; `metrics` are finite numbers named as paths (`loss/stage`). */
  onProgress(update: {
    readonly done: number;
    readonly total: number;
    readonly metrics: Readonly<Record<string, number>>;
  }): void;
}

/** Per-frame scores of one episode. */
export interface EpisodeScore {
  /** Learned progress in [0, 1]. [T + 1] */
  readonly perStep: Float32Array;
  /** Spread over an ensemble, where there is one. [T + 1] */
  readonly std?: Float32Array;
  /** Named extra tracks, each [T + 1]: `stage`, `tau`, `confidence` ... */
  readonly extras: Readonly<Record<string, Float32Array>>;
}

/** Scores N worlds online, causally: frame by frame, nothing ahead. */
export interface OnlineScorer {
  readonly count: number;
  /** Learned progress of the newest frame of each world, in [0, 1]. [count] */
  readonly values: Float64Array;
  /** The world starts a new episode whose first frame is this observation; updates `values[world]`. */
  reset(world: number, observations: Float64Array, offset: number): void;
  /** The next frame of every world. observations: [count * observationDim]; updates all of `values`. */
  step(observations: Float64Array): void;
  /** History and values as one flat array, for exact resume. */
  save(): Float64Array;
  restore(saved: Float64Array): void;
}

export interface RewardModel {
  readonly method: string;
  readonly observationDim: number;
  readonly stages: readonly string[];
  /** observations: [(length + 1), observationDim]. Equals the online scorer run over the same frames. */
  score(observations: Float64Array, length: number): EpisodeScore;
  online(count: number): OnlineScorer;
  /** Bytes that `load` turns back into an equal model. */
  save(): Uint8Array;
}

/** A reward that comes with the task; nothing to fit. */
export interface NativeReward {
  readonly kind: 'native';
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly fields: Fields;
  /** Which of the task's `rewardTerms` it uses. */
  readonly termKind: 'sparse' | 'dense';
}

/** A reward model learned from demonstrations. */
export interface LearnedReward {
  readonly kind: 'learned';
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Paper or source, one line. */
  readonly source: string;
  readonly fields: Fields;
  /** False for methods that look ahead; those are refused as online rewards. */
  readonly causal: boolean;
  /** Sizes for the chooser of the device. */
  workload(settings: AnySettings, context: Pick<FitContext, 'observationDim' | 'stages'>): Workload;
  /** @throws RangeError naming the episode where labels are unusable. Rejects with an AbortError when cancelled. */
  fit(
    demonstrations: readonly Demonstration[],
    settings: AnySettings,
    context: FitContext,
  ): Promise<{ readonly model: RewardModel; readonly metrics: Readonly<Record<string, number>> }>;
  /** @throws RangeError naming what was found and what was wanted when the bytes are not a model of this method. */
  load(bytes: Uint8Array): RewardModel;
}

export type RewardMethod = NativeReward | LearnedReward;
