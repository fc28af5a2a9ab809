/** State match (StateFactory, arXiv:2603.09400): nearer to true progress than a learned model where goals are others than in training. */

import { pearson } from '../../learn/diagnostics/agreement.ts';
import { sarm } from '../../learn/rewards/sarm.ts';
import { stateMatch } from '../../learn/rewards/state-match.ts';
import type { LearnedReward } from '../../learn/rewards/types.ts';
import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { fitOn } from '../fit.ts';
import { type Footage, type Player, play, sensed } from '../footage.ts';
import { episodeSeed } from '../seeds.ts';
import type { Claim, ClaimSetup } from './types.ts';

export interface MatchSizes {
  /** Successes, and half as many wandering failures, that the learned models are fitted on. */
  readonly demonstrations: number;
  /** Successes and as many wandering failures, on seen and on unseen goals. */
  readonly judged: number;
  /** Of the learned models. */
  readonly settings?: AnySettings;
}

const sizes: MatchSizes = { demonstrations: 30, judged: 20 };

const arms = {
  match: 'state match, unseen goals',
  'learned-goal': 'SARM with a single head over what is achieved and wanted (the same numbers), unseen goals',
  'learned-observation': 'SARM with a single head over the observation, unseen goals',
  flat: 'Euclidean distance of all numbers achieved from those wanted, unseen goals',
  'match, seen': 'state match, goals as in training',
  'learned-goal, seen': 'the learned head over what is achieved and wanted, goals as in training',
  'learned-observation, seen': 'the learned head over the observation, goals as in training',
} as const;
type Arm = keyof typeof arms;

function desiredOf(model: TaskModel, seed: number): Float64Array {
  const [state, goal] = [new Float64Array(model.stateDim), new Float64Array(model.goals!.dim)];
  model.reset(seed, state, 0);
  model.goals!.desired(state, 0, goal, 0);
  return goal;
}

/** The number in which goals lie farthest apart, and its middle; a spread of 0 where they never differ. */
export function splitOf(model: TaskModel): { component: number; middle: number; spread: number } {
  const goals = Array.from({ length: 64 }, (_, i) => desiredOf(model, episodeSeed('search', 0, i)));
  const spreads = model.goals!.names.map((_, k) => {
    const values = goals.map((goal) => goal[k]!);
    return Math.max(...values) - Math.min(...values);
  });
  const spread = Math.max(...spreads);
  const component = spreads.indexOf(spread);
  const sorted = goals.map((goal) => goal[component]!).sort((a, b) => a - b);
  return { component, middle: (sorted[31]! + sorted[32]!) / 2, spread };
}

/** EPIC as that paper's code computes it: sqrt((1 - Pearson) / 2) over all frames together; 0 the same, 0.707 unrelated, 1 opposite. */
export const epicOf = (scores: ArrayLike<number>, truth: ArrayLike<number>): number =>
  Math.sqrt((1 - pearson(scores, truth)) / 2);

