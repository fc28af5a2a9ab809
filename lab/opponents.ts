/** Who plays the other side of a game: the scripted policies, random actions, learners as they once were; and matches between them. */

import type { Algorithm, Policy } from '../learn/algorithms/types.ts';
import { Random } from '../learn/parts/random.ts';
import { createBatch } from '../sim/batch.ts';
import { mixSeed } from '../sim/engine/random.ts';
import type { ParallelFace, TaskModel } from '../sim/env.ts';
import { jointModel } from '../sim/parallel-env.ts';

/** Agents that play together and share one policy. */
export interface Side {
  readonly id: string;
  /** Indices of its agents, ascending. */
  readonly agents: readonly number[];
  readonly observationDim: number;
  readonly actionDim: number;
}

export type Player =
  /** The task's scripted policies, their actions times `share`: 1 is all they can do. */
  | { readonly kind: 'scripted'; readonly share: number }
  /** Every action drawn anew, uniform in [-1, 1]. */
  | { readonly kind: 'random' }
  | { readonly kind: 'policy'; readonly policy: Policy };

/** Where the numbers of each agent begin in a joint row, and the size of the row. */
export interface JointRow {
  readonly observationAt: readonly number[];
  readonly observationDim: number;
  readonly actionAt: readonly number[];
  readonly actionDim: number;
}

/**
 * The two sides of a game, agent 0's first.
 * @throws RangeError when the task has no two sides, or the agents of one differ in their spaces.
 */
export function sidesOf(model: TaskModel): readonly [Side, Side] {
  const face = faceOf(model);
  const ids = [...new Set(face.agents.map((agent) => agent.side))];
  const sides = ids.map((id): Side => {
    const agents = face.agents.flatMap((agent, i) => (agent.side === id ? [i] : []));
    const [first] = agents;
    for (const agent of agents) {
      for (const [what, spaces] of [
        ['observations', face.observationSpaces],
        ['actions', face.actionSpaces],
      ] as const) {
        if (spaces[agent]!.dim === spaces[first!]!.dim) continue;
        throw new RangeError(
          `Self-play: ${face.agents[agent]!.id} of ${model.id} has ${spaces[agent]!.dim} ${what}, wanted ${spaces[first!]!.dim} as its mates have`,
        );
      }
    }
    return {
      id,
      agents,
      observationDim: face.observationSpaces[first!]!.dim,
      actionDim: face.actionSpaces[first!]!.dim,
    };
  });
  const [ours, theirs] = sides;
  if (ours !== undefined && theirs !== undefined && sides.length === 2) return [ours, theirs];
  throw new RangeError(
    `Self-play: ${model.id} has ${sides.length} sides (${ids.join(', ')}) as it is set, wanted 2`,
  );
}

/** @throws RangeError when the task has one agent only. */
export function faceOf(model: TaskModel): ParallelFace {
  if (model.parallel !== undefined) return model.parallel;
  throw new RangeError(`Self-play: ${model.id} has one agent, wanted a task with two sides`);
}

export function jointRowOf(face: ParallelFace): JointRow {
  const starts = (dims: readonly number[]): number[] => {
    const from: number[] = [];
    let at = 0;
    for (const dim of dims) {
      from.push(at);
      at += dim;
    }
    return [...from, at];
  };
  const observations = starts(face.observationSpaces.map((space) => space.dim));
  const actions = starts(face.actionSpaces.map((space) => space.dim));
  return {
    observationAt: observations.slice(0, -1),
    observationDim: observations.at(-1)!,
    actionAt: actions.slice(0, -1),
    actionDim: actions.at(-1)!,
  };
}

/** Whether a side has won the game in this row: agent 0's side by the task's success, the other one by keeping it from that. */
export const hasWon = (model: TaskModel, side: Side, states: Float64Array, o: number): boolean =>
  model.success(states, o) === side.agents.includes(0);

