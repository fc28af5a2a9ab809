/**
 * All agents of a world at once, by PettingZoo's parallel convention (Terry et al., arXiv:2009.14471): every agent acts in
 * every step. One world with records keyed by agent id, or N worlds with arrays [count, agents, dim] for self-play.
 *
 * Underneath it is the ordinary batch over a model whose action and observation are those of all agents side by side, so
 * that checks, the guard against divergence, save and restore are the same.
 */

import { createBatch } from './batch.ts';
import type { BatchEnv, BoxSpace, ParallelFace, TaskModel } from './env.ts';

/** One space from the spaces of all agents, components named `agent.component`. */
function jointSpace(face: ParallelFace, spaces: readonly BoxSpace[]): BoxSpace {
  return {
    type: 'box',
    dim: spaces.reduce((sum, space) => sum + space.dim, 0),
    low: Float64Array.from(spaces.flatMap((space) => [...space.low])),
    high: Float64Array.from(spaces.flatMap((space) => [...space.high])),
    names: spaces.flatMap((space, i) => space.names.map((name) => `${face.agents[i]!.id}.${name}`)),
  };
}

const faceOf = (model: TaskModel): ParallelFace => {
  if (!model.parallel) throw new TypeError(`${model.id}: found one agent, wanted a task with several`);
  return model.parallel;
};

/**
 * The task as a game of all its agents: an action or observation holds those of all agents, in order. Everything else
 * (success, progress, terms) stays agent 0's.
 * @throws TypeError when the task has one agent only.
 */
export function jointModel(model: TaskModel): TaskModel {
  const face = faceOf(model);
  // What presses on what is told for agent 0's action alone.
  const { impacts: _, ...rest } = model;
  return {
    ...rest,
    observationSpace: jointSpace(face, face.observationSpaces),
    actionSpace: jointSpace(face, face.actionSpaces),
    advance: (states, actions, first, count) => face.advance(states, actions, first, count),
    observe(state, o, out, at) {
      let to = at;
      for (let i = 0; i < face.agents.length; i++) {
        face.observe(i, state, o, out, to);
        to += face.observationSpaces[i]!.dim;
      }
    },
    expert(state, o, out, at) {
      let to = at;
      for (let i = 0; i < face.agents.length; i++) {
        face.expert(i, state, o, out, to);
        to += face.actionSpaces[i]!.dim;
      }
    },
  };
}

/** N worlds in which every agent acts. All agents have the same sizes. Arrays are overwritten by the next call. */
export interface ParallelBatch {
  readonly model: TaskModel;
  readonly count: number;
  readonly agents: readonly string[];
  /** [count, agents, observationDim] */
  readonly observations: Float64Array;
  /** Of the last step. [count, agents] */
  readonly rewards: Float64Array;
  /** As in `BatchEnv`: an episode ends for all its agents at once. [count] */
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  /** The rows, as in `BatchEnv`. */
  readonly states: Float64Array;
  reset(world: number, seed: number): void;
  /** actions: [count, agents, actionDim]. @throws RangeError on wrong size or non-finite actions, states unchanged. */
  step(actions: Float64Array): void;
  /** The scripted policies of all agents, for the present states. out: [count, agents, actionDim] */
  experts(out: Float64Array): void;
  saveState(world: number): Float64Array;
  restoreState(world: number, state: Float64Array): void;
}

/** Rewards of all agents for the last step of a batch; 0 in a world that has diverged. out: [count, agents] */
function payAll(face: ParallelFace, batch: BatchEnv, out: Float64Array): void {
  const dim = batch.model.stateDim;
  const agents = face.agents.length;
  for (let w = 0; w < batch.count; w++) {
    const o = w * dim;
    for (let i = 0; i < agents; i++) {
      out[w * agents + i] =
        batch.diverged[w] === 1 ? 0 : face.reward(i, batch.previousStates, o, batch.states, o);
    }
  }
}

/**
 * @throws TypeError when the task has one agent only.
 * @throws RangeError when its agents' spaces differ in size, or on a count that is no positive integer.
 */
