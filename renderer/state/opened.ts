/** An opened episode as the panels use it: the packed arrays of `episodes.open`, named and checked. Pure. */

import type { BodyInfo, Episode, OpenedEpisode } from '../../lab/api.ts';
import { type Block, joinStill, type PackedArray, unpack } from '../../lab/pack.ts';

type Numbers = Float64Array | Float32Array;

export interface Term {
  readonly id: string;
  /** Each [T]. */
  readonly raw: Numbers;
  readonly weight: Numbers;
  readonly product: Numbers;
}

export interface LoadedEpisode {
  readonly episode: Episode;
  readonly bodies: readonly BodyInfo[];
  readonly stages: readonly { readonly id: string; readonly title: string }[];
  /** Seconds per control step. */
  readonly controlDt: number;
  /** Control steps T; there are T + 1 frames. */
  readonly length: number;
  readonly duration: number;
  /** [T + 1, bodies, 7] */
  readonly poses: Float32Array;
  /** Colours that change, sRGB, NaN where a body keeps its own; null where none do. [T + 1, bodies, 3] */
  readonly colours: Float32Array | null;
  readonly trueProgress: Float32Array;
  readonly trueStage: Uint8Array;
  readonly trueSuccess: Uint8Array;
  readonly terms: readonly Term[];
  /** [T]; null where no reward was recorded. */
  readonly total: Numbers | null;
  readonly value: Numbers | null;
  /** Of each step, NaN where none is known [T]; null where the run has no single discount. */
  readonly advantage: Numbers | null;
  /** What the advantage was worked out with. */
  readonly discount: { readonly gamma: number; readonly gaeLambda: number } | null;
  /** Not zero while something is touched [T + 1]; null where no column says so. */
  readonly contact: ArrayLike<number> | null;
  readonly learned: readonly {
    readonly key: string;
    readonly title: string;
    /** Of the model; empty where it is not known. */
    readonly hash: string;
    readonly values: Float32Array;
  }[];
}

/** @throws RangeError naming the episode and the array when one is missing or of the wrong length. */
export function loadEpisode(opened: OpenedEpisode, block: Block): LoadedEpisode {
  const arrays: Record<string, PackedArray> = unpack(block);
  const { episode, bodies, stages, controlDt } = opened;
  const frames = episode.length + 1;
  const poses = joinStill(arrays, 'poses', frames);
  if (poses) arrays['poses'] = poses;
  function take<A extends PackedArray>(name: string, kind: new (n: number) => A, length: number): A {
    const array = arrays[name];
    if (!(array instanceof kind) || array.length !== length) {
      const found = array ? `${array.constructor.name} of ${array.length}` : 'nothing';
      throw new RangeError(`Episode ${episode.id}: ${name} is ${found}, wanted ${kind.name} of ${length}`);
    }
    return array;
  }
  function maybe(name: string): Numbers | null {
    const array = arrays[name];
    return array instanceof Float64Array || array instanceof Float32Array ? array : null;
  }
  return {
    episode,
    bodies,
    stages,
    controlDt,
    length: episode.length,
    duration: episode.length * controlDt,
    poses: take('poses', Float32Array, frames * bodies.length * 7),
    colours: arrays['colours'] ? take('colours', Float32Array, frames * bodies.length * 3) : null,
    trueProgress: take('trueProgress', Float32Array, frames),
    trueStage: take('trueStage', Uint8Array, frames),
    trueSuccess: take('trueSuccess', Uint8Array, frames),
    terms: opened.terms.flatMap((id) => {
      const raw = maybe(`reward/${id}/raw`);
      const weight = maybe(`reward/${id}/weight`);
      const product = maybe(`reward/${id}/product`);
      return raw && weight && product ? [{ id, raw, weight, product }] : [];
    }),
    total: maybe('reward/total'),
    value: maybe('value'),
    advantage: maybe('advantage'),
    discount: opened.discount ?? null,
    contact: arrays['contact']?.length === frames ? arrays['contact'] : null,
    learned: opened.learned.flatMap(({ key, title, modelHash: hash }) => {
      const values = arrays[key] ?? arrays[`learned/${key}`];
      return values instanceof Float32Array && values.length === frames ? [{ key, title, hash, values }] : [];
    }),
  };
}

