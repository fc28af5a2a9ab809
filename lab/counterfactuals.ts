/**
 * Variants of episodes whose worth the simulator can tell: the same states with another episode's goal written into them, or
 * a first part alone. Both are scored by the rubric of RoboReward (arXiv 2601.00675), read as predicates of the task:
 *
 *   5  the task's own success holds in the last state
 *   4  all that goals differ in is right and only what is wanted of every episode (rest, release) is missing; or q >= 0.8
 *   3  q >= 0.5
 *   2  q >= 0.15, or the task's stage is a later one than at the start
 *   1  otherwise
 *
 *   q = 1 - d(last) / d(first), the share of the way that is done; d: Euclidean distance of what is achieved from what is wanted,
 *       over the quantities in which the episodes' goals differ (over all of them where they never differ); a straight line in
 *       a maze, too
 *   q = (p(last) - p(first)) / (1 - p(first)) of the simulator's progress p where the task has no goals
 */

import type { SenseId, SensesOptions } from '../learn/rewards/senses.ts';
import { openSenses } from '../learn/rewards/senses.ts';
import type { Counterfactual, CounterfactualSource } from '../learn/rewards/types.ts';
import { createRandom } from '../sim/engine/random.ts';
import type { GoalFace, TaskModel } from '../sim/env.ts';

/** Least q of the scores 4, 3 and 2. The rubric's words are the paper's, these numbers are ours. */
export const shares = { 4: 0.8, 3: 0.5, 2: 0.15 } as const;

export interface EpisodeStates {
  /** Names it in reasons and error messages. */
  readonly id: string;
  /** [T + 1, stateDim] */
  readonly states: Float64Array;
}

/** `relabel` and `clip` by position in `episodes`, as they are perceived through `senses`. */
export function openCounterfactuals(
  model: TaskModel,
  episodes: readonly EpisodeStates[],
  senses: readonly SenseId[] = ['observation'],
  options?: SensesOptions,
): CounterfactualSource {
  const { stateDim } = model;
  const opened = openSenses(model, senses, options);
  const rubric = openRubric(
    model,
    episodes.map(({ states }) => states),
  );
  const goals = episodes.map(({ states }) => desiredOf(model.goals, states));

  const episodeOf = (index: number): EpisodeStates & { readonly length: number } => {
    const episode = episodes[index];
    if (episode === undefined)
      throw new RangeError(`Counterfactuals: found episode ${index}, wanted 0 to ${episodes.length - 1}`);
    return { ...episode, length: episode.states.length / stateDim - 1 };
  };

  const counterfactual = (
    id: string,
    states: Float64Array,
    length: number,
    changed: string,
  ): Counterfactual => {
    const { score, reason } = rubric(states, length);
    if (score === undefined) throw new RangeError(`Episode ${id}: ${reason}`);
    const frames = new Float64Array((length + 1) * opened.dim);
    opened.read(states, 0, length + 1, frames, 0);
    return { frames, length, score, reason: `${changed}: ${score}, ${reason}` };
  };

  return {
    clip(index, length) {
      const episode = episodeOf(index);
      if (!Number.isInteger(length) || length < 0 || length > episode.length) {
        throw new RangeError(
          `Episode ${episode.id}: found a clip of ${length} steps, wanted 0 to ${episode.length}`,
        );
      }
      const changed =
        length === episode.length ? 'the whole' : `the first ${length} of ${episode.length} steps`;
      return counterfactual(
        episode.id,
        episode.states.subarray(0, (length + 1) * stateDim),
        length,
        `${changed} of ${episode.id}`,
      );
    },

    relabel(index, seed) {
      const { id, states, length } = episodeOf(index);
      const { setDesired, names } = model.goals ?? {};
      if (setDesired === undefined) return undefined;
      const own = goals[index]!;
      const others = goals.flatMap((goal, i) => (goal.some((value, k) => value !== own[k]) ? [i] : []));
      if (others.length === 0) return undefined;
      const other = others[createRandom(seed).integer(others.length)]!;
      const goal = goals[other]!;
      const relabelled = states.slice();
      for (let t = 0; t <= length; t++) setDesired(goal, 0, relabelled, t * stateDim);
      const differs = names!.flatMap((name, k) =>
        goal[k] === own[k] ? [] : [`${name} ${Number(goal[k]!.toPrecision(3))}`],
      );
      return counterfactual(
        id,
        relabelled,
        length,
        `${id} with the goal of ${episodes[other]!.id} (${differs.join(', ')})`,
      );
    },
  };
}