/** One repetition: distance to true progress, by arm. */
export async function distances(
  { model, taskId, seed, compute, signal, onProgress }: ClaimSetup,
  { demonstrations, judged, settings = {} }: MatchSizes,
): Promise<Record<Arm, number>> {
  const { component, middle } = splitOf(model);
  const of = (
    player: Player,
    purpose: 'demonstration' | 'failure' | 'evaluation',
    wanted: 'below' | 'above',
    count: number,
  ): Footage[] => {
    const found: Footage[] = [];
    const isWanted = (one: Footage) => (one.outcome === 'success') === (player.kind === 'expert');
    // Far more than are ever needed.
    for (let i = 0; found.length < count && i < 20 * count; i++) {
      const at = episodeSeed(purpose, seed, i);
      const isAbove = desiredOf(model, at)[component]! > middle;
      if (isAbove !== (wanted === 'above')) continue;
      found.push(...play({ model, player, seeds: [at] }).filter(isWanted));
    }
    if (found.length < count) {
      throw new RangeError(
        `${taskId}: found ${found.length} episodes of ${player.kind} that ended as wanted, goals ${wanted} ${middle}, wanted ${count}`,
      );
    }
    return found;
  };
  const expert: Player = { kind: 'expert', noise: 0.4 };
  const wandering: Player = { kind: 'wandering' };
  const training = [
    ...of(expert, 'demonstration', 'below', demonstrations),
    ...of(wandering, 'failure', 'below', Math.ceil(demonstrations / 2)),
  ];
  const judge = (where: 'below' | 'above'): Footage[] => [
    ...of(expert, 'evaluation', where, judged),
    ...of(wandering, 'evaluation', where, judged),
  ];
  const [seen, unseen] = [judge('below'), judge('above')];
  const distance = (episodes: readonly Footage[], score: (episode: Footage) => Iterable<number>): number =>
    epicOf(
      episodes.flatMap((episode) => [...score(episode)]),
      episodes.flatMap(({ truth }) => [...truth.progress]),
    );
  const fitted = async (method: LearnedReward, given: AnySettings) => {
    const { model: fit } = await fitOn(method, given, model, training, { compute, seed, signal });
    return (episode: Footage) => fit.score(sensed(model, episode, fit.senses), episode.length).perStep;
  };
  const single = (senses: string) => ({ head: 'single', senses, ...settings });
  onProgress('match');
  const match = await fitted(stateMatch, {});
  onProgress('learned-goal');
  const learnedGoal = await fitted(sarm, single('goal'));
  onProgress('learned-observation');
  const learnedObservation = await fitted(sarm, single('observation'));
  const dim = model.goals!.dim;
  const flat = (episode: Footage): Float64Array => {
    const frames = sensed(model, episode, ['goal']);
    return Float64Array.from({ length: episode.length + 1 }, (_, t) => {
      let square = 0;
      for (let k = 0; k < dim; k++)
        square += (frames[2 * dim * t + k]! - frames[2 * dim * t + dim + k]!) ** 2;
      return -Math.sqrt(square);
    });
  };
  return {
    match: distance(unseen, match),
    'learned-goal': distance(unseen, learnedGoal),
    'learned-observation': distance(unseen, learnedObservation),
    flat: distance(unseen, flat),
    'match, seen': distance(seen, match),
    'learned-goal, seen': distance(seen, learnedGoal),
    'learned-observation, seen': distance(seen, learnedObservation),
  };
}

function unsuitable(model: TaskModel): string | undefined {
  if (model.goals === undefined) return 'it has no goals';
  return splitOf(model).spread === 0 ? 'its goal is the same in every episode' : undefined;
}

const common = {
  metric:
    'distance to true progress, sqrt((1 - Pearson correlation) / 2), all frames of 20 successes and 20 wandering failures together',
  arms,
  task: 'push',
  unsuitable,
  seeds: 5,
  run: (setup: ClaimSetup) => distances(setup, sizes),
} as const;

export const stateMatchClaims: readonly Claim[] = [
  {
    ...common,
    id: 'unseen-goals',
    statement:
      'Where goals lie in the half of the table that was not in training, state match without training is nearer to true progress than the learned single head and than the flat distance',
    baseline: 'learned-goal',
    expects: [
      { kind: 'better', arm: 'match', than: 'learned-goal', want: 'lower' },
      { kind: 'better', arm: 'match', than: 'learned-observation', want: 'lower' },
      { kind: 'better', arm: 'match', than: 'flat', want: 'lower' },
    ],
  },
  {
    ...common,
    id: 'seen-goals',
    statement: 'On goals as in training the learned single heads are the nearer ones',
    baseline: 'match, seen',
    expects: [
      { kind: 'better', arm: 'learned-goal, seen', than: 'match, seen', want: 'lower' },
      { kind: 'better', arm: 'learned-observation, seen', than: 'match, seen', want: 'lower' },
    ],
  },
];
