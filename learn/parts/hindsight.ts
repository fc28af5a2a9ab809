/**
 * Hindsight experience replay: Andrychowicz et al. 2017, arXiv:1707.01495, strategy `future`. When an episode ends, each
 * of its transitions is stored again as if the goal had been one that the episode achieved later on.
 *
 * A relabelled transition is made from the states themselves: the goal is written into copies of s and s', from which the
 * task gives observations, reward and end as it would have given them in an episode with this goal.
 *
 * Only goals count that
 * - the later state achieves by the task's own measure (a block in passing has not achieved the place it is at), and
 * - the first state of the episode has not achieved: a goal that was there for nothing pays for every action alike. While
 *   the block has never been touched, such transitions would fill the buffer.
 */

import type { GoalFace, TaskModel } from '../../sim/env.ts';
import type { Simulator, VectorEnv } from '../algorithms/types.ts';
import type { Random } from './random.ts';
import type { Replay } from './replay.ts';

type RelabellingGoals = GoalFace & Required<Pick<GoalFace, 'setDesired'>>;

/** @throws RangeError when a task has no goals that could be written into its states. */
export function goalsOf(model: TaskModel): RelabellingGoals {
  const { goals } = model;
  if (goals?.setDesired) return goals as RelabellingGoals;
  throw new RangeError(
    `Hindsight: task ${model.id} has ${goals ? 'goals that cannot be set' : 'no goals'}, wanted hindsight none`,
  );
}

/**
 * To be asked for before the first step: an environment may keep its final states only from then on.
 * @throws RangeError when the environment cannot tell the reward of a made-up transition.
 */
export function relabellingReward(env: VectorEnv): {
  simulator: Simulator;
  reward: Required<Simulator>['reward'];
} {
  const { simulator } = env;
  if (!simulator)
    throw new RangeError('Hindsight: the environment shows no simulator, wanted hindsight none');
  const { reward } = simulator;
  if (reward) return { simulator, reward };
  throw new RangeError(
    'Hindsight: the reward has a learned term, which no relabelled transition can be asked about; ' +
      'wanted native rewards (sparse, dense) or hindsight none',
  );
}

/** The running episodes of all worlds, and what is made of them when they end. */
export class Hindsight {
  /** Relabelled transitions stored since `takeCounts`, and those of them whose s' achieves the goal. */
  #stored = 0;
  #achieved = 0;
  readonly #model: TaskModel;
  readonly #goals: RelabellingGoals;
  readonly #ratio: number;
  readonly #count: number;
  /** Steps of each world's episode so far. [count] */
  readonly #lengths: Int32Array;
  /** [count, horizon + 1, stateDim] */
  readonly #states: Float64Array;
  /** In the task's units, and in those of the learner. [count, horizon, actionDim] */
  readonly #native: Float64Array;
  readonly #unit: Float64Array;
  /** Scratch: what each state of one episode achieves [horizon + 1, goal dim]; which states' goals count; s and s'; their observations. */
  readonly #achievedGoals: Float64Array;
  readonly #candidates: Int32Array;
  readonly #pair: Float64Array;
  readonly #observations: Float64Array;

  /** @throws RangeError when the task has no goals to relabel. */
  constructor(model: TaskModel, count: number, ratio: number) {
    this.#model = model;
    this.#goals = goalsOf(model);
    this.#ratio = ratio;
    this.#count = count;
    const { horizon, stateDim, actionSpace, observationSpace } = model;
    this.#lengths = new Int32Array(count);
    this.#states = new Float64Array(count * (horizon + 1) * stateDim);
    this.#native = new Float64Array(count * horizon * actionSpace.dim);
    this.#unit = new Float64Array(count * horizon * actionSpace.dim);
    this.#achievedGoals = new Float64Array((horizon + 1) * this.#goals.dim);
    this.#candidates = new Int32Array(horizon + 1);
    this.#pair = new Float64Array(2 * stateDim);
    this.#observations = new Float64Array(2 * observationSpace.dim);
  }

  /**
   * Takes in the last step of all worlds; relabels the episodes that ended with it.
   * @param actions as the learner gave them [count * actionDim]
   * @throws RangeError when the environment cannot tell the reward of a relabelled transition.
   */
  step(env: VectorEnv, actions: Float64Array, replay: Replay, random: Random): void {
    const { simulator, reward } = relabellingReward(env);
    const { horizon, stateDim, actionSpace } = this.#model;
    const { dim } = actionSpace;
    for (let n = 0; n < this.#count; n++) {
      const t = this.#lengths[n]!;
      if (env.diverged[n]) {
        // The broken step is left out; what came before it is sound.
        this.#relabel(n, t, reward, replay, random);
        this.#lengths[n] = 0;
        continue;
      }
      if (t >= horizon) throw new Error(`Hindsight: world ${n} goes on after ${horizon} steps, its horizon`);
      const first = (n * (horizon + 1) + t) * stateDim;
      for (let k = 0; k < stateDim; k++) {
        if (t === 0) this.#states[first + k] = simulator.previousStates[n * stateDim + k]!;
        this.#states[first + stateDim + k] = simulator.finalStates[n * stateDim + k]!;
      }
      for (let k = 0; k < dim; k++) {
        this.#native[(n * horizon + t) * dim + k] = simulator.actions[n * dim + k]!;
        this.#unit[(n * horizon + t) * dim + k] = actions[n * dim + k]!;
      }
      this.#lengths[n] = t + 1;
      if (!env.terminated[n] && !env.truncated[n]) continue;
      this.#relabel(n, t + 1, reward, replay, random);
      this.#lengths[n] = 0;
    }
  }

