/** Episodes played for a study: states, actions and truth in memory, nothing stored. What models see of them is read off the states. */

import type { Policy, Trajectory } from '../learn/algorithms/types.ts';
import { type Outcome, outcomeOf, type Truth } from '../learn/diagnostics/truth.ts';
import { spansFromStages } from '../learn/rewards/labels.ts';
import type { SenseId, SensesOptions } from '../learn/rewards/senses.ts';
import { openSenses } from '../learn/rewards/senses.ts';
import type { Demonstration } from '../learn/rewards/types.ts';
import { createRandom, type Random } from '../sim/engine/random.ts';
import type { TaskModel } from '../sim/env.ts';
import { observationsOf } from './replay.ts';
import { HeldNoise } from './rollout.ts';
import { episodeSeed } from './seeds.ts';
import { toNative, toUnit } from './unit-actions.ts';

/** One played episode. T steps. */
export interface Footage {
  /** Names it in error messages. */
  readonly id: string;
  readonly seed: number;
  readonly length: number;
  /** [T + 1, stateDim] */
  readonly states: Float64Array;
  /** In the task's own units. [T, actionDim] */
  readonly actions: Float64Array;
  readonly truth: Truth;
  readonly outcome: Outcome;
}

/** Who acts. Actions in [-1, 1] or options, as everywhere in learning. */
export type Player =
  /** The scripted expert; `noise`: held noise of up to this level, each episode draws its own (as demonstrations are collected). */
  | { readonly kind: 'expert'; readonly noise?: number }
  /** Random actions held for a while; the arm gets about. */
  | { readonly kind: 'wandering' }
  | { readonly kind: 'random' }
  | { readonly kind: 'policy'; readonly policy: Policy }
  /** Anything else: writes a unit action for the state at `offset`. `t` counts control steps; draw from `random` only. */
  | {
      readonly kind: 'script';
      act(state: Float64Array, offset: number, out: Float64Array, t: number, random: Random): void;
    };

export interface PlayOptions {
  readonly model: TaskModel;
  readonly player: Player;
  readonly seeds: readonly number[];
  /** Control steps; the horizon by default. */
  readonly steps?: number;
  /** Go on after the task itself ended the episode (the state stays what the physics makes of it). Default false. */
  readonly beyondEnd?: boolean;
  /** Names the episodes: `${name} ${seed}`; the player's kind by default. */
  readonly name?: string;
  /** Writes another start over the row that the task's reset made. */
  readonly start?: (state: Float64Array, seed: number) => void;
}

/** Plays one episode for each seed. Same seed, same player: same episode. */
export function play(options: PlayOptions): Footage[] {
  return options.seeds.map((seed) => playOne(options, seed));
}

function playOne(options: PlayOptions, seed: number): Footage {
  const { model, player, steps = model.horizon, beyondEnd = false, name = player.kind, start } = options;
  const { stateDim, actionSpace } = model;
  const dim = actionSpace.dim;
  const random = createRandom(episodeSeed('noise', seed, 0));
  const level = player.kind === 'expert' ? (player.noise ?? 0) * random.uniform() : 1;
  const noise = new HeldNoise(random, level, actionSpace);
  const states = new Float64Array((steps + 1) * stateDim);
  const actions = new Float64Array(steps * dim);
  const row = new Float64Array(stateDim);
  const unit = new Float64Array(dim);
  const native = new Float64Array(dim);
  const observation = new Float64Array(model.observationSpace.dim);
  model.reset(seed, row, 0);
  start?.(row, seed);
  states.set(row, 0);
  if (player.kind === 'policy') player.policy.begin?.(0);
  let length = 0;
  while (length < steps) {
    switch (player.kind) {
      case 'expert':
        model.expert(row, 0, unit, 0);
        toUnit(actionSpace, unit, 0);
        if (level > 0) noise.add(unit, 0);
        break;
      case 'wandering':
        unit.fill(0);
        noise.add(unit, 0);
        break;
      case 'random':
        for (let i = 0; i < dim; i++)
          unit[i] =
            actionSpace.type === 'discrete' ? random.integer(actionSpace.n) : 2 * random.uniform() - 1;
        break;
      case 'policy':
        model.observe(row, 0, observation, 0);
        player.policy.act(observation, 1, unit, row);
        break;
      case 'script':
        player.act(row, 0, unit, length, random);
        break;
    }
    const taken = toNative(actionSpace, unit, native);
    actions.set(taken, length * dim);
    model.advance(row, Float64Array.from(taken), 0, 1);
    length++;
    states.set(row, length * stateDim);
    if (!beyondEnd && model.terminal(row, 0)) break;
  }
  return footageOf(
    model,
    `${name} ${seed}`,
    seed,
    states.slice(0, (length + 1) * stateDim),
    actions.slice(0, length * dim),
  );
}

/** States as footage: the truth is read off them. states [T + 1, stateDim], actions [T, actionDim] in the task's units. */
export function footageOf(
  model: TaskModel,
  id: string,
  seed: number,
  states: Float64Array,
  actions: Float64Array,
): Footage {
  const frames = states.length / model.stateDim;
  const truth = {
    stage: new Uint8Array(frames),
    progress: new Float64Array(frames),
    success: new Uint8Array(frames),
  };
  for (let t = 0; t < frames; t++) {
    truth.stage[t] = model.stage(states, t * model.stateDim);
    truth.progress[t] = model.progress(states, t * model.stateDim);
    truth.success[t] = model.success(states, t * model.stateDim) ? 1 : 0;
  }
  return { id, seed, length: frames - 1, states, actions, truth, outcome: outcomeOf(truth) };
}

/** What a model with these senses perceives. [T + 1, frameDim] */
export function sensed(
  model: TaskModel,
  footage: Footage,
  senses: readonly SenseId[],
  options?: SensesOptions,
): Float64Array {
  const opened = openSenses(model, senses, options);
  const out = new Float64Array((footage.length + 1) * opened.dim);
  opened.read(footage.states, 0, footage.length + 1, out, 0);
  return out;
}

/**
 * As a reward method is fitted on it: frames by its senses, stage labels as the simulator gives them to demonstrations (a
 * stage begins where it is reached for good), whether it succeeded. No truth.
 */
export function demonstrate(
  model: TaskModel,
  footage: Footage,
  senses: readonly SenseId[] = ['observation'],
  options?: SensesOptions,
): Demonstration {
  return {
    id: footage.id,
    length: footage.length,
    frames: sensed(model, footage, senses, options),
    stages: spansFromStages(footage.truth.stage),
    success: footage.outcome === 'success',
    task: model.id,
  };
}

/** As an imitating algorithm is fitted on it. */
export function trajectory(model: TaskModel, footage: Footage): Trajectory {
  const actions = footage.actions.slice();
  for (let t = 0; t < footage.length; t++) toUnit(model.actionSpace, actions, t * model.actionSpace.dim);
  return {
    id: footage.id,
    length: footage.length,
    observations: observationsOf(model, footage.states),
    actions,
    success: footage.outcome === 'success',
  };
}
