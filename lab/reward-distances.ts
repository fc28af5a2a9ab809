/**
 * EPIC and STARC distances of every two rewards on transitions of the judged episodes: each model's score of s' as a reward
 * (`level`), true progress of s', and the task's own sparse and dense terms. As `delta` a model has the same distances (it differs
 * from gamma-shaping by a multiple of the level); as `shaping` it is no reward of its own, and has none.
 */

import type { Measure } from '../learn/diagnostics/measure.ts';
import { notMeasurable } from '../learn/diagnostics/measure.ts';
import {
  type Coverage,
  canonicallyShaped,
  epicDistance,
  epicSample,
  minimallyShaped,
  rewardsOf,
  shapingBasis,
  starcDistance,
  type TransitionReward,
} from '../learn/diagnostics/reward-distance.ts';
import type { TaskModel } from '../sim/env.ts';
import { type JudgedSet, mainGroups } from './judged-episodes.ts';
import { observationsOf } from './replay.ts';
import { type ModelScores, ordinal, type RewardTable, truthRow } from './reward-tables.ts';

export interface DistanceRow {
  readonly a: string;
  readonly b: string;
  readonly epic: Measure;
  readonly starc: Measure;
}

export interface DistanceInput {
  readonly model: TaskModel;
  readonly set: JudgedSet;
  readonly scores: ReadonlyMap<string, ModelScores>;
  readonly stride: number;
  readonly seed: number;
  readonly gamma: number;
}

/** Draws of (A, S') for the means of EPIC. */
const epicDraws = 64;
/** With fewer transitions a feature, shaping explains whatever it likes. */
const transitionsPerFeature = 4;

/** The task's own rewards, beside true progress. */
export const references = [truthRow, 'sparse', 'dense'] as const;

interface Table {
  readonly coverage: Coverage;
  /** [states, stateDim] */
  readonly states: Float64Array;
  /** Of each transition. [N, actionDim] */
  readonly actions: Float64Array;
  /** Where a state was: group, episode, frame. [states] */
  readonly places: readonly { readonly group: number; readonly episode: number; readonly frame: number }[];
}

function tableOf({ model, set, stride }: DistanceInput): Table {
  const { stateDim, actionSpace } = model;
  const places: { group: number; episode: number; frame: number }[] = [];
  const episodes: number[] = [];
  const states: Float64Array[] = [];
  const actions: Float64Array[] = [];
  let count = 0;
  for (const [group, { id, episodes: footages }] of set.groups.entries()) {
    if (!mainGroups.includes(id)) continue;
    for (const [episode, footage] of footages.entries()) {
      for (let t = 0; t < footage.length; t += stride) {
        places.push({ group, episode, frame: t }, { group, episode, frame: t + 1 });
        states.push(footage.states.subarray(t * stateDim, (t + 2) * stateDim));
        actions.push(footage.actions.subarray(t * actionSpace.dim, (t + 1) * actionSpace.dim));
        episodes.push(count);
      }
      count++;
    }
  }
  return {
    coverage: {
      states: places.length,
      from: Int32Array.from(episodes, (_, n) => 2 * n),
      to: Int32Array.from(episodes, (_, n) => 2 * n + 1),
      episode: Int32Array.from(episodes),
    },
    states: joined(states, 2 * stateDim),
    actions: joined(actions, actionSpace.dim),
    places,
  };
}

function joined(rows: readonly Float64Array[], width: number): Float64Array {
  const out = new Float64Array(rows.length * width);
  for (const [i, row] of rows.entries()) out.set(row, i * width);
  return out;
}

/** A constant and the observation, each number by its deviation. [states, dim] */
function featuresOf(model: TaskModel, states: Float64Array): { features: Float64Array; dim: number } {
  const seen = observationsOf(model, states);
  const width = model.observationSpace.dim;
  const count = seen.length / width;
  const dim = width + 1;
  const features = new Float64Array(count * dim).fill(1);
  for (let k = 0; k < width; k++) {
    let mean = 0;
    let square = 0;
    for (let s = 0; s < count; s++) mean += seen[s * width + k]! / count;
    for (let s = 0; s < count; s++) square += (seen[s * width + k]! - mean) ** 2 / count;
    const scale = Math.sqrt(square) || 1;
    for (let s = 0; s < count; s++) features[s * dim + k + 1] = (seen[s * width + k]! - mean) / scale;
  }
  return { features, dim };
}