function desiredOf(face: GoalFace | undefined, states: Float64Array): Float64Array {
  const goal = new Float64Array(face?.dim ?? 0);
  face?.desired(states, 0, goal, 0);
  return goal;
}

/** `blockPos` of `blockPos.x`: what belongs together. */
const quantityOf = (name: string): string => name.replace(/\.[xyz]$/, '');

type Scored =
  | { readonly score: Counterfactual['score']; readonly reason: string }
  | { readonly score: undefined; readonly reason: string };

/**
 * The score of the state after `length` steps, and why; no score where the distance is no number.
 * episodes: states of all that are compared, for what their goals differ in. [T + 1, stateDim] each
 */
export function openRubric(
  model: TaskModel,
  episodes: readonly Float64Array[],
): (states: Float64Array, length: number) => Scored {
  const { stateDim, goals: face } = model;
  const isMajor = majorOf(face, episodes);
  const [achieved, desired] = [new Float64Array(face?.dim ?? 0), new Float64Array(face?.dim ?? 0)];

  /** Also leaves the pair in `achieved` and `desired`. */
  const distance = (states: Float64Array, o: number): number => {
    face!.achieved(states, o, achieved, 0);
    face!.desired(states, o, desired, 0);
    let square = 0;
    for (const [k, major] of isMajor.entries()) if (major) square += (achieved[k]! - desired[k]!) ** 2;
    return Math.sqrt(square);
  };
  const doneOf = (states: Float64Array, last: number): number => {
    if (face === undefined) {
      const first = model.progress(states, 0);
      return first === 1 ? 0 : (model.progress(states, last) - first) / (1 - first);
    }
    const first = distance(states, 0);
    const rest = distance(states, last);
    return first > 0 ? 1 - rest / first : rest > 0 ? 0 : 1;
  };

  return (states, length) => {
    const last = length * stateDim;
    if (model.success(states, last)) return { score: 5, reason: 'the task counts as done' };
    const done = doneOf(states, last);
    if (Number.isNaN(done)) {
      return {
        score: undefined,
        reason: 'found a distance to the goal that is no number, wanted a finite one',
      };
    }
    if (face !== undefined) {
      const missing = face.names.filter((_, k) => !isMajor[k] && achieved[k] !== desired[k]);
      const whole = achieved.map((value, k) => (isMajor[k] ? value : desired[k]!));
      if (missing.length > 0 && face.computeReward(whole, 0, desired, 0) === 1)
        return { score: 4, reason: `only ${missing.map(quantityOf).join(', ')} is not as wanted` };
    }
    const percent = `${Math.round(100 * Math.max(0, done))} % of the way to the goal is done`;
    if (done >= shares[4]) return { score: 4, reason: percent };
    if (done >= shares[3]) return { score: 3, reason: percent };
    if (done >= shares[2]) return { score: 2, reason: percent };
    const [before, after] = [model.stage(states, 0), model.stage(states, last)];
    if (after > before)
      return { score: 2, reason: `${percent}, but stage ${model.stages[after]!.id} is reached` };
    return { score: 1, reason: percent };
  };
}

/** True for quantities in which goals differ; for all where they never do. [goal dim] */
function majorOf(face: GoalFace | undefined, episodes: readonly Float64Array[]): boolean[] {
  if (face === undefined) return [];
  const goals = episodes.map((states) => desiredOf(face, states));
  const differ = new Set(
    face.names.flatMap((name, k) =>
      goals.some((goal) => goal[k] !== goals[0]![k]) ? [quantityOf(name)] : [],
    ),
  );
  return face.names.map((name) => differ.size === 0 || differ.has(quantityOf(name)));
}
