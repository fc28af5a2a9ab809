/**
 * The environment a learner sees: a batch of worlds, the reward stack on top, every episode recorded, finished worlds
 * started again with the next seed. One conductor, `step`: simulate -> reward -> record -> end -> reset. Who steps it speaks
 * in [-1, 1] (or options); the task, its rewards and the records have the task's own units.
 */

import type { RewardChannels, Simulator, VectorEnv } from '../learn/algorithms/types.ts';
import type { TermSums } from '../learn/diagnostics/term-sums.ts';
import type { RewardStack } from '../learn/rewards/stack.ts';
import { createBatch } from '../sim/batch.ts';
import type { BatchEnv, TaskModel } from '../sim/env.ts';
import type { Ending, EpisodeKind } from '../store/types.ts';
import type { FeedWriter } from './live-feed.ts';
import { type FinishedEpisode, Recorder } from './recorder.ts';
import { toNative, toUnit } from './unit-actions.ts';

export interface RewardedEnvOptions {
  readonly model: TaskModel;
  readonly count: number;
  /** The worlds, where they shall not be stepped by this thread alone; a batch of `model` with `count` worlds. */
  readonly batch?: BatchEnv;
  readonly stack: RewardStack;
  readonly kind: EpisodeKind;
  readonly rewardHash: string | null;
  /** Seed of the n-th episode started. */
  readonly seedOf: (index: number) => number;
  /** How the n-th episode is recorded: always, only if it diverges, or not. */
  readonly recordEpisode: (index: number) => 'always' | 'diverged' | 'never';
  /** Environment steps the policy has been trained for by now. */
  readonly trainedSteps: () => number;
  /** Every recorded episode, as soon as it ended. */
  readonly onEpisode: (episode: FinishedEpisode) => void;
  /** Every episode, recorded or not. */
  readonly onEnd?: (summary: {
    readonly success: boolean;
    readonly ending: Ending;
    readonly total: number;
    /** True progress at the end, 0 where it diverged. */
    readonly progress: number;
  }) => void;
  /** An episode starts: the n-th of all, with this seed. */
  readonly onBegin?: (world: number, index: number, seed: number) => void;
  /** An episode broke off: what was not finite, and the reward term it was, if it was one. */
  readonly onInvalid?: (message: string, term: string | undefined) => void;
  /** Gathers what the terms of the stack pay. */
  readonly sums?: TermSums;
  /** Shows the worlds to whoever watches, after a step. */
  readonly live?: FeedWriter;
}

/** Options of each action component; none where actions are real numbers. */
export const choicesOf = ({ actionSpace }: TaskModel): readonly number[] =>
  actionSpace.type === 'discrete' ? [actionSpace.n] : [];

export class RewardedEnv implements VectorEnv {
  readonly count: number;
  readonly observationDim: number;
  readonly actionDim: number;
  readonly choices: readonly number[];
  readonly channels: RewardChannels;
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;

  readonly #options: RewardedEnvOptions;
  readonly #batch: BatchEnv;
  readonly #recorder: Recorder;
  readonly #totals: Float64Array;
  readonly #native: Float64Array;
  #started = 0;
  #simulator: Simulator | undefined;
  /** 1 where a world stays ended until `restart`; none while worlds start again by themselves. */
  #ended: Uint8Array | undefined;
  /** Seconds spent so far in each part of `step`. */
  readonly seconds = { simulate: 0, reward: 0, record: 0 };

