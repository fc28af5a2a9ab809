/**
 * Runs and groups of runs side by side. Only stored evaluation episodes count: deterministic policy, starts that no training
 * episode has. Every run is evaluated on the same starts, so two runs are paired start by start; two groups are compared
 * over their training seeds (Agarwal et al. 2021, arXiv:2108.13264). What the data cannot decide is said to be so.
 */

import { ruleOf } from '../learn/rewards/stack.ts';
import type { EpisodeRow, RunRow, Store } from '../store/types.ts';
import { UsageError } from './errors.ts';
import type { Experiment } from './experiment.ts';
import { findGroup, isGroupId, trialOf } from './groups.ts';
import {
  bootstrapInterval,
  choose,
  curveMean,
  type Interval,
  interquartileMean,
  mean,
  probabilityOfImprovement,
  rankTest,
  signTest,
  standardDeviation,
  wilsonInterval,
} from './statistics.ts';

export const comparedMetrics = ['success', 'return', 'progress'] as const;
export type ComparedMetric = (typeof comparedMetrics)[number];

/** Below this a difference counts, where the interval agrees. */
const significance = 0.05;

/** Of a stored curve, the first that every run has. */
const curveNames: Readonly<Record<ComparedMetric, readonly string[]>> = {
  success: ['evaluation/success'],
  return: ['evaluation/return', 'rollout/return'],
  progress: ['evaluation/progress'],
};

export interface ComparedRun {
  readonly side: string;
  readonly run: number;
  /** Of its training. */
  readonly seed: number;
  readonly status: RunRow['status'];
  readonly trainedSteps: number;
  readonly episodes: number;
  readonly success: number;
  /** Wilson, over episodes. */
  readonly interval: Interval;
  readonly return: number;
  readonly progress: number;
}

export interface ComparedSide {
  readonly side: string;
  readonly name: string;
  readonly runs: readonly number[];
  readonly seeds: readonly number[];
  /** All episodes of all seeds. */
  readonly episodes: number;
  readonly success: number;
  /** Wilson, over all episodes; how much training seeds differ is not in it. */
  readonly interval: Interval;
  /** Of the metric, over seeds; null where one seed or a missing number leaves it open. */
  readonly mean: number | null;
  readonly deviation: number | null;
  readonly iqm: number | null;
  readonly iqmInterval: Interval | null;
  /** Mean height of the learning curve over the steps that all curves cover. */
  readonly curve: { readonly mean: number; readonly interval: Interval | null } | null;
}

export type Verdict = 'better' | 'worse' | 'cannot tell' | 'not measurable';

/** `side` minus `against`. */
export interface Difference {
  readonly side: string;
  readonly against: string;
  /** `policies`: these two trained policies, over starts. `methods`: what they were trained by, over training seeds. */
  readonly of: 'policies' | 'methods';
  readonly difference: number | null;
  readonly interval: Interval | null;
  readonly p: number | null;
  readonly test: string;
  /** Starts on which the first did better and on which it did worse; of policies alone. */
  readonly pairs: { readonly wins: number; readonly losses: number; readonly ties: number } | null;
  /** That a run of the first does better than a run of the second; of methods alone. */
  readonly improvement: { readonly probability: number; readonly interval: Interval } | null;
  /** Of the mean height of learning curves; of methods alone. */
  readonly curve: { readonly difference: number; readonly interval: Interval } | null;
  readonly verdict: Verdict;
  readonly why: string;
}

export interface Comparison {
  readonly metric: ComparedMetric;
  readonly runs: readonly ComparedRun[];
  readonly sides: readonly ComparedSide[];
  /** Every other side against the first. */
  readonly differences: readonly Difference[];
  /** Settings in which the sides differ, one value a side. */
  readonly configuration: readonly { readonly field: string; readonly values: readonly string[] }[];
  /** How the numbers of each table came about. */
  readonly protocol: { readonly runs: string; readonly sides: string; readonly differences: string };
  readonly notes: readonly string[];
}

