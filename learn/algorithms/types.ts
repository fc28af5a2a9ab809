/** What every algorithm offers, and the vectorised environment it learns from. */

import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings, Fields } from '../../sim/fields.ts';
import type { UnitShares } from '../diagnostics/units.ts';
import type { Random } from '../parts/random.ts';
import type { Compute, Workload } from '../tensor/compute.ts';

/**
 * N environments with rewards attached and automatic reset: after a step that ended an episode, `observations` already
 * holds the first observation of the next one and `finalObservations` the last of the old one.
 * Arrays are owned by the environment and overwritten by the next call.
 */
export interface VectorEnv {
  readonly count: number;
  readonly observationDim: number;
  readonly actionDim: number;
  /**
   * Options of each action component: actions are indices 0 .. choices[k] - 1, and actionDim is choices.length. Empty or
   * absent: real numbers.
   */
  readonly choices?: readonly number[];
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
  /** The terms behind `rewards`, where the environment tells them apart. */
  readonly channels?: RewardChannels;
  /** The simulator behind the environment, for algorithms that restore, relabel or ask the expert. */
  readonly simulator?: Simulator;
  /** actions: [count * actionDim] in [-1, 1], or options; `values` [count] is what the critic thought (kept for display). */
  step(actions: Float64Array, values?: Float64Array): void | Promise<void>;
  /**
   * Breaks off all running episodes and starts new ones in which `groupSize` neighbouring worlds have the same start
   * (worlds 0 .. groupSize - 1, and so on). From now on a world whose episode ended stays ended (its flags stay set, its
   * reward is 0) until the next call. groupSize divides count.
   */
  restart?(groupSize: number): void;
}

/** Reward terms one by one. `rewards` is their weighted sum. */
export interface RewardChannels {
  readonly names: readonly string[];
  /** Of the last step before the weights, term by term; of no meaning where the world diverged. [names, count] */
  readonly values: Float64Array;
  /** May change between steps while a run goes on. [names] */
  readonly weights: Float64Array;
  /** Discount of each term; NaN: the algorithm's own. [names] */
  readonly gammas: Float64Array;
}

export interface Simulator {
  readonly model: TaskModel;
  /** State rows that `observations` belong to. [count * stateDim] */
  readonly states: Float64Array;
  /** s of the last step. [count * stateDim] */
  readonly previousStates: Float64Array;
  /** s' of the last step, before any automatic reset. [count * stateDim] */
  readonly finalStates: Float64Array;
  /** The actions of the last step in the task's own units, as `model.reward` takes them. [count * actionDim] */
  readonly actions: Float64Array;
  /** Task's units from [-1, 1] (options pass through). [rows * actionDim] */
  toNative(actions: Float64Array): Float64Array;
  /** [-1, 1] from the task's units, one row in place (options pass through). */
  toUnit(action: Float64Array, offset: number): void;
  /**
   * The weighted reward of any transition (native action), as `rewards` would have it; absent where a learned term of the
   * stack remembers the episode.
   */
  readonly reward?: (
    state: Float64Array,
    stateOffset: number,
    action: Float64Array,
    actionOffset: number,
    next: Float64Array,
    nextOffset: number,
  ) => number;
}

/** A policy as plain numbers: no tensors, same result on every device. */
export interface Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  /**
   * Deterministic actions for `count` rows. observations [count * observationDim] -> out [count * actionDim], in [-1, 1] or
   * options. `states` [count * stateDim]: the worlds themselves, for policies that plan (`needsStates`).
   * Row n is world n for policies that remember (`begin`). `active` [count]: rows that matter; all by default.
   */
  act(
    observations: Float64Array,
    count: number,
    out: Float64Array,
    states?: Float64Array,
    active?: Uint8Array,
  ): void;
  readonly needsStates?: boolean;
  /** World n starts an episode: forget. Present where the policy remembers. */
  begin?(world: number): void;
  /** What it remembers of a world: numbers, and how many. Present where it remembers in numbers. */
  readonly memory?: { readonly size: number; of(world: number): Float64Array };
  /**
   * Shares of hidden units that are dead or saturated on `count` observations, or on so many contents of its `memory`; absent
   * where there is no network. rows [count * observationDim] or [count * memory.size]
   */
  units?(rows: Float64Array, count: number): UnitShares;
}

/** What a learner expects of states, as plain numbers. */
export interface Critic {
  readonly observationDim: number;
  /** The reward terms that have a critic of their own; one empty name: the weighted sum. */
  readonly terms: readonly string[];
  /** observations [count * observationDim] -> discounted returns of each term, in the units of its rewards. [count, terms] */
  values(observations: Float64Array, count: number): Float64Array;
}

