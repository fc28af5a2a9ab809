/** Runs a list of episodes, one per seed, in a batch: the expert, random actions, or a policy. */

import type { Policy } from '../learn/algorithms/types.ts';
import { createStack, type RewardStack } from '../learn/rewards/stack.ts';
import { createRandom, type Random } from '../sim/engine/random.ts';
import type { ActionSpace, TaskModel } from '../sim/env.ts';
import type { EpisodeKind } from '../store/types.ts';
import type { FinishedEpisode } from './recorder.ts';
import { RewardedEnv } from './rewarded-env.ts';
import { episodeSeed } from './seeds.ts';
import { wilsonInterval } from './statistics.ts';
import { toUnit } from './unit-actions.ts';

export type Actor =
  | {
      readonly kind: 'expert' /** Most noise on the expert's actions; each episode draws its level. */;
      readonly noise: number;
    }
  /** Random actions, each held for a while, so that the arm gets about: what failure looks like. */
  | { readonly kind: 'wandering' }
  | { readonly kind: 'random' }
  | { readonly kind: 'policy'; readonly policy: Policy; readonly trainedSteps: number };

export interface RolloutOptions {
  readonly model: TaskModel;
  readonly actor: Actor;
  readonly kind: EpisodeKind;
  readonly seeds: readonly number[];
  /** Most worlds stepped together. */
  readonly worlds?: number;
  /** Rewards to record beside the truth; none by default. */
  readonly stack?: (count: number) => RewardStack;
  readonly rewardHash?: string | null;
  readonly onEpisode?: (episode: FinishedEpisode) => void;
  readonly onInvalid?: (message: string, term: string | undefined) => void;
  /** Called between steps; return true to stop early. Awaited, so it may hold the rollout back. */
  readonly pulse?: (done: number, steps: number) => boolean | Promise<boolean>;
}

export interface RolloutResult {
  readonly episodes: number;
  readonly successes: number;
  /** Share of successful episodes in [0, 1]; 0 for none. */
  readonly success: number;
  /** 95 % Wilson interval. */
  readonly interval: { readonly low: number; readonly high: number };
  readonly meanReturn: number;
  readonly steps: number;
}

/** Longest hold of a draw, in control steps. */
const longestHold = 8;

/**
 * Piecewise constant noise: it leads off the path instead of averaging out. Real actions get a draw uniform in
 * [-level, level] added; an option is replaced, with probability `level`, by one drawn from all. Each draw is held for 1
 * to `longestHold` steps.
 */
export class HeldNoise {
  readonly #random: Random;
  readonly #level: number;
  readonly #options: number;
  readonly #held: Float64Array;
  #left = 0;

  constructor(random: Random, level: number, space: ActionSpace) {
    this.#random = random;
    this.#level = level;
    this.#options = space.type === 'discrete' ? space.n : 0;
    this.#held = new Float64Array(space.dim);
  }

  #draw(): number {
    if (this.#options === 0) return this.#level * (2 * this.#random.uniform() - 1);
    return this.#random.uniform() < this.#level ? this.#random.integer(this.#options) : -1;
  }

  add(out: Float64Array, offset: number): void {
    if (this.#left === 0) {
      this.#left = 1 + this.#random.integer(longestHold);
      for (let i = 0; i < this.#held.length; i++) this.#held[i] = this.#draw();
    }
    this.#left--;
    for (let i = 0; i < this.#held.length; i++) {
      const held = this.#held[i]!;
      if (this.#options === 0) out[offset + i] = Math.max(-1, Math.min(1, out[offset + i]! + held));
      else if (held >= 0) out[offset + i] = held;
    }
  }
}

/** What one world's episode draws its actions from. */
class Script {
  readonly #actor: Actor;
  readonly #random: Random;
  readonly #noise: HeldNoise;

  constructor(actor: Actor, seed: number, model: TaskModel) {
    this.#actor = actor;
    this.#random = createRandom(seed);
    const level = actor.kind === 'expert' ? actor.noise * this.#random.uniform() : 1;
    this.#noise = new HeldNoise(this.#random, level, model.actionSpace);
  }

  act(model: TaskModel, states: Float64Array, slot: number, actions: Float64Array): void {
    const { actionSpace } = model;
    const dim = actionSpace.dim;
    const offset = slot * dim;
    if (this.#actor.kind === 'random') {
      for (let i = 0; i < dim; i++) {
        actions[offset + i] =
          actionSpace.type === 'discrete'
            ? this.#random.integer(actionSpace.n)
            : 2 * this.#random.uniform() - 1;
      }
    } else {
      if (this.#actor.kind === 'expert') {
        model.expert(states, slot * model.stateDim, actions, offset);
        toUnit(actionSpace, actions, offset);
      } else actions.fill(0, offset, offset + dim);
      this.#noise.add(actions, offset);
    }
  }
}

export async function runEpisodes(options: RolloutOptions): Promise<RolloutResult> {
  const { model, actor, seeds } = options;
  const count = Math.max(1, Math.min(options.worlds ?? 32, seeds.length));
  const dim = model.actionSpace.dim;
  const scripts: Script[] = [];
  let finished = 0;
  let successes = 0;
  let returns = 0;
  const world: number[] = [];

  const env = new RewardedEnv({
    model,
    count,
    stack: options.stack?.(count) ?? createStack([], { model, gamma: 1, count }),
    kind: options.kind,
    rewardHash: options.rewardHash ?? null,
    seedOf: (index) => seeds[Math.min(index, seeds.length - 1)]!,
    recordEpisode: (index) => (index < seeds.length ? 'always' : 'never'),
    trainedSteps: () => (actor.kind === 'policy' ? actor.trainedSteps : 0),
    onBegin: (slot, index, seed) => {
      world[slot] = index;
      if (actor.kind === 'policy') actor.policy.begin?.(slot);
      if (actor.kind !== 'policy') scripts[slot] = new Script(actor, episodeSeed('noise', seed, 0), model);
    },
    onEpisode: (episode) => {
      finished++;
      if (episode.success) successes++;
      returns += episode.returnTotal;
      options.onEpisode?.(episode);
    },
    ...(options.onInvalid ? { onInvalid: options.onInvalid } : {}),
  });
  env.start();

  const actions = new Float64Array(count * dim);
  const active = new Uint8Array(count);
  let steps = 0;
  while (finished < seeds.length) {
    if (actor.kind === 'policy') {
      for (let slot = 0; slot < count; slot++) active[slot] = world[slot]! < seeds.length ? 1 : 0;
      actor.policy.act(env.observations, count, actions, env.states, active);
    }
    for (let slot = 0; slot < count; slot++) {
      scripts[slot]?.act(model, env.states, slot, actions);
      if (world[slot]! < seeds.length) steps++;
    }
    env.step(actions);
    if ((await options.pulse?.(finished, steps)) === true) break;
  }
  return {
    episodes: finished,
    successes,
    success: finished === 0 ? 0 : successes / finished,
    interval: wilsonInterval(successes, finished),
    meanReturn: finished === 0 ? 0 : returns / finished,
    steps,
  };
}