/** Writes the actions of one side in many games that may each have another player. */
export class Players {
  readonly #face: ParallelFace;
  readonly #row: JointRow;
  readonly #side: Side;
  readonly #stateDim: number;
  #seen = new Float64Array(0);
  #chosen = new Float64Array(0);

  constructor(model: TaskModel, side: Side) {
    this.#face = faceOf(model);
    this.#row = jointRowOf(this.#face);
    this.#side = side;
    this.#stateDim = model.stateDim;
  }

  /**
   * For each game its player and the generator that random actions are drawn from. observations, out: joint rows,
   * [games * joint dim]; states: [games * stateDim].
   */
  act(
    playerOf: (game: number) => Player,
    games: number,
    randomOf: (game: number) => Random,
    states: Float64Array,
    observations: Float64Array,
    out: Float64Array,
  ): void {
    const { agents, actionDim } = this.#side;
    const { actionAt, actionDim: width } = this.#row;
    const byPolicy = new Map<Policy, number[]>();
    for (let game = 0; game < games; game++) {
      const player = playerOf(game);
      if (player.kind === 'policy') {
        const same = byPolicy.get(player.policy);
        if (same === undefined) byPolicy.set(player.policy, [game]);
        else same.push(game);
        continue;
      }
      for (const agent of agents) {
        const at = game * width + actionAt[agent]!;
        if (player.kind === 'scripted') this.#face.expert(agent, states, game * this.#stateDim, out, at);
        for (let k = at; k < at + actionDim; k++) {
          out[k] = player.kind === 'scripted' ? player.share * out[k]! : 2 * randomOf(game).uniform() - 1;
        }
      }
    }
    for (const [policy, same] of byPolicy) this.#actTogether(policy, same, observations, out);
  }

  /** One pass through a policy for all games in which it plays. */
  #actTogether(
    policy: Policy,
    games: readonly number[],
    observations: Float64Array,
    out: Float64Array,
  ): void {
    const { agents, observationDim, actionDim } = this.#side;
    const row = this.#row;
    const count = games.length * agents.length;
    if (this.#seen.length < count * observationDim) {
      this.#seen = new Float64Array(count * observationDim);
      this.#chosen = new Float64Array(count * actionDim);
    }
    let n = 0;
    for (const game of games) {
      for (const agent of agents) {
        const from = game * row.observationDim + row.observationAt[agent]!;
        for (let k = 0; k < observationDim; k++) this.#seen[n * observationDim + k] = observations[from + k]!;
        n++;
      }
    }
    policy.act(this.#seen, count, this.#chosen);
    n = 0;
    for (const game of games) {
      for (const agent of agents) {
        const to = game * row.actionDim + row.actionAt[agent]!;
        for (let k = 0; k < actionDim; k++) out[to + k] = this.#chosen[n * actionDim + k]!;
        n++;
      }
    }
  }
}

/** Games of two players from given starts; how many the first side has won. Games that broke off count for neither. */
export function playMatch(
  model: TaskModel,
  sides: readonly [Side, Side],
  players: readonly [Player, Player],
  seeds: readonly number[],
): { readonly games: number; readonly won: readonly [number, number] } {
  const joint = jointModel(model);
  const games = seeds.length;
  const batch = createBatch(joint, games);
  const actions = new Float64Array(games * joint.actionSpace.dim);
  const randoms = seeds.map((seed) => new Random(mixSeed(seed, 1)));
  const both = sides.map((side) => new Players(model, side));
  const isOver = new Uint8Array(games);
  const won: [number, number] = [0, 0];
  for (const [game, seed] of seeds.entries()) batch.reset(game, seed);
  for (let left = games; left > 0; ) {
    for (const [s, each] of both.entries()) {
      const player = players[s]!;
      each.act(
        () => player,
        games,
        (game) => randoms[game]!,
        batch.states,
        batch.observations,
        actions,
      );
    }
    batch.step(actions);
    for (let game = 0; game < games; game++) {
      const hasEnded = batch.terminated[game] === 1 || batch.truncated[game] === 1;
      if (isOver[game] === 1 || !(hasEnded || batch.diverged[game] === 1)) continue;
      isOver[game] = 1;
      left--;
      if (batch.diverged[game] === 1) continue;
      won[hasWon(model, sides[0], batch.states, game * model.stateDim) ? 0 : 1]++;
    }
  }
  return { games: won[0] + won[1], won };
}