export function createParallelBatch(model: TaskModel, count: number): ParallelBatch {
  const face = faceOf(model);
  for (const [i, agent] of face.agents.entries()) {
    for (const spaces of [face.observationSpaces, face.actionSpaces]) {
      if (spaces[i]!.dim !== spaces[0]!.dim) {
        throw new RangeError(
          `${model.id}: ${agent.id} has a space of ${spaces[i]!.dim} numbers, wanted ${spaces[0]!.dim} as for all agents`,
        );
      }
    }
  }
  const joint = jointModel(model);
  const batch = createBatch(joint, count);
  const rewards = new Float64Array(count * face.agents.length);
  return {
    model,
    count,
    agents: face.agents.map((agent) => agent.id),
    observations: batch.observations,
    rewards,
    terminated: batch.terminated,
    truncated: batch.truncated,
    diverged: batch.diverged,
    states: batch.states,
    reset: (world, seed) => batch.reset(world, seed),
    step(actions) {
      batch.step(actions);
      payAll(face, batch, rewards);
    },
    experts(out) {
      for (let w = 0; w < count; w++) {
        joint.expert(batch.states, w * joint.stateDim, out, w * joint.actionSpace.dim);
      }
    },
    saveState: (world) => batch.saveState(world),
    restoreState: (world, state) => batch.restoreState(world, state),
  };
}

/** One value an agent, keyed by its id. */
export type ByAgent<T> = Readonly<Record<string, T>>;

export interface ParallelStep {
  /** Fresh arrays. */
  readonly observations: ByAgent<Float64Array>;
  readonly rewards: ByAgent<number>;
  /** The episode ended by the task's rules, or its state diverged. */
  readonly terminations: ByAgent<boolean>;
  readonly truncations: ByAgent<boolean>;
}

/** One world, PettingZoo's `ParallelEnv`. */
export interface ParallelEnv {
  readonly model: TaskModel;
  readonly possibleAgents: readonly string[];
  /** The agents that still act: all of them, or none before the first reset and after the end. */
  readonly agents: readonly string[];
  observationSpace(agent: string): BoxSpace;
  actionSpace(agent: string): BoxSpace;
  reset(seed: number): ByAgent<Float64Array>;
  /**
   * One control step; every agent acts.
   * @throws RangeError on a missing or unknown agent, an action of wrong size or non-finite, or when the episode is over;
   * the state is unchanged.
   */
  step(actions: ByAgent<ArrayLike<number>>): ParallelStep;
  /** A copy of the state row. */
  state(): Float64Array;
}

/** @throws TypeError when the task has one agent only. */
export function createParallelEnv(model: TaskModel): ParallelEnv {
  const face = faceOf(model);
  const ids = face.agents.map((agent) => agent.id);
  const joint = jointModel(model);
  const batch = createBatch(joint, 1);
  const actions = new Float64Array(joint.actionSpace.dim);
  const rewards = new Float64Array(ids.length);
  let live: readonly string[] = [];

  const indexOf = (agent: string): number => {
    const i = ids.indexOf(agent);
    if (i < 0) throw new RangeError(`${model.id}: found agent "${agent}", wanted one of ${ids.join(', ')}`);
    return i;
  };
  const byAgent = <T>(value: (i: number) => T): ByAgent<T> =>
    Object.fromEntries(ids.map((id, i) => [id, value(i)]));
  const observations = (): ByAgent<Float64Array> =>
    byAgent((i) => {
      const out = new Float64Array(face.observationSpaces[i]!.dim);
      face.observe(i, batch.states, 0, out, 0);
      return out;
    });

  return {
    model,
    possibleAgents: ids,
    get agents() {
      return live;
    },
    observationSpace: (agent) => face.observationSpaces[indexOf(agent)]!,
    actionSpace: (agent) => face.actionSpaces[indexOf(agent)]!,

    reset(seed) {
      batch.reset(0, seed);
      live = ids;
      return observations();
    },

    step(chosen) {
      if (live.length === 0) throw new RangeError(`${model.id}: found no episode under way, wanted a reset`);
      for (const agent of Object.keys(chosen)) indexOf(agent);
      let at = 0;
      for (const [i, id] of ids.entries()) {
        const action = chosen[id];
        const { dim } = face.actionSpaces[i]!;
        if (action === undefined) throw new RangeError(`${model.id}: found no action of ${id}, wanted one`);
        if (action.length !== dim) {
          throw new RangeError(
            `${model.id}: found an action of ${action.length} numbers for ${id}, wanted ${dim}`,
          );
        }
        for (let k = 0; k < dim; k++) actions[at + k] = action[k]!;
        at += dim;
      }
      batch.step(actions);
      payAll(face, batch, rewards);
      const isOver = batch.terminated[0] === 1 || batch.diverged[0] === 1;
      const isCut = batch.truncated[0] === 1;
      if (isOver || isCut) live = [];
      return {
        observations: observations(),
        rewards: byAgent((i) => rewards[i]!),
        terminations: byAgent(() => isOver),
        truncations: byAgent(() => isCut),
      };
    },

    state: () => batch.saveState(0),
  };
}
