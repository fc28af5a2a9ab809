/** From scores and truths to the tables of `lab eval-reward`: one table a kind of measure, every model a row. */

import {
  final,
  framesAt,
  type JudgedEpisode,
  type Measure,
  meanMeasure,
  pick,
} from '../learn/diagnostics/measure.ts';
import {
  calibrationError,
  doneScore,
  falseSuccess,
  finalOptimism,
  outcomeOrder,
  peakOptimism,
  preferenceAccuracy,
  preferenceMargin,
  reliabilityBins,
  successGap,
  successPrecision,
} from '../learn/diagnostics/outcomes.ts';
import { leastRise, rewindFall, rewindRank } from '../learn/diagnostics/rewind.ts';
import { absoluteError, boundaryError, rankAcross, rankWithin } from '../learn/diagnostics/true-progress.ts';
import { nearProgress } from '../learn/diagnostics/truth.ts';
import { fewestFrames, valueOrderCorrelation } from '../learn/diagnostics/voc.ts';
import type { Footage } from './footage.ts';
import { type GroupId, type JudgedSet, mainGroups } from './judged-episodes.ts';

/** What counts as good: the largest, the smallest, nearest to 0 or to 1; `none`: only to be looked at. */
export type Better = 'higher' | 'lower' | 'zero' | 'one' | 'none';

export interface TableColumn {
  readonly id: string;
  readonly title: string;
  readonly better: Better;
  readonly help: string;
}

export interface RewardTable {
  readonly id: string;
  readonly title: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly { readonly model: string; readonly cells: Readonly<Record<string, Measure>> }[];
  /** How the numbers came about. */
  readonly protocol: string;
}

/** Scores of one model on the judged set, in the order of the set. Each [frames] */
export interface ModelScores {
  readonly groups: Readonly<Partial<Record<GroupId, readonly Float32Array[]>>>;
  readonly forward: readonly Float32Array[];
  /** The clips with their frames in reversed order. */
  readonly reversed: readonly Float32Array[];
  /** The clips there and back. */
  readonly rewound: readonly Float32Array[];
}

export interface TableInput {
  readonly set: JudgedSet;
  readonly scores: ReadonlyMap<string, ModelScores>;
  readonly stride: number;
  readonly seed: number;
}

/** An episode at every so-manyth frame. */
function thinned(footage: Footage, score: ArrayLike<number>, stride: number): JudgedEpisode {
  const { truth, outcome, length } = footage;
  const frames = framesAt(length, stride);
  return {
    score: pick(score, frames),
    truth: {
      progress: pick(truth.progress, frames),
      stage: Uint8Array.from(frames, (t) => truth.stage[t]!),
      success: Uint8Array.from(frames, (t) => truth.success[t]!),
    },
    outcome,
  };
}

/** Judged episodes of these groups for one model. */
export function judgedOf(
  { set, scores }: Pick<TableInput, 'set' | 'scores'>,
  model: string,
  groups: readonly GroupId[],
  stride = 1,
): JudgedEpisode[] {
  return set.groups
    .filter(({ id }) => groups.includes(id))
    .flatMap(({ id, episodes }) =>
      episodes.map((one, i) => thinned(one, scores.get(model)!.groups[id]![i]!, stride)),
    );
}

const shape = ({ set }: TableInput, groups: readonly GroupId[]): string => {
  const episodes = set.groups.filter(({ id }) => groups.includes(id)).flatMap((group) => group.episodes);
  const count = (outcome: string): number => episodes.filter((one) => one.outcome === outcome).length;
  return `${episodes.length} episodes (${groups.filter((id) => set.groups.some((group) => group.id === id)).join(', ')}): ${count('success')} succeeded, ${count('near')} ended at true progress ${nearProgress} or more, ${count('failure')} failed`;
};

const intervals = '95 % percentile bootstrap over episodes';

export function rewardTables(input: TableInput): RewardTable[] {
  return [orderTable(input), truthTable(input), outcomeTable(input), optimismTable(input), levelTable(input)];
}

const rowsOf = (
  { scores }: TableInput,
  cells: (model: string, scores: ModelScores) => Record<string, Measure>,
): RewardTable['rows'] => [...scores].map(([model, one]) => ({ model, cells: cells(model, one) }));