/** One run and what it was evaluated on. */
interface Scored {
  readonly row: RunRow;
  /** The training run behind it, which may be itself. */
  readonly trained: RunRow;
  readonly byStart: ReadonlyMap<number, EpisodeRow>;
  readonly trainedSteps: number;
}

interface Side {
  readonly label: string;
  readonly name: string;
  readonly scored: readonly Scored[];
}

/** @throws UsageError when a word names nothing, a run twice, runs of several tasks, or nothing that was evaluated. */
export function compare(store: Store, words: readonly string[], metric: ComparedMetric): Comparison {
  const notes: string[] = [];
  const sides = sidesOf(store, words, notes);
  const starts = commonStarts(sides, notes);
  const barrier = whyNotComparable(
    sides.flatMap(({ scored }) => scored.map(({ trained }) => trained)),
    metric,
  );
  const scores = sides.map(({ scored }) =>
    scored.map((one) => mean(starts.map((start) => numberOf(one.byStart.get(start)!, metric)))),
  );
  const curves = curvesOf(store, sides, metric, barrier);
  const [first, ...others] = sides.keys();
  const differences = others.flatMap((i) => {
    const pair = {
      side: sides[i]!,
      against: sides[first!]!,
      scores: [scores[i]!, scores[first!]!] as const,
      curves: curves === null ? null : ([curves.heights[i]!, curves.heights[first!]!] as const),
    };
    const methods = differenceOfMethods(pair, barrier);
    const single = pair.side.scored.length === 1 && pair.against.scored.length === 1;
    return single ? [differenceOfPolicies(pair, starts, metric, barrier), methods] : [methods];
  });
  if (differences.length > 1 && others.length > 1) {
    notes.push(
      `${others.length} comparisons with ${sides[0]!.label}; p is not corrected for their number (Bonferroni: divide ${significance} by it)`,
    );
  }
  const count = `${starts.length} episode${starts.length === 1 ? '' : 's'} a run on the same starts, deterministic policy`;
  const who = sides
    .map(({ label, scored }) =>
      label === String(scored[0]!.row.id)
        ? `run ${label}`
        : `${label}: runs ${list(scored.map((s) => s.row.id))}`,
    )
    .join('; ');
  const trainingSeeds = sides
    .map(({ label, scored }) => `${label}: ${list(scored.map((s) => s.trained.seed))}`)
    .join('; ');
  return {
    metric,
    runs: sides.flatMap(({ label, scored }) => scored.map((one) => lineOf(label, one, starts))),
    sides: sides.map((side, i) => sideLine(side, starts, scores[i]!, curves?.heights[i] ?? null)),
    differences,
    configuration: configurationOf(sides),
    protocol: {
      runs: `${count} (${who}); success with its 95 % Wilson interval over episodes`,
      sides: `${count}; training seeds ${trainingSeeds}; mean, deviation and IQM of each seed's mean ${metric}; 95 % bootstrap over seeds, 10,000 draws${curves === null ? '' : `; curve: mean of ${curves.name} from step ${curves.from} to ${curves.to}`}`,
      differences: `${count}; policies: bootstrap over starts, methods: IQM, stratified bootstrap over training seeds, Wilcoxon-Mann-Whitney test by permutation; 95 %, 10,000 draws; a verdict needs the interval clear of 0 and p < ${significance}`,
    },
    notes,
  };
}

const list = (numbers: readonly number[]): string => numbers.join(', ');

function numberOf(episode: EpisodeRow, metric: ComparedMetric): number {
  if (metric === 'success') return Number(episode.success);
  return metric === 'return' ? episode.returnTotal : episode.finalProgress;
}

// What is compared