export type Metrics = Readonly<Record<string, number>>;

export interface Learner {
  /** Environment steps taken so far (all worlds together). */
  readonly steps: number;
  /** Environment steps that one `iterate` takes. */
  readonly stepsPerIteration: number;
  /**
   * One round of collecting and learning. Metrics are finite numbers named as paths: `loss/policy`, `policy/entropy`,
   * `policy/kl` ...; with a clock in the setup also `time/act` and `time/learn`, seconds of this round.
   * @throws Error naming what is not finite.
   */
  iterate(env: VectorEnv): Promise<Metrics>;
  /** The current deterministic policy; a copy that later updates do not touch. */
  policy(): Policy | Promise<Policy>;
  /** Everything but the environment and the journal: weights, optimiser, normalisers, random state, step count. */
  save(): Uint8Array | Promise<Uint8Array>;
  /**
   * What is too large to be written whole with every checkpoint (a replay buffer): what came in since the last call.
   * All pieces in order give the buffer back.
   */
  takeJournal?(): Uint8Array;
  /** Beside `takeJournal`: how many of the newest pieces, the last one taken included, give the buffer back. The others are thrown away. */
  readonly journalPieces?: number;
  /** What is odd about what it was given, in words; said once. */
  readonly warnings?: readonly string[];
  dispose(): void;
}

/** One episode of somebody who can do the task. T steps. */
export interface Trajectory {
  readonly id: string;
  readonly length: number;
  /** [T + 1, observationDim] */
  readonly observations: Float64Array;
  /** In [-1, 1] or options. [T, actionDim] */
  readonly actions: Float64Array;
  /** How much each step counts for learners that imitate; all the same by default. [T] */
  readonly weights?: Float64Array;
  /** Progress that a learned reward sees in each frame, for algorithms that ask for it (`wantsProgress`). [T + 1] */
  readonly progress?: ArrayLike<number>;
  readonly success: boolean;
}

export interface LearnerSetup {
  readonly observationDim: number;
  readonly actionDim: number;
  /** As in `VectorEnv`. */
  readonly choices?: readonly number[];
  readonly count: number;
  readonly compute: Compute;
  readonly seed: number;
  /** The task, where there is one. */
  readonly model?: TaskModel;
  /** Names of reward terms, as in `VectorEnv.channels`. */
  readonly channels?: readonly string[];
  /** For algorithms with `demonstrations`. */
  readonly demonstrations?: readonly Trajectory[];
  /** Seconds, for `time/...` metrics. */
  readonly clock?: () => number;
}

export interface Algorithm {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly source: string;
  /** Among them `steps`, `worlds` and `gamma`. */
  readonly fields: Fields;
  /** Whether it learns from demonstrations, which the lab then collects from the scripted expert. */
  readonly demonstrations?: boolean;
  /** Whether with these settings it wants the progress that the first learned reward of the stack sees in them. */
  wantsProgress?(settings: AnySettings): boolean;
  /** Whether its checkpoints have a journal. */
  readonly journal?: boolean;
  /**
   * Said before anything is collected for a run, with the task it is for.
   * @throws RangeError naming settings that cannot work together, or what of the task it cannot work with.
   */
  check(settings: AnySettings, model?: TaskModel): void;
  /** Sizes for the chooser of the device; none for algorithms without networks. */
  workload(
    settings: AnySettings,
    setup: Pick<LearnerSetup, 'observationDim' | 'actionDim' | 'choices' | 'count'>,
  ): Workload | undefined;
  /** @throws RangeError as `check` does. */
  create(settings: AnySettings, setup: LearnerSetup): Learner;
  /**
   * Continues exactly where `save` was called; `journal`: all pieces so far, in order.
   * @throws RangeError when the bytes belong to another network or version.
   */
  resume(
    bytes: Uint8Array,
    settings: AnySettings,
    setup: LearnerSetup,
    journal?: readonly Uint8Array[],
  ): Learner;
  /** The policy inside a checkpoint, without building a learner. `model`: the task, for policies that plan. */
  loadPolicy(bytes: Uint8Array, model?: TaskModel): Policy;
  /** The same with actions drawn as while learning; undefined where that policy remembers. Absent where there is none that draws. */
  loadSampler?(bytes: Uint8Array, random: Random): Policy | undefined;
  /** The critic of states inside a checkpoint; undefined where it remembers what came before. Absent where there is none. */
  loadCritic?(bytes: Uint8Array, settings: AnySettings): Critic | undefined;
}