/** Consecutive frames of one true stage: start <= frame < end. */
export interface StageBand {
  readonly stage: number;
  readonly start: number;
  readonly end: number;
}

export function stageBands(trueStage: Uint8Array): StageBand[] {
  const bands: StageBand[] = [];
  let start = 0;
  for (let t = 1; t <= trueStage.length; t++) {
    if (t < trueStage.length && trueStage[t] === trueStage[start]) continue;
    bands.push({ stage: trueStage[start]!, start, end: t });
    start = t;
  }
  return bands;
}

/** Frames at which success begins. */
export function successStarts(trueSuccess: Uint8Array): number[] {
  const starts: number[] = [];
  for (let t = 0; t < trueSuccess.length; t++) {
    if (trueSuccess[t] === 1 && (t === 0 || trueSuccess[t - 1] === 0)) starts.push(t);
  }
  return starts;
}

/** One line of the timeline. `perFrame` series have T + 1 points, reward series T (the step that leads out of a frame). */
export interface Series {
  /** Names the colour. */
  readonly name: string;
  readonly label: string;
  readonly lane: 'progress' | 'reward' | 'value';
  readonly values: ArrayLike<number>;
  /** What the number is, in a sentence. */
  readonly help: string;
  /** Spread around it, and in words what of. */
  readonly band?: {
    readonly low: ArrayLike<number>;
    readonly high: ArrayLike<number>;
    readonly what: string;
  };
  /** Progress by a reward model, so that it is one of those whose difference is drawn. */
  readonly isModel?: boolean;
  /** Its band alone is drawn. */
  readonly isBandOnly?: boolean;
  /** A line of the reward stack: the total is the sum of these, weighted. */
  readonly isTerm?: boolean;
}

/** @param models curves of reward models that were chosen to be drawn beside what was recorded */
export function seriesOf(
  episode: LoadedEpisode,
  weighted: boolean,
  models: readonly Series[] = [],
): Series[] {
  const single = episode.learned.length === 1;
  const { discount, episode: row, total, value, advantage } = episode;
  const series: Series[] = [
    {
      name: 'progress/true',
      label: 'true progress',
      lane: 'progress',
      values: episode.trueProgress,
      help: 'How far the task is done, by the simulator: 0 nothing, 1 done. No reward model sees it.',
    },
    ...episode.learned.map(
      ({ key, title, values }): Series => ({
        name: single ? 'progress/learned' : `progress/${key}`,
        label: `learned: ${title}`,
        lane: 'progress',
        values,
        isModel: true,
        help: `Progress by the reward model ${title} as it was recorded, or by the newest model of the task where none was.`,
      }),
    ),
    ...models,
    ...episode.terms.map(
      (term): Series => ({
        name: `reward/${term.id}`,
        label: term.id,
        lane: 'reward',
        values: weighted ? term.product : term.raw,
        isTerm: true,
        help: weighted
          ? `Reward term ${term.id} as it enters the sum: times its weight, by the rules of its line.`
          : `Reward term ${term.id} as it came, before its weight.`,
      }),
    ),
  ];
  if (total)
    series.push({
      name: 'reward/total',
      label: weighted ? 'total' : 'total (weighted)',
      lane: 'reward',
      values: total,
      help: 'What the policy was paid for the step: the sum of all weighted terms.',
    });
  if (value)
    series.push({
      name: 'value',
      label: 'critic value',
      lane: 'value',
      values: value,
      help: 'What the critic expected from here on, discounted, when the step was taken.',
    });
  if (advantage && discount) {
    const { gamma, gaeLambda } = discount;
    const end =
      row.ending === 'terminated'
        ? 'Nothing comes after the end.'
        : `The episode was ${row.ending === 'truncated' ? 'cut off (truncated)' : 'ended as diverged'}: the value of its last state was not recorded, so its last step has none.`;
    series.push({
      name: 'advantage',
      label: 'advantage',
      lane: 'value',
      values: advantage,
      help: `How much better than expected the step turned out: generalised advantage estimation of the recorded total and value, gamma ${gamma}, lambda ${gaeLambda}. ${end}`,
    });
  }
  return series;
}

/** The reward of a step belongs to the frame it leads out of; the last frame has none. */
export function valueAt(series: Series, frame: number): number | undefined {
  return series.values[frame];
}