function sidesOf(store: Store, words: readonly string[], notes: string[]): Side[] {
  if (words.length < 2)
    throw new UsageError([`compare: found ${words.length}, wanted at least two runs or groups`]);
  const named = words.map((word) => ({ label: word, ...runsNamed(store, word) }));
  const ids = named.flatMap(({ rows }) => rows.map((row) => row.id));
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new UsageError([`compare: run ${twice} is there twice`]);
  const tasks = [...new Set(named.flatMap(({ rows }) => rows.map((row) => row.task)))];
  if (tasks.length > 1) {
    throw new UsageError([`compare: found runs of ${tasks.join(' and ')}, wanted runs of one task`]);
  }
  return named.map(({ label, name, rows }) => {
    const scored = rows.map((row) => scoredRun(store, row));
    for (const { row, byStart } of scored) {
      if (byStart.size === 0)
        notes.push(`run ${row.id} is left out: it is ${row.status} and has no evaluation`);
      else if (row.status !== 'done')
        notes.push(`run ${row.id} is ${row.status}; its evaluation may be incomplete`);
    }
    const evaluated = scored.filter(({ byStart }) => byStart.size > 0);
    if (evaluated.length === 0) {
      throw new UsageError([
        `compare: ${label} has no evaluation yet; train it to the end, or: lab evaluate <run>`,
      ]);
    }
    return { label, name, scored: evaluated };
  });
}

/** `g2` is a group, `3` a run, `1,2,5` or `4..8` a group put together by hand. */
function runsNamed(store: Store, word: string): { name: string; rows: RunRow[] } {
  if (isGroupId(word)) {
    const group = findGroup(store, word);
    if (group.runs.some((row) => trialOf(row) !== undefined)) {
      throw new UsageError([
        `compare: ${word} is a search, whose trials are scored on starts of their own; train its best recipe over several seeds and compare that`,
      ]);
    }
    return { name: group.name, rows: [...group.runs] };
  }
  const ids = numbersIn(word);
  if (ids === null) {
    throw new UsageError([
      `compare: found "${word}", wanted a run (3), a group (g2), or runs put together (1,2,5 or 4..8)`,
    ]);
  }
  const rows = ids.map((id) => {
    const row = store.runs.list().find((run) => run.id === id);
    if (row === undefined) throw new UsageError([`there is no run ${id} in this project`]);
    if (row.kind !== 'train' && row.kind !== 'evaluate')
      throw new UsageError([`compare: run ${id} is a ${row.kind} run, wanted training or evaluation runs`]);
    return row;
  });
  return { name: [...new Set(rows.map((row) => row.name))].join(', '), rows };
}

/** `3`, `1,2,5`, `4..8` or a mix of them; null for what is none. At most 1,000 numbers. */
export function numbersIn(text: string): number[] | null {
  const numbers: number[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,10})(?:\.\.(\d{1,10}))?\s*$/.exec(part);
    if (match === null) return null;
    const from = Number(match[1]);
    const to = match[2] === undefined ? from : Number(match[2]);
    if (to < from || numbers.length + to - from >= 1000) return null;
    for (let n = from; n <= to; n++) numbers.push(n);
  }
  return numbers;
}

function scoredRun(store: Store, row: RunRow): Scored {
  const all = store.episodes.list({ runId: row.id, kind: 'evaluation', limit: 1_000_000 }).items;
  // One policy a run: the one that was trained longest.
  const trainedSteps = Math.max(0, ...all.map((episode) => episode.trainedSteps));
  const newest = all.filter((episode) => episode.trainedSteps === trainedSteps);
  return {
    row,
    trained: row.kind === 'evaluate' ? store.runs.get(row.config['evaluatedRun'] as number) : row,
    byStart: new Map(newest.map((episode) => [episode.seed, episode])),
    trainedSteps,
  };
}

/** Starts on which every run was evaluated, in the order of the first run's episodes. */
function commonStarts(sides: readonly Side[], notes: string[]): number[] {
  const runs = sides.flatMap(({ scored }) => scored);
  const common = [...runs[0]!.byStart.keys()].filter((start) =>
    runs.every(({ byStart }) => byStart.has(start)),
  );
  const most = Math.max(...runs.map(({ byStart }) => byStart.size));
  if (common.length === 0) {
    throw new UsageError([
      'compare: the runs were evaluated on different starts, nothing can be paired; evaluate them with the same --seed',
    ]);
  }
  if (common.length < most) notes.push(`${common.length} starts are common to all runs, of up to ${most}`);
  const steps = [...new Set(runs.map(({ trainedSteps }) => trainedSteps))].sort((a, b) => a - b);
  if (steps.length > 1)
    notes.push(`the policies were trained for different numbers of steps: ${list(steps)}`);
  return common;
}

