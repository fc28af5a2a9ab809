/** Two rewards of a judgement on an episode: which of its curves each of them is, or why none is. Pure. */

import type { RewardName } from '../state/distances.ts';
import type { LoadedEpisode, Series } from '../state/opened.ts';
import { differenceSeries } from './series.ts';

/** Of the task: `dense` and `sparse` are weighted sums of these. */
export interface TaskTerm {
  readonly id: string;
  readonly kind: string;
  readonly weight: number;
}

/** What a judgement of `task` measured the distance of. */
export interface RewardPair {
  readonly task: string;
  readonly sides: readonly [RewardName, RewardName];
  readonly terms: readonly TaskTerm[];
}

/** A reward on an episode. `pick`: what the lab has to score for it; null where it was recorded. */
export type PairCurve = { readonly name: string; readonly pick: string | null } | { readonly why: string };

const scorable: readonly string[] = ['constant', 'time-ramp'];

/** Stored models and the baselines that need no fitting are scored; true progress and the task's own rewards were recorded. */
export function curveOfReward(
  { key, kind, id }: RewardName,
  { episode, terms }: Pick<LoadedEpisode, 'episode' | 'terms'>,
  taskTerms: readonly TaskTerm[],
): PairCurve {
  if (kind === 'task') {
    if (key === 'true progress') return { name: 'progress/true', pick: null };
    const own = taskTerms.filter((term) => term.kind === key);
    const isRecorded =
      own.length > 0 && own.every((term) => terms.some((one) => one.id === `task/${term.id}`));
    return isRecorded
      ? { name: `reward/own/${key}`, pick: null }
      : { why: `${key} was not recorded in episode ${episode.id}: its run was not paid by it` };
  }
  if (id !== null) return { name: `progress/model/${id}`, pick: String(id) };
  if (scorable.includes(key)) return { name: `progress/model/${key}`, pick: key };
  return { why: `${key} was fitted for the judgement alone; fit and store it to see it on episodes` };
}

/** The task's own rewards of the pair, as they were judged: terms of that kind times the weights that the task gives them. */
export const ownRewards = ({ sides, terms }: RewardPair, episode: LoadedEpisode): Series[] =>
  sides.flatMap((side): Series[] => {
    const curve = curveOfReward(side, episode, terms);
    if (!('name' in curve) || !curve.name.startsWith('reward/own/')) return [];
    const values = new Float64Array(episode.length);
    for (const { id, kind, weight } of terms) {
      if (kind !== side.key) continue;
      const { raw } = episode.terms.find((one) => one.id === `task/${id}`)!;
      for (let t = 0; t < values.length; t++) values[t]! += weight * raw[t]!;
    }
    return [
      {
        name: curve.name,
        label: `${side.key} (task)`,
        lane: 'reward',
        values,
        help: `The task's own ${side.key} reward as it was judged: its terms times the weights of the task, whatever the run weighted them by.`,
      },
    ];
  });

/** What has to be scored to draw the pair on an episode of its task. */
export const picksOfPair = ({ sides, terms }: RewardPair, episode: LoadedEpisode): string[] =>
  sides.flatMap((side) => {
    const curve = curveOfReward(side, episode, terms);
    return 'pick' in curve && curve.pick !== null ? [curve.pick] : [];
  });

/** The band between both, where both are there and count the same: progress, or reward a step. */
export function pairDifference(
  { sides, terms }: RewardPair,
  episode: LoadedEpisode,
  series: readonly Series[],
): Series | null {
  const found = sides.flatMap((side) => {
    const curve = curveOfReward(side, episode, terms);
    return 'name' in curve ? series.filter(({ name }) => name === curve.name) : [];
  });
  return found.length === 2 && found[0]!.lane === found[1]!.lane ? differenceSeries(found) : null;
}

/** What is drawn of the pair on an episode, or what stands against it, in sentences. */
export function pairWords(pair: RewardPair, episode: LoadedEpisode | null): string {
  const [a, b] = pair.sides;
  const task = episode?.episode.task;
  if (!episode || task !== pair.task)
    return `${episode ? `Episode ${episode.episode.id} is of ${task}` : 'No episode is open'}: open one of ${pair.task} to see both on the timeline.`;
  const curves = [a, b].map((side) => curveOfReward(side, episode, pair.terms));
  const missing = curves.flatMap((curve) => ('why' in curve ? [curve.why] : []));
  if (missing.length > 0) return `Not both on episode ${episode.episode.id}: ${missing.join('; ')}.`;
  const lanes = new Set(curves.map((curve) => ('name' in curve ? curve.name.split('/')[0] : '')));
  return lanes.size === 1
    ? `On the timeline of episode ${episode.episode.id}: ${a.key} and ${b.key}, the grey band lies between them.`
    : `On the timeline of episode ${episode.episode.id}: ${a.key} and ${b.key}. One is progress, the other a reward for each step: no common unit, so no band between them.`;
}