function orderTable(input: TableInput): RewardTable {
  const { set, stride, seed } = input;
  const thin = (tracks: readonly Float32Array[]): Float64Array[] =>
    tracks.map((track) => pick(track, framesAt(track.length - 1, stride)));
  const options = { seed };
  return {
    id: 'order',
    title: 'Order in time, on clips that succeed',
    columns: [
      { id: 'voc', title: 'VOC', better: 'higher', help: 'Spearman of time and score; a clock has 1' },
      {
        id: 'vocReversed',
        title: 'VOC reversed',
        better: 'lower',
        help: 'The same with the frames in reversed order: -1 is best, a clock has 1',
      },
      {
        id: 'rewindFall',
        title: 'rewind fall',
        better: 'one',
        help: 'Played there and back: how far the score falls on the way back, 1 = as far as the truth',
      },
      {
        id: 'rewindRank',
        title: 'rewind rank',
        better: 'higher',
        help: 'Spearman of true progress and score on the way back',
      },
    ],
    rows: rowsOf(input, (_, one) => {
      // Thinned from the turn on, so that the turning frame stays; the truth falls as it rose.
      const rewound = set.clips.map(({ truth, length }, i) => {
        const there = framesAt(length, stride);
        const back = there
          .slice(0, -1)
          .reverse()
          .map((t) => 2 * length - t);
        return {
          score: pick(one.rewound[i]!, [...there, ...back]),
          progress: pick(truth.progress, there),
        };
      });
      return {
        voc: valueOrderCorrelation(thin(one.forward), options),
        vocReversed: valueOrderCorrelation(thin(one.reversed), options),
        rewindFall: rewindFall(rewound, options),
        rewindRank: rewindRank(rewound, options),
      };
    }),
    protocol: `${set.clips.length} clips of the expert with and without noise, from the start to the first frame of success, at least ${fewestFrames} frames; every ${ordinal(stride)} frame and the last; rewind: clips whose true progress rises by ${leastRise}; mean over clips, ${intervals}`,
  };
}

function truthTable(input: TableInput): RewardTable {
  const { stride, seed } = input;
  const options = { seed };
  return {
    id: 'truth',
    title: 'Against true progress',
    columns: [
      {
        id: 'rankWithin',
        title: 'rank within',
        better: 'higher',
        help: 'Spearman of true progress and score within an episode, mean over episodes',
      },
      {
        id: 'rankAcross',
        title: 'rank across',
        better: 'higher',
        help: 'Spearman of true progress and score over the frames of all episodes together',
      },
      { id: 'error', title: 'error', better: 'lower', help: 'Mean |score - true progress|' },
      {
        id: 'boundaryError',
        title: 'boundary error',
        better: 'lower',
        help: 'The same at the frames where a new stage is reached for good',
      },
    ],
    rows: rowsOf(input, (model) => {
      const episodes = judgedOf(input, model, mainGroups, stride);
      return {
        rankWithin: rankWithin(episodes, options),
        rankAcross: rankAcross(episodes, options),
        error: absoluteError(episodes, options),
        boundaryError: boundaryError(judgedOf(input, model, mainGroups), options),
      };
    }),
    protocol: `${shape(input, mainGroups)}; every ${ordinal(stride)} frame and the last, boundaries on every frame; ${intervals}`,
  };
}

function outcomeTable(input: TableInput): RewardTable {
  const options = { seed: input.seed };
  return {
    id: 'outcomes',
    title: 'Final score against the outcome',
    columns: [
      { id: 'tauB', title: "Kendall's tau-b", better: 'higher', help: 'Order of failure < near < success' },
      {
        id: 'gap',
        title: 'success gap',
        better: 'higher',
        help: 'Mean final score of successes minus that of failures',
      },
      {
        id: 'preference',
        title: 'preferences',
        better: 'higher',
        help: `Share of pairs of episodes in the order of their true progress (chance: 0.5); pairs closer than ${preferenceMargin} left out`,
      },
      {
        id: 'auprc',
        title: 'AUPRC',
        better: 'higher',
        help: 'Area under the precision-recall curve of success; a score that says nothing has the share of successes',
      },
      {
        id: 'ece',
        title: 'ECE',
        better: 'lower',
        help: 'Expected calibration error of the final score read as the probability of success',
      },
    ],
    rows: rowsOf(input, (model) => {
      const episodes = judgedOf(input, model, mainGroups);
      return {
        tauB: outcomeOrder(episodes, options),
        gap: successGap(episodes, options),
        preference: preferenceAccuracy(episodes, options),
        auprc: successPrecision(episodes, options),
        ece: calibrationError(episodes, options),
      };
    }),
    protocol: `${shape(input, mainGroups)}; last frame of each; ${reliabilityBins} bins of calibration; ${intervals}`,
  };
}