/** Why numbers of these runs mean different things; null where they do not. */
export function whyNotComparable(trained: readonly RunRow[], metric: ComparedMetric): string | null {
  const configs = trained.map(({ config }) => config as unknown as Experiment);
  const differ = (of: (experiment: Experiment) => unknown): boolean =>
    new Set(configs.map((config) => JSON.stringify(of(config)))).size > 1;
  if (differ((e) => e.taskVersion)) return 'the versions of the task differ';
  if (differ((e) => e.taskSettings))
    return 'the settings of the task differ, so that equal seeds are other starts';
  if (metric !== 'return') return null;
  if (differ((e) => e.reward))
    return 'the rewards differ, so their returns are in different units; compare success or progress';
  const hashes = new Set(trained.map(({ rewardHash }) => rewardHash));
  const learned = configs.some((e) =>
    e.reward.some((line) => line.reward !== 'sparse' && line.reward !== 'dense'),
  );
  // Of native terms alone the hash also holds gamma, which their plain sum does not depend on.
  if (learned && hashes.size > 1)
    return 'the reward models differ, so their returns are in different units; compare success or progress';
  return null;
}

// The tables

function lineOf(
  side: string,
  { row, trained, byStart, trainedSteps }: Scored,
  starts: readonly number[],
): ComparedRun {
  const episodes = starts.map((start) => byStart.get(start)!);
  const won = episodes.filter((episode) => episode.success).length;
  return {
    side,
    run: row.id,
    seed: trained.seed,
    status: row.status,
    trainedSteps,
    episodes: episodes.length,
    success: won / episodes.length,
    interval: wilsonInterval(won, episodes.length),
    return: mean(episodes.map((episode) => episode.returnTotal)),
    progress: mean(episodes.map((episode) => episode.finalProgress)),
  };
}

function sideLine(
  { label, name, scored }: Side,
  starts: readonly number[],
  scores: readonly number[],
  heights: readonly number[] | null,
): ComparedSide {
  const episodes = scored.flatMap(({ byStart }) => starts.map((start) => byStart.get(start)!));
  const won = episodes.filter((episode) => episode.success).length;
  const finite = scores.every(Number.isFinite);
  const several = finite && scores.length > 1;
  return {
    side: label,
    name,
    runs: scored.map(({ row }) => row.id),
    seeds: scored.map(({ trained }) => trained.seed),
    episodes: episodes.length,
    success: won / episodes.length,
    interval: wilsonInterval(won, episodes.length),
    mean: finite ? mean(scores) : null,
    deviation: several ? standardDeviation(scores) : null,
    iqm: finite ? interquartileMean(scores) : null,
    iqmInterval: several ? bootstrapInterval([scores], ([drawn]) => interquartileMean(drawn!)) : null,
    curve:
      heights === null
        ? null
        : {
            mean: mean(heights),
            interval: heights.length > 1 ? bootstrapInterval([heights], ([drawn]) => mean(drawn!)) : null,
          },
  };
}

interface Pair {
  readonly side: Side;
  readonly against: Side;
  readonly scores: readonly [readonly number[], readonly number[]];
  readonly curves: readonly [readonly number[], readonly number[]] | null;
}

const unmeasured = { difference: null, interval: null, p: null, pairs: null, improvement: null, curve: null };

/** Both intervals of a bootstrap and a test can be wrong about few data; a verdict needs them to agree. */
function judge(interval: Interval, p: number): Verdict {
  if (p >= significance || (interval.low <= 0 && interval.high >= 0)) return 'cannot tell';
  return interval.low > 0 ? 'better' : 'worse';
}