/** A learner as it was after `round` rounds. */
export interface Snapshot {
  /** Never used twice. */
  readonly serial: number;
  readonly round: number;
  /** As `Learner.save` gave them. */
  readonly bytes: Uint8Array;
  readonly policy: Policy;
}

/** @throws RangeError when policies of this algorithm cannot stand in for an opponent. */
export function snapshotOf(algorithm: Algorithm, serial: number, round: number, bytes: Uint8Array): Snapshot {
  const policy = algorithm.loadPolicy(bytes);
  if (policy.needsStates === true || policy.begin !== undefined) {
    throw new RangeError(
      `Self-play: policies of ${algorithm.id} ${policy.begin === undefined ? 'plan' : 'remember the episode'}, wanted ones that act on the observation alone`,
    );
  }
  return { serial, round, bytes, policy };
}

export interface PoolShares {
  /** Chances of the scripted policies, of random actions and of the newest snapshot; else any snapshot, each alike. */
  readonly scripted: number;
  readonly random: number;
  readonly newest: number;
  /** The scripted policies' share of their actions is drawn from here to 1. */
  readonly leastShare: number;
}

/** What was drawn for one game: a snapshot's serial number, -1 for random, -2 for scripted with its share. */
export interface Drawn {
  readonly serial: number;
  readonly share: number;
}

const random = -1;
const scripted = -2;

/** The past of one side, and chance. */
export class Pool {
  readonly #size: number;
  readonly #shares: PoolShares;
  #snapshots: Snapshot[] = [];

  constructor(size: number, shares: PoolShares) {
    this.#size = size;
    this.#shares = shares;
  }

  get snapshots(): readonly Snapshot[] {
    return this.#snapshots;
  }

  /** The newest one comes last; the oldest that nobody plays goes where there are too many. */
  add(snapshot: Snapshot, isPlaying: (serial: number) => boolean): void {
    this.#snapshots.push(snapshot);
    const excess = this.#snapshots.length - this.#size;
    if (excess <= 0) return;
    const leaving = new Set(
      this.#snapshots
        .slice(0, -1)
        .filter(({ serial }) => !isPlaying(serial))
        .slice(0, excess)
        .map(({ serial }) => serial),
    );
    this.#snapshots = this.#snapshots.filter(({ serial }) => !leaving.has(serial));
  }

  restore(snapshots: readonly Snapshot[]): void {
    this.#snapshots = [...snapshots];
  }

  /** Always two draws, so that a change of the pool does not move what is drawn later. */
  draw(source: Random): Drawn {
    const { scripted: ofScripted, random: ofRandom, newest, leastShare } = this.#shares;
    const which = source.uniform();
    const within = source.uniform();
    if (which < ofScripted) return { serial: scripted, share: leastShare + (1 - leastShare) * within };
    if (which < ofScripted + ofRandom) return { serial: random, share: 1 };
    const all = this.#snapshots;
    const chosen =
      which < ofScripted + ofRandom + newest ? all.at(-1)! : all[Math.floor(within * all.length)]!;
    return { serial: chosen.serial, share: 1 };
  }

  /** @throws RangeError when there is no such snapshot any more. */
  player({ serial, share }: Drawn): Player {
    if (serial === scripted) return { kind: 'scripted', share };
    if (serial === random) return { kind: 'random' };
    const found = this.#snapshots.find((snapshot) => snapshot.serial === serial);
    if (found === undefined) throw new RangeError(`Self-play: snapshot ${serial} is not in the pool`);
    return { kind: 'policy', policy: found.policy };
  }
}
