/**
 * What the learner of one side sees of a game: each of its agents is a world of its own, all with the same policy; the
 * other side is played by whoever was drawn from the pool for the episode. Rewards are those of the task's parallel face.
 */

import type { VectorEnv } from '../learn/algorithms/types.ts';
import { Random } from '../learn/parts/random.ts';
import { createBatch } from '../sim/batch.ts';
import type { BatchEnv, ParallelFace, TaskModel } from '../sim/env.ts';
import { jointModel } from '../sim/parallel-env.ts';
import {
  type Drawn,
  faceOf,
  hasWon,
  type JointRow,
  jointRowOf,
  type Player,
  Players,
  type Pool,
  type Side,
} from './opponents.ts';

export interface SideEnvOptions {
  readonly model: TaskModel;
  readonly side: Side;
  readonly opponents: Side;
  /** Agents that learn side by side: games times agents of the side. */
  readonly count: number;
  /** Of the opponents' side. */
  readonly pool: Pool;
  /** Of all that is drawn: opponents, and their random actions. */
  readonly seed: number;
  /** Seed of the n-th episode started. */
  readonly seedOf: (index: number) => number;
  readonly onEnd?: (game: { readonly won: boolean; readonly diverged: boolean }) => void;
  /** After each step, games that were over begun anew. */
  readonly onStep?: () => void;
}

export class SideEnv implements VectorEnv {
  readonly count: number;
  readonly games: number;
  readonly observationDim: number;
  readonly actionDim: number;
  readonly choices: readonly number[] = [];
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  /** Of each game so far, the mean over the side's agents; NaN where its beginning is not known. [games] */
  readonly returns: Float64Array;

  readonly #options: SideEnvOptions;
  readonly #face: ParallelFace;
  readonly #row: JointRow;
  readonly #batch: BatchEnv;
  readonly #players: Players;
  readonly #random: Random;
  /** All agents' actions. [games * joint dim] */
  readonly #actions: Float64Array;
  readonly #drawn: Drawn[] = [];
  readonly #opponents: Player[] = [];
  #started = 0;

  /** @throws RangeError when whole games do not come to `count` agents. */
  constructor(options: SideEnvOptions) {
    const { model, side, opponents, count, seed } = options;
    if (count % side.agents.length !== 0) {
      throw new RangeError(
        `Self-play: ${count} worlds for the ${side.id}, wanted a multiple of ${side.agents.length}, which play each game`,
      );
    }
    this.#options = options;
    this.#face = faceOf(model);
    this.#row = jointRowOf(this.#face);
    this.count = count;
    this.games = count / side.agents.length;
    this.observationDim = side.observationDim;
    this.actionDim = side.actionDim;
    this.observations = new Float64Array(count * side.observationDim);
    this.finalObservations = new Float64Array(count * side.observationDim);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    this.returns = new Float64Array(this.games);
    this.#batch = createBatch(jointModel(model), this.games);
    this.#players = new Players(model, opponents);
    this.#random = new Random(seed);
    this.#actions = new Float64Array(this.games * this.#row.actionDim);
  }

  /** Serial numbers of the snapshots that play in some game. */
  isPlaying(serial: number): boolean {
    return this.#drawn.some((drawn) => drawn.serial === serial);
  }

  /** Starts a game in every place. */
  start(): void {
    for (let game = 0; game < this.games; game++) this.#begin(game);
    this.#see(this.observations);
  }

  /** Rows of all games, as they stand. [games * stateDim] */
  get states(): Float64Array {
    return this.#batch.states;
  }