  /** Stores the first `length` transitions of a world's episode again, each with `ratio` goals of its future. */
  #relabel(
    world: number,
    length: number,
    reward: Required<Simulator>['reward'],
    replay: Replay,
    random: Random,
  ): void {
    const model = this.#model;
    const goals = this.#goals;
    const { horizon, stateDim, actionSpace, observationSpace } = model;
    const states = this.#states;
    const start = world * (horizon + 1) * stateDim;
    const achieved = this.#achievedGoals;
    const candidates = this.#candidates;
    let count = 0;
    for (let t = 0; t <= length; t++) {
      goals.achieved(states, start + t * stateDim, achieved, t * goals.dim);
      if (t === 0 || goals.computeReward(achieved, t * goals.dim, achieved, t * goals.dim) !== 1) continue;
      if (goals.computeReward(achieved, 0, achieved, t * goals.dim) !== 1) candidates[count++] = t;
    }
    const [s, next] = [0, stateDim];
    const pair = this.#pair;
    const observations = this.#observations;
    for (let t = 0, later = 0; t < length; t++) {
      // Candidates from here on lie after s: the goal is one that s' or a later state achieves.
      while (later < count && candidates[later]! <= t) later++;
      if (later === count) return;
      for (let j = 0; j < this.#ratio; j++) {
        const goal = candidates[later + random.integer(count - later)]! * goals.dim;
        for (let k = 0; k < 2 * stateDim; k++) pair[k] = states[start + t * stateDim + k]!;
        goals.setDesired(achieved, goal, pair, s);
        goals.setDesired(achieved, goal, pair, next);
        model.observe(pair, s, observations, 0);
        model.observe(pair, next, observations, observationSpace.dim);
        const action = (world * horizon + t) * actionSpace.dim;
        const isAchieved = model.success(pair, next);
        replay.add(
          observations,
          0,
          observations,
          observationSpace.dim,
          this.#unit,
          action,
          reward(pair, s, this.#native, action, pair, next),
          isAchieved || !model.terminal(pair, next),
        );
        this.#stored++;
        if (isAchieved) this.#achieved++;
      }
    }
  }

  /** Relabelled transitions stored since the last call, and the share of them that arrive at or stay in their goal. */
  takeCounts(): { stored: number; achievedShare: number } {
    const counts = {
      stored: this.#stored,
      achievedShare: this.#stored > 0 ? this.#achieved / this.#stored : 0,
    };
    this.#stored = 0;
    this.#achieved = 0;
    return counts;
  }

  /** Lengths [count], then of each world the states [length + 1, none for length 0], actions in both units [length]. */
  save(): Float64Array {
    const parts: Float64Array[] = [Float64Array.from(this.#lengths)];
    for (let n = 0; n < this.#count; n++) parts.push(...this.#running(n));
    const saved = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      saved.set(part, at);
      at += part.length;
    }
    return saved;
  }

  /** @throws RangeError on what was saved for another task or number of worlds. */
  restore(saved: Float64Array): void {
    const { horizon } = this.#model;
    const lengths = saved.subarray(0, this.#count);
    if (
      lengths.length !== this.#count ||
      lengths.some((length) => !Number.isInteger(length) || length < 0 || length > horizon)
    ) {
      throw new RangeError(
        `Hindsight state: lengths of episodes are ${[...lengths]}, wanted ${this.#count} from 0 to ${horizon}`,
      );
    }
    this.#lengths.set(lengths);
    const parts = Array.from({ length: this.#count }, (_, n) => this.#running(n)).flat();
    const wanted = parts.reduce((sum, part) => sum + part.length, this.#count);
    if (saved.length !== wanted) {
      throw new RangeError(`Hindsight state: found ${saved.length} numbers, wanted ${wanted}`);
    }
    let at = this.#count;
    for (const part of parts) {
      part.set(saved.subarray(at, at + part.length));
      at += part.length;
    }
  }

  /** Views of what is there of a world's running episode. */
  #running(world: number): Float64Array[] {
    const length = this.#lengths[world]!;
    if (length === 0) return [];
    const { horizon, stateDim, actionSpace } = this.#model;
    const first = world * (horizon + 1) * stateDim;
    const action = world * horizon * actionSpace.dim;
    const end = action + length * actionSpace.dim;
    return [
      this.#states.subarray(first, first + (length + 1) * stateDim),
      this.#native.subarray(action, end),
      this.#unit.subarray(action, end),
    ];
  }
}