  constructor(options: RewardedEnvOptions) {
    const { model, count, stack } = options;
    this.#options = options;
    this.#batch = options.batch ?? createBatch(model, count);
    this.count = count;
    this.observationDim = model.observationSpace.dim;
    this.actionDim = model.actionSpace.dim;
    this.choices = choicesOf(model);
    this.#native = new Float64Array(count * this.actionDim);
    this.observations = new Float64Array(count * this.observationDim);
    this.finalObservations = new Float64Array(count * this.observationDim);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    this.#totals = new Float64Array(count);
    const { values, weights, gammas } = stack;
    this.channels = { names: stack.terms.map((term) => term.id), values, weights, gammas };
    this.#recorder = new Recorder({
      model,
      count,
      kind: options.kind,
      terms: stack.terms,
      learned: stack.learned.map((entry) => entry.method),
      hasValue: options.kind === 'training',
      rewardHash: options.rewardHash,
    });
  }

  /** The worlds' state rows, for actors that read states (the scripted expert). [count * stateDim] */
  get states(): Float64Array {
    return this.#batch.states;
  }

  /** For algorithms that look behind the observations; costs a copy of the states per step once it was asked for. */
  get simulator(): Simulator {
    if (this.#simulator !== undefined) return this.#simulator;
    const { model, stack } = this.#options;
    const { actionSpace } = model;
    this.#simulator = {
      model,
      states: this.#batch.states,
      previousStates: this.#batch.previousStates.slice(),
      finalStates: this.#batch.states.slice(),
      actions: this.#native,
      toNative: (actions) => toNative(actionSpace, actions, new Float64Array(actions.length)),
      toUnit: (action, offset) => toUnit(actionSpace, action, offset),
      ...(stack.transition === undefined ? {} : { reward: stack.transition }),
    };
    return this.#simulator;
  }

  /** Starts an episode in every world. */
  start(): void {
    for (let world = 0; world < this.count; world++) this.#begin(world, this.#started++);
    this.observations.set(this.#batch.observations);
  }

  /** @throws RangeError when groups of this size do not fill the worlds. */
  restart(groupSize: number): void {
    if (!Number.isInteger(groupSize) || groupSize < 1 || this.count % groupSize !== 0) {
      throw new RangeError(
        `Groups: found a size of ${groupSize}, wanted one that divides ${this.count} worlds`,
      );
    }
    this.#ended ??= new Uint8Array(this.count);
    this.#ended.fill(0);
    this.terminated.fill(0);
    this.truncated.fill(0);
    this.diverged.fill(0);
    for (let world = 0; world < this.count; world++) {
      this.#begin(world, this.#started + Math.floor(world / groupSize));
    }
    this.#started += this.count / groupSize;
    this.observations.set(this.#batch.observations);
  }

  /** The episode with this number starts in a world; a running one is given up. */
  #begin(world: number, index: number): void {
    const { stack, seedOf, recordEpisode, trainedSteps } = this.#options;
    const seed = seedOf(index);
    this.#batch.reset(world, seed);
    stack.reset(world, this.#batch.states, this.#batch.observations);
    this.#totals[world] = 0;
    this.#options.onBegin?.(world, index, seed);
    this.#recorder.abandon(world);
    const record = recordEpisode(index);
    if (record === 'never') return;
    this.#recorder.begin(
      world,
      { seed, trainedSteps: trainedSteps(), wanted: record === 'always' },
      this.#batch.states,
      stack.learned,
    );
  }

  /** actions: [count * actionDim] in [-1, 1], or options. */
  step(unitActions: Float64Array, values?: Float64Array): void {
    const batch = this.#batch;
    const { stack, model } = this.#options;
    const begun = performance.now();
    // 1. simulate
    const actions = toNative(model.actionSpace, unitActions, this.#native);
    if (actions !== this.#native) this.#native.set(actions);
    batch.isRecorded = this.#recorder.isRecording;
    batch.step(actions);
    const simulated = performance.now();
    // 2. reward
    stack.step(
      batch.previousStates,
      actions,
      batch.states,
      batch.observations,
      batch.terminated,
      this.#ended,
    );
    this.#options.sums?.add(stack.values, stack.weights, this.#ended);
    this.finalObservations.set(batch.observations);
    if (this.#simulator !== undefined) {
      // The batch writes over both when a world starts again.
      this.#simulator.previousStates.set(batch.previousStates);
      this.#simulator.finalStates.set(batch.states);
    }
    const rewarded = performance.now();
    // 3. record, end, begin again
    this.#recorder.step(batch, actions, stack, values);
    for (let world = 0; world < this.count; world++) {
      if (this.#ended?.[world] === 1) {
        this.rewards[world] = 0;
        continue;
      }
      const invalid = stack.invalid[world] === 1;
      const diverged = batch.diverged[world] === 1 || invalid;
      this.terminated[world] = diverged ? 0 : batch.terminated[world]!;
      this.truncated[world] = diverged ? 0 : batch.truncated[world]!;
      this.diverged[world] = diverged ? 1 : 0;
      this.rewards[world] = diverged ? 0 : stack.totals[world]!;
      this.#totals[world] = this.#totals[world]! + this.rewards[world]!;
      if (!(diverged || this.terminated[world] === 1 || this.truncated[world] === 1)) continue;
      this.#end(world, invalid);
      if (this.#ended === undefined) this.#begin(world, this.#started++);
      else this.#ended[world] = 1;
    }
    this.observations.set(batch.observations);
    const { live } = this.#options;
    const stepped = performance.now();
    if (live?.isDue(stepped) === true)
      live.publish(this.#options.trainedSteps(), batch.states, this.#totals, this.#ended, stack.learned);
    this.seconds.simulate += (simulated - begun) / 1000;
    this.seconds.reward += (rewarded - simulated) / 1000;
    this.seconds.record += (stepped - rewarded) / 1000;
  }

  /** The episode of a world is over: says so and hands it over. */
  #end(world: number, invalid: boolean): void {
    const batch = this.#batch;
    const { stack, model, onEpisode, onEnd, onInvalid } = this.#options;
    const diverged = this.diverged[world] === 1;
    const ending: Ending = diverged ? 'diverged' : this.terminated[world] === 1 ? 'terminated' : 'truncated';
    if (invalid) {
      const words = `${stack.invalidTerm(world)} in world ${world}; the episode ended as diverged`;
      onInvalid?.(words, stack.brokenTerm(world)?.id);
    } else if (diverged) {
      onInvalid?.(
        'the simulated state became non-finite or exploded; the episode ended as diverged',
        undefined,
      );
    }
    const success = !diverged && model.success(batch.states, world * model.stateDim);
    const progress = diverged ? 0 : model.progress(batch.states, world * model.stateDim);
    onEnd?.({ success, ending, progress, total: this.#totals[world]! });
    const episode = this.#recorder.finish(world, ending, batch.states);
    if (episode !== undefined) onEpisode(episode);
  }

  /** Worlds in mid-episode, reward history and recordings in flight, for exact resume. */
  save(): Record<string, Float64Array> {
    const { model } = this.#options;
    const states = new Float64Array(this.count * model.stateDim);
    for (let world = 0; world < this.count; world++)
      states.set(this.#batch.saveState(world), world * model.stateDim);
    return {
      'env/states': states,
      'env/totals': this.#totals.slice(),
      'env/started': Float64Array.of(this.#started),
      'env/ended': Float64Array.from(this.#ended ?? []),
      'env/weights': this.channels.weights.slice(),
      'env/stack': this.#options.stack.save(),
      'env/recorder': this.#recorder.save(),
    };
  }

  /** @throws RangeError when the saved arrays belong to another task or number of worlds. */
  restore(saved: Readonly<Record<string, Float64Array>>): void {
    const { model, stack } = this.#options;
    const states = saved['env/states'];
    if (states?.length !== this.count * model.stateDim) {
      throw new RangeError(
        `Checkpoint: found ${states?.length ?? 0} state numbers, wanted ${this.count} worlds x ${model.stateDim}`,
      );
    }
    for (let world = 0; world < this.count; world++) {
      this.#batch.restoreState(world, states.slice(world * model.stateDim, (world + 1) * model.stateDim));
    }
    this.#totals.set(saved['env/totals']!);
    this.#started = saved['env/started']![0]!;
    stack.restore(saved['env/stack']!);
    this.channels.weights.set(saved['env/weights']!);
    const ended = saved['env/ended']!;
    this.#ended = ended.length === 0 ? undefined : Uint8Array.from(ended);
    this.#recorder.restore(saved['env/recorder']!);
    this.observations.set(this.#batch.observations);
  }
}