function differenceOfPolicies(
  { side, against }: Pair,
  starts: readonly number[],
  metric: ComparedMetric,
  barrier: string | null,
): Difference {
  const names = { side: side.label, against: against.label, of: 'policies' as const };
  const test = metric === 'success' ? "McNemar's exact test" : 'exact sign test';
  if (barrier !== null) return { ...names, ...unmeasured, test, verdict: 'not measurable', why: barrier };
  const value = (one: Side, start: number): number => numberOf(one.scored[0]!.byStart.get(start)!, metric);
  const deltas = starts.map((start) => value(side, start) - value(against, start));
  if (!deltas.every(Number.isFinite)) {
    return { ...names, ...unmeasured, test, verdict: 'not measurable', why: `episodes without a ${metric}` };
  }
  const wins = deltas.filter((delta) => delta > 0).length;
  const losses = deltas.filter((delta) => delta < 0).length;
  const p = signTest(wins, losses);
  const interval = bootstrapInterval([deltas], ([drawn]) => mean(drawn!));
  const verdict = judge(interval, p);
  return {
    ...names,
    difference: mean(deltas),
    interval,
    p,
    test,
    pairs: { wins, losses, ties: deltas.length - wins - losses },
    improvement: null,
    curve: null,
    verdict,
    why:
      verdict === 'cannot tell'
        ? `${wins + losses} of ${deltas.length} starts tell them apart`
        : 'of these two policies alone; another training seed gives other policies',
  };
}

function differenceOfMethods({ side, against, scores, curves }: Pair, barrier: string | null): Difference {
  const names = { side: side.label, against: against.label, of: 'methods' as const };
  const test = 'exact rank test';
  const refuse = (why: string): Difference => ({
    ...names,
    ...unmeasured,
    test,
    verdict: 'not measurable',
    why,
  });
  const [a, b] = scores;
  if (barrier !== null) return refuse(barrier);
  if (a.length < 2 || b.length < 2) {
    return refuse(
      `${a.length} and ${b.length} training seed${b.length === 1 ? '' : 's'}; wanted several of each (train --seeds)`,
    );
  }
  if (![...a, ...b].every(Number.isFinite)) return refuse('episodes without a number');
  const interval = bootstrapInterval([a, b], ([x, y]) => interquartileMean(x!) - interquartileMean(y!));
  const p = rankTest(a, b);
  // With equal sizes a split and its mirror image are equally far apart.
  const least = (a.length === b.length ? 2 : 1) / choose(a.length + b.length, a.length);
  const verdict = judge(interval, p);
  return {
    ...names,
    difference: interquartileMean(a) - interquartileMean(b),
    interval,
    p,
    test,
    pairs: null,
    improvement: {
      probability: probabilityOfImprovement(a, b),
      interval: bootstrapInterval([a, b], ([x, y]) => probabilityOfImprovement(x!, y!)),
    },
    curve:
      curves === null
        ? null
        : {
            difference: mean(curves[0]) - mean(curves[1]),
            interval: bootstrapInterval([...curves], ([x, y]) => mean(x!) - mean(y!)),
          },
    verdict,
    why:
      verdict !== 'cannot tell'
        ? `over ${a.length} and ${b.length} training seeds`
        : least >= significance
          ? `${a.length} and ${b.length} seeds give p = ${least.toFixed(2)} at best; 4 of each can decide`
          : `over ${a.length} and ${b.length} training seeds`,
  };
}

/** Mean heights of the learning curves by side, over the steps that all of them cover; null where there are none. */
function curvesOf(
  store: Store,
  sides: readonly Side[],
  metric: ComparedMetric,
  barrier: string | null,
): { name: string; from: number; to: number; heights: number[][] } | null {
  if (barrier !== null) return null;
  for (const name of curveNames[metric]) {
    const curves = sides.map(({ scored }) =>
      scored.map(({ trained }) => {
        const { steps, values } = store.metrics.series(trained.id, { names: [name], maxPoints: 20_000 });
        const heights = values.get(name)!;
        const known = [...steps.keys()].filter((i) => !Number.isNaN(heights[i]!));
        return { steps: known.map((i) => steps[i]!), values: known.map((i) => heights[i]!) };
      }),
    );
    if (curves.flat().some(({ steps }) => steps.length < 2)) continue;
    const from = Math.max(...curves.flat().map(({ steps }) => steps[0]!));
    const to = Math.min(...curves.flat().map(({ steps }) => steps.at(-1)!));
    if (to <= from) continue;
    const heights = curves.map((side) =>
      side.map(({ steps, values }) => curveMean(steps, values, { from, to })),
    );
    return { name, from, to, heights };
  }
  return null;
}