  #begin(game: number): void {
    this.returns[game] = 0;
    this.#batch.reset(game, this.#options.seedOf(this.#started++));
    this.#oppose(game, this.#options.pool.draw(this.#random));
  }

  #oppose(game: number, drawn: Drawn): void {
    this.#drawn[game] = drawn;
    this.#opponents[game] = this.#options.pool.player(drawn);
  }

  /** From the joint rows to the rows of this side's agents. */
  #see(out: Float64Array): void {
    const { side } = this.#options;
    const dim = this.observationDim;
    const from = this.#batch.observations;
    let n = 0;
    for (let game = 0; game < this.games; game++) {
      for (const agent of side.agents) {
        const at = game * this.#row.observationDim + this.#row.observationAt[agent]!;
        for (let k = 0; k < dim; k++) out[n * dim + k] = from[at + k]!;
        n++;
      }
    }
  }

  /** actions: [count * actionDim] in [-1, 1]. */
  step(actions: Float64Array): void {
    const { model, side, onEnd, onStep } = this.#options;
    const batch = this.#batch;
    const mates = side.agents.length;
    const dim = this.actionDim;
    // 1. both sides act
    this.#players.act(
      (game) => this.#opponents[game]!,
      this.games,
      () => this.#random,
      batch.states,
      batch.observations,
      this.#actions,
    );
    for (let n = 0; n < this.count; n++) {
      const agent = side.agents[n % mates]!;
      const to = Math.floor(n / mates) * this.#row.actionDim + this.#row.actionAt[agent]!;
      for (let k = 0; k < dim; k++) this.#actions[to + k] = actions[n * dim + k]!;
    }
    batch.step(this.#actions);
    // 2. what each agent sees and earns
    this.#see(this.finalObservations);
    for (let n = 0; n < this.count; n++) {
      const game = Math.floor(n / mates);
      const o = game * model.stateDim;
      this.terminated[n] = batch.terminated[game]!;
      this.truncated[n] = batch.truncated[game]!;
      this.diverged[n] = batch.diverged[game]!;
      this.rewards[n] =
        batch.diverged[game] === 1
          ? 0
          : this.#face.reward(side.agents[n % mates]!, batch.previousStates, o, batch.states, o);
      this.returns[game]! += this.rewards[n]! / mates;
    }
    // 3. games that are over begin anew, against others
    for (let game = 0; game < this.games; game++) {
      const diverged = batch.diverged[game] === 1;
      if (!(diverged || batch.terminated[game] === 1 || batch.truncated[game] === 1)) continue;
      onEnd?.({ won: !diverged && hasWon(model, side, batch.states, game * model.stateDim), diverged });
      this.#begin(game);
    }
    this.#see(this.observations);
    onStep?.();
  }

  /** Games in progress, who plays them, and the generator. */
  save(): Record<'states' | 'drawn' | 'random' | 'started' | 'returns', Float64Array> {
    const { stateDim } = this.#options.model;
    const states = new Float64Array(this.games * stateDim);
    for (let game = 0; game < this.games; game++) states.set(this.#batch.saveState(game), game * stateDim);
    return {
      states,
      drawn: Float64Array.from(this.#drawn.flatMap(({ serial, share }) => [serial, share])),
      random: this.#random.save(),
      started: Float64Array.of(this.#started),
      returns: this.returns.slice(),
    };
  }

  /** After the pool has been restored; `returns` is missing in what older versions saved. @throws RangeError when the arrays belong to another task or number of games. */
  restore(saved: Omit<ReturnType<SideEnv['save']>, 'returns'> & { readonly returns?: Float64Array }): void {
    const { stateDim } = this.#options.model;
    if (saved.states.length !== this.games * stateDim) {
      throw new RangeError(
        `Self-play: found ${saved.states.length} state numbers, wanted ${this.games} games x ${stateDim}`,
      );
    }
    for (let game = 0; game < this.games; game++) {
      this.#batch.restoreState(game, saved.states.slice(game * stateDim, (game + 1) * stateDim));
      this.#oppose(game, { serial: saved.drawn[2 * game]!, share: saved.drawn[2 * game + 1]! });
    }
    this.#random.restore(saved.random);
    this.#started = saved.started[0]!;
    if (saved.returns === undefined) this.returns.fill(Number.NaN);
    else this.returns.set(saved.returns);
    this.#see(this.observations);
  }
}