/** Weighted native terms of one kind. */
function nativeReward(
  model: TaskModel,
  { states, actions }: Table,
  kind: 'sparse' | 'dense',
): TransitionReward {
  const { stateDim, actionSpace, rewardTerms } = model;
  const terms = new Float64Array(rewardTerms.length);
  return (from, action, to) => {
    model.reward(states, from * stateDim, actions, action * actionSpace.dim, states, to * stateDim, terms, 0);
    let sum = 0;
    for (const [i, term] of rewardTerms.entries()) if (term.kind === kind) sum += term.weight * terms[i]!;
    return sum;
  };
}

export function distancesOf(input: DistanceInput): DistanceRow[] {
  const { model, set, scores, seed, gamma } = input;
  const table = tableOf(input);
  const { coverage, places } = table;
  const level = (track: (group: number, episode: number) => ArrayLike<number>): TransitionReward => {
    const values = Float64Array.from(places, ({ group, episode, frame }) => track(group, episode)[frame]!);
    return (_from, _action, to) => values[to]!;
  };
  const rewards: [string, TransitionReward][] = [
    [truthRow, level((group, episode) => set.groups[group]!.episodes[episode]!.truth.progress)],
    ['sparse', nativeReward(model, table, 'sparse')],
    ['dense', nativeReward(model, table, 'dense')],
    ...[...scores].map(([key, { groups }]): [string, TransitionReward] => [
      key,
      level((group, episode) => groups[set.groups[group]!.id]![episode]!),
    ]),
  ];
  const sample = epicSample(coverage, epicDraws, seed);
  const { features, dim } = featuresOf(model, table.states);
  const basis = shapingBasis(coverage, features, dim, gamma);
  const few = coverage.from.length < transitionsPerFeature * basis.length;
  const canonical = rewards.map(([name, reward]) => ({
    name,
    epic: canonicallyShaped(coverage, reward, gamma, sample),
    starc: minimallyShaped(rewardsOf(coverage, reward), basis),
  }));
  return canonical.flatMap((b, i) =>
    canonical.slice(0, i).map((a) => ({
      a: a.name,
      b: b.name,
      epic: epicDistance(coverage, a.epic, b.epic, { seed }),
      starc: few
        ? notMeasurable(
            `${coverage.from.length} transitions for ${basis.length} features of shaping, wanted ${transitionsPerFeature} for each`,
            coverage.from.length,
          )
        : starcDistance(coverage, a.starc, b.starc, { seed }),
    })),
  );
}

/** Each model against true progress and the task's own rewards. */
export function distanceTable(
  distances: readonly DistanceRow[],
  models: readonly string[],
  { gamma, stride, set }: Pick<DistanceInput, 'gamma' | 'stride' | 'set'>,
): RewardTable {
  const between = (model: string, reference: string): DistanceRow =>
    distances.find(({ a, b }) => a === reference && b === model)!;
  const columns = references.flatMap((reference) =>
    (['epic', 'starc'] as const).map((kind) => ({
      id: `${kind}/${reference}`,
      title: `${kind.toUpperCase()} ${reference}`,
      better: reference === truthRow ? ('lower' as const) : ('none' as const),
      help: `Distance of the score as a reward to ${reference === truthRow ? 'true progress as a reward' : `the task's ${reference} reward`}: 0 the same up to scale and shaping, 0.707 unrelated, 1 opposite`,
    })),
  );
  const count = distances[0]?.epic.count ?? 0;
  return {
    id: 'distance',
    title: 'Distance as rewards (level), shaping and scale not counted',
    columns,
    rows: models.map((model) => ({
      model,
      cells: Object.fromEntries(
        references.flatMap((reference) => {
          const { epic, starc } = between(model, reference);
          return [
            [`epic/${reference}`, epic],
            [`starc/${reference}`, starc],
          ];
        }),
      ),
    })),
    protocol: `coverage set: every ${ordinal(stride)} transition of ${count} judged episodes (${set.groups
      .filter(({ id }) => mainGroups.includes(id))
      .map(({ id }) => id)
      .join(
        ', ',
      )}), gamma ${gamma}; EPIC: means over ${epicDraws} draws of action and state; STARC-style: smallest shaped reward, potentials linear in the observation, Euclidean norm; 95 % percentile bootstrap over episodes`,
  };
}