function optimismTable(input: TableInput): RewardTable {
  const options = { seed: input.seed };
  const has = (id: GroupId): boolean => input.set.groups.some((group) => group.id === id);
  const column = (id: string, title: string, help: string): TableColumn => ({
    id,
    title,
    better: 'zero',
    help,
  });
  return {
    id: 'optimism',
    title: 'Optimism: score minus true progress where the task was not done',
    columns: [
      column(
        'failureFinal',
        'failures, end',
        'Mean of final score minus true progress over failed and near episodes',
      ),
      column('failurePeak', 'failures, peak', 'Mean of the largest lead the score ever had over the truth'),
      {
        id: 'falseSuccess',
        title: 'false success',
        better: 'lower',
        help: `Share of them whose final score is ${doneScore} or more`,
      },
      ...(has('wrong-goal')
        ? [
            column(
              'wrongGoal',
              'wrong goal, end',
              'The same as the first with another goal written into the states of the expert',
            ),
          ]
        : []),
      ...(has('exploit')
        ? [column('exploit', 'exploit, end', "The same where the drill's exploit plays")]
        : []),
    ],
    rows: rowsOf(input, (model) => {
      const undone = judgedOf(input, model, mainGroups).filter(({ outcome }) => outcome !== 'success');
      const of = (id: GroupId): Measure =>
        finalOptimism(
          judgedOf(input, model, [id]).filter(({ outcome }) => outcome !== 'success'),
          options,
        );
      return {
        failureFinal: finalOptimism(undone, options),
        failurePeak: peakOptimism(undone, options),
        falseSuccess: falseSuccess(undone, options),
        ...(has('wrong-goal') ? { wrongGoal: of('wrong-goal') } : {}),
        ...(has('exploit') ? { exploit: of('exploit') } : {}),
      };
    }),
    protocol: `${shape(input, mainGroups)}; ${input.set.groups
      .filter(({ id }) => !mainGroups.includes(id))
      .map(
        ({ id, episodes }) =>
          `${id}: ${episodes.length} episodes, ${episodes.filter(({ outcome }) => outcome !== 'success').length} without success by its truth`,
      )
      .concat(input.set.missing)
      .join('; ')}; ${intervals}`,
  };
}

/** The truth's own row. */
export const truthRow = 'true progress';

function levelTable(input: TableInput): RewardTable {
  const { set, seed } = input;
  const cells = (of: (group: GroupId, i: number, footage: Footage) => number): Record<string, Measure> =>
    Object.fromEntries(
      set.groups.map(({ id, episodes }) => [
        id,
        meanMeasure(
          episodes.map((one, i) => of(id, i, one)),
          { seed },
        ),
      ]),
    );
  return {
    id: 'levels',
    title: 'Mean final score by group',
    columns: set.groups.map(({ id, title }) => ({ id, title: id, better: 'none', help: title })),
    rows: [
      { model: truthRow, cells: cells((_, __, { truth }) => final(truth.progress)) },
      ...rowsOf(input, (_, one) => cells((group, i) => final(one.groups[group]![i]!))),
    ],
    protocol: `${set.groups.map(({ id, title, episodes }) => `${id}: ${episodes.length} episodes, ${title}`).join('; ')}; ${intervals}`,
  };
}

export function ordinal(n: number): string {
  if (n === 1) return 'single';
  const tens = n % 100;
  const suffix = tens > 10 && tens < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n}${suffix}`;
}