// What was set otherwise

/** Fields whose values differ between sides; several values of one side are listed. */
function configurationOf(sides: readonly Side[]): Comparison['configuration'] {
  const flat = sides.map(({ scored }) => scored.map(({ trained }) => flatten(trained)));
  const fields = [...new Set(flat.flat().flatMap((config) => [...config.keys()]))];
  return fields.flatMap((field) => {
    const values = flat.map((configs) =>
      [...new Set(configs.map((config) => config.get(field) ?? '-'))].join(' | '),
    );
    return new Set(values).size > 1 ? [{ field, values }] : [];
  });
}

function flatten({ config, versions, device }: RunRow): Map<string, string> {
  const { task, taskVersion, taskSettings, algorithm, algorithmSettings, reward, experiment } =
    config as unknown as Experiment;
  const found = new Map<string, string>([
    ['task', task],
    ['taskVersion', String(taskVersion)],
    ['algorithm', algorithm],
  ]);
  const groups = { task: taskSettings, algorithm: algorithmSettings, experiment, version: versions };
  for (const [group, settings] of Object.entries(groups)) {
    for (const [name, value] of Object.entries(settings)) found.set(`${group}.${name}`, String(value));
  }
  for (const line of reward) {
    const model = line.model === null ? '' : `, model ${line.model}`;
    // Runs of before this field have none.
    const gamma = typeof line.gamma === 'number' ? `, gamma ${line.gamma}` : '';
    const rule = Object.entries(ruleOf(line)).map(([key, value]) => `, ${key} ${JSON.stringify(value)}`);
    found.set(`reward.${line.reward}`, `${line.use} x ${line.weight}${model}${gamma}${rule.join('')}`);
    for (const [name, value] of Object.entries(line.settings))
      found.set(`${line.reward}.${name}`, String(value));
  }
  found.set('device', device ?? '-');
  return found;
}

// The seeds of one experiment

export interface Spread {
  readonly mean: number;
  /** NaN of one seed. */
  readonly deviation: number;
  readonly iqm: number;
  readonly lowest: number;
  readonly highest: number;
}

export interface SeedsSummary {
  /** Runs that were evaluated. */
  readonly seeds: number;
  readonly episodes: number;
  /** Over all episodes of all seeds. */
  readonly success: number;
  readonly interval: Interval;
  /** Of each seed's mean. */
  readonly overSeeds: Readonly<Record<ComparedMetric, Spread>>;
}

/** What the evaluations of several runs have come to together; runs without one are left out. */
export function summarize(store: Store, runIds: readonly number[]): SeedsSummary {
  const evaluated = runIds
    .map((id) => [...scoredRun(store, store.runs.get(id)).byStart.values()])
    .filter((episodes) => episodes.length > 0);
  const all = evaluated.flat();
  const won = all.filter((episode) => episode.success).length;
  const spread = (metric: ComparedMetric): Spread => {
    const means = evaluated.map((episodes) => mean(episodes.map((episode) => numberOf(episode, metric))));
    return {
      mean: mean(means),
      deviation: standardDeviation(means),
      iqm: interquartileMean(means),
      lowest: means.length === 0 ? Number.NaN : Math.min(...means),
      highest: means.length === 0 ? Number.NaN : Math.max(...means),
    };
  };
  return {
    seeds: evaluated.length,
    episodes: all.length,
    success: all.length === 0 ? 0 : won / all.length,
    interval: wilsonInterval(won, all.length),
    overSeeds: { success: spread('success'), return: spread('return'), progress: spread('progress') },
  };
}
