/**
 * The one interface of reward methods. A method is one file: its fields, `fit`, and a model with `score`, `save`, `load`.
 * A reward has two faces: differentiable while it is fitted (networks of the compute, inside `fit`), plain numbers while it
 * is used (typed arrays only, so that scores do not depend on the device).
 */

import type { AnySettings, Fields } from '../../sim/fields.ts';
import type { Compute, Workload } from '../tensor/compute.ts';
import type { FrameLayout, SenseId } from './senses.ts';

/** One annotated stage of a demonstration: frames start <= t < end (the last span of an episode ends at T + 1). */
export interface StageSpan {
  readonly stage: number;
  readonly start: number;
  readonly end: number;
}

/** What a reward model may learn an episode from. T control steps, T + 1 frames. */
export interface Demonstration {
  /** Names the episode in error messages. */
  readonly id: string;
  readonly length: number;
  /** What the senses of the method gave. [T + 1, frameDim] row by row. */
  readonly frames: Float64Array;
  /** Non-overlapping, ordered by start. Empty for methods that need none. */
  readonly stages: readonly StageSpan[];
  /** A second, finer scheme of stages over the same frames, where there is one. */
  readonly denseStages?: readonly StageSpan[];
  readonly success: boolean;
  /** Which task it is of, where episodes of several tasks are mixed; the context's own by default. */
  readonly task?: string;
  /** The truth of the simulator is for judges (learn/diagnostics/truth.ts); nothing with it fits in here. */
  readonly truth?: never;
}

/**
 * The same course of events with another goal, and what it is worth then by the rubric of RoboReward (1 nothing done .. 5
 * all of it). The label comes from predicates of the simulator, as stage labels do.
 */
export interface Counterfactual {
  readonly frames: Float64Array;
  readonly length: number;
  readonly score: 1 | 2 | 3 | 4 | 5;
  /** Plain words: what was changed, and which predicate decided the score. */
  readonly reason: string;
}

/** Makes and labels variants of demonstrations, where the simulator can (see lab/counterfactuals.ts). */
export interface CounterfactualSource {
  /** Another goal for demonstration `index`; undefined where the task has no goal to exchange. */
  relabel(index: number, seed: number): Counterfactual | undefined;
  /** The first `length` steps alone, with the score that their last frame deserves. */
  clip(index: number, length: number): Counterfactual;
}

/** sRGB, 8 bits. rgb: [height, width, 3] */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** A language or vision model that a user brought (lab/endpoint.ts). Asked while fitting only: models in use are plain numbers. */
export interface Judge {
  /** Server and model, for the model's card. */
  readonly name: string;
  /** The answer's text. Rejects with words that say what to do about it. */
  ask(
    question: { readonly system?: string; readonly prompt: string; readonly pictures?: readonly Picture[] },
    signal?: AbortSignal,
  ): Promise<string>;
  /** One vector a text; absent where no model for it is set. */
  embed?(texts: readonly string[], signal?: AbortSignal): Promise<Float64Array[]>;
  /** One vector a picture, as the model gives it; absent where no model for it is set. */
  embedPictures?(pictures: readonly Picture[], signal?: AbortSignal): Promise<Float64Array[]>;
  /** Model and server of `embedPictures`, for the model's card. */
  readonly imageEncoder?: string;
}

export interface FitContext {
  readonly compute: Compute;
  readonly seed: number;
  readonly frameDim: number;
  /** What the numbers of a frame are. */
  readonly layout: FrameLayout;
  readonly stages: readonly string[];
  /** Where the lab can make them; methods that need them say so when they are not there. */
  readonly counterfactuals?: CounterfactualSource;
  /** A model of the same method, fitted elsewhere, to go on from. */
  readonly pretrained?: Uint8Array;
  /** Where the user set one. */
  readonly judge?: Judge;
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
  /** The world starts a new episode whose first frame is this one; updates `values[world]`. */
  reset(world: number, frames: Float64Array, offset: number): void;
  /** The next frame of every world. frames: [count * frameDim]; updates all of `values`. */
  step(frames: Float64Array): void;
  /** History and values as one flat array, for exact resume. */
  save(): Float64Array;
  restore(saved: Float64Array): void;
  /** Every world as the one of a scorer of one world, which saved this: many continuations of one episode. */
  restoreAll(saved: Float64Array): void;
}

export interface RewardModel {
  readonly method: string;
  /** What it reads; whoever scores opens these senses (senses.ts). */
  readonly senses: readonly SenseId[];
  readonly frameDim: number;
  readonly stages: readonly string[];
  /** A user's model (name and server) that it was fitted by the answers of, for its card. */
  readonly learnedFrom?: string | undefined;
  /** frames: [(length + 1), frameDim]. Equals the online scorer run over the same frames where the method is causal. */
  score(frames: Float64Array, length: number): EpisodeScore;
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
  /** False for methods that look ahead; those are refused as online rewards, and their `online` throws. */
  readonly causal: boolean;
  /** Why it is not causal, one sentence that completes "<title> ...". */
  readonly offlineBecause?: string;
  /** Counter-baselines: a model must beat them before its numbers mean anything. They are shown beside every other. */
  readonly baseline?: boolean;
  /** It asks for `FitContext.counterfactuals`: whoever fits it keeps the states of the demonstrations at hand. */
  readonly counterfactuals?: boolean;
  /** Fewest demonstrations that `fit` takes; 0: nothing is learned. Default 1. */
  readonly leastDemonstrations?: number;
  /** Which senses it reads with these settings; the observation by default. */
  senses?(settings: AnySettings): readonly SenseId[];
  /** Sizes for the chooser of the device. */
  workload(settings: AnySettings, context: Pick<FitContext, 'frameDim' | 'stages'>): Workload;
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
