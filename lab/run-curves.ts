/** Curves of stored runs: groups with their intervals, against a baseline, and truth beside proxy. Answers of the api. */

import type { RunRow, Store } from '../store/types.ts';
import type { CurveAxis, GroupCurves, TruthBesideProxy } from './api/runs.ts';
import { type ComparedMetric, whyNotComparable } from './compare.ts';
import {
  type Band,
  type Curve,
  commonRange,
  curveOf,
  differenceBand,
  groupBand,
  improvementOf,
  placesIn,
  secondsOf,
  valuesAt,
} from './curves.ts';
import { UsageError } from './errors.ts';
import { learnedAt, learnedPrefix } from './learned-proxy.ts';
import { type PackedArray, pack } from './pack.ts';
import { partingOfCurves } from './parting.ts';

/** Rows of a run that are read; longer runs are averaged down to as many. */
const mostRows = 4000;

interface OwnCurve {
  readonly row: RunRow;
  readonly curve: Curve;
}

interface Wanted {
  readonly metrics: readonly string[];
  readonly x: CurveAxis;
}

const timeMetric = 'time/all';

/** The curves of these metrics, or why there are none. */
function curvesOfRun(store: Store, row: RunRow, { metrics, x }: Wanted): Curve[] | string {
  const stored = metrics.filter((name) => !name.startsWith(learnedPrefix));
  if (stored.length === 0) return 'learned progress of episodes is drawn beside a metric only';
  const { steps, values } = store.metrics.series(row.id, {
    names: [...stored, ...(x === 'seconds' ? [timeMetric] : [])],
    maxPoints: mostRows,
  });
  for (const name of metrics) {
    if (!stored.includes(name))
      values.set(name, learnedBeside(store, row.id, name, steps, values.get(stored[0]!)!));
  }
  const places = x === 'steps' ? steps : secondsOf(steps, values.get(timeMetric)!);
  const curves = metrics.map((name) => curveOf(places, values.get(name)!));
  const short = curves.findIndex((curve) => curve.x.length < 2);
  if (short < 0) return curves;
  if (x === 'seconds' && curveOf(steps, values.get(metrics[short]!)!).x.length >= 2)
    return `it has no ${timeMetric}, which says how long a step took`;
  const name = metrics[short]!;
  return `it has fewer than two points of ${name.startsWith(learnedPrefix) ? 'learned progress, stored with training episodes' : name}`;
}

/** Learned progress at the rows of a metric, which other rows (of evaluations, say) lie between. */
function learnedBeside(
  store: Store,
  run: number,
  name: string,
  steps: Float64Array,
  metric: Float64Array,
): Float64Array {
  const rows = [...steps.keys()].filter((i) => Number.isFinite(metric[i]!));
  const means = learnedAt(
    store,
    run,
    name,
    rows.map((i) => steps[i]!),
  );
  const all = new Float64Array(steps.length).fill(Number.NaN);
  for (const [k, i] of rows.entries()) all[i] = means[k]!;
  return all;
}

/** What a difference of this metric would be a difference of. */
const unitOf = (metric: string): ComparedMetric =>
  /return|reward|value/.test(metric) ? 'return' : 'progress';

const bandArrays = (
  name: string,
  x: Float64Array,
  { middle, low, high }: Band,
): Record<string, PackedArray> => ({
  [`${name}/x`]: x,
  [`${name}/middle`]: middle,
  [`${name}/low`]: low,
  [`${name}/high`]: high,
});

export interface CurvesAsk extends Omit<Wanted, 'metrics'> {
  readonly groups: readonly { readonly key: string; readonly runs: readonly number[] }[];
  readonly metric: string;
  readonly points: number;
  readonly baseline?: string | undefined;
}

/** @throws UsageError on two groups of one key, a run twice in a group, or an unknown baseline; RangeError on an unknown run. */
export function groupCurves(store: Store, { groups, metric, x, points, baseline }: CurvesAsk): GroupCurves {
  for (const [i, { key, runs }] of groups.entries()) {
    if (groups.findIndex((group) => group.key === key) !== i)
      throw new UsageError([`curves: the group ${key} is there twice`]);
    const twice = runs.find((id, k) => runs.indexOf(id) !== k);
    if (twice !== undefined) throw new UsageError([`curves: run ${twice} is there twice in ${key}`]);
  }
  if (baseline !== undefined && !groups.some(({ key }) => key === baseline)) {
    throw new UsageError([
      `curves: the baseline is "${baseline}", wanted one of ${groups.map(({ key }) => key).join(', ')}`,
    ]);
  }
  const read = groups.map(({ key, runs }) => {
    const curves: OwnCurve[] = [];
    const left: { id: number; why: string }[] = [];
    for (const id of runs) {
      const row = store.runs.get(id);
      const found = curvesOfRun(store, row, { metrics: [metric], x });
      if (typeof found === 'string') left.push({ id, why: found });
      else curves.push({ row, curve: found[0]! });
    }
    return { key, curves, left, range: commonRange(curves.map(({ curve }) => curve)) };
  });
  const base = read.find(({ key }) => key === baseline);
  const arrays: Record<string, PackedArray> = {};
  const answers = read.map(({ key, curves, left, range }, i): GroupCurves['groups'][number] => {
    const answer = {
      key,
      runs: curves.map(({ row }) => ({ id: row.id, seed: row.seed })),
      left,
      range,
      why: null,
      against: null,
      barrier: null,
    };
    if (range === null) return { ...answer, why: whyNoRange(curves.length) };
    const places = placesIn(range, points);
    const rows = curves.map(({ curve }) => valuesAt(curve, places));
    Object.assign(arrays, bandArrays(String(i), places, groupBand(rows)));
    for (const [k, { row }] of curves.entries()) arrays[`${i}/run/${row.id}`] = rows[k]!;
    if (base === undefined || key === baseline) return answer;

    const both = [...curves, ...base.curves];
    const shared = commonRange(both.map(({ curve }) => curve));
    if (shared === null) return { ...answer, barrier: 'it and the baseline have no steps in common' };
    const tasks = [...new Set(both.map(({ row }) => row.task))];
    const barrier =
      tasks.length > 1
        ? `the tasks differ: ${tasks.join(', ')}`
        : whyNotComparable(
            both.map(({ row }) => row),
            unitOf(metric),
          );
    if (barrier !== null) return { ...answer, barrier };
    const sharedPlaces = placesIn(shared, points);
    const at = (list: readonly OwnCurve[]) =>
      list.map(({ row, curve }) => ({ seed: row.seed, values: valuesAt(curve, sharedPlaces) }));
    const [mine, theirs] = [at(curves), at(base.curves)];
    const band = differenceBand(mine, theirs);
    Object.assign(arrays, bandArrays(`${i}/difference`, sharedPlaces, band));
    const lastOf = (list: typeof mine): number[] => list.map(({ values }) => values.at(-1)!);
    return {
      ...answer,
      against: {
        kind: band.kind,
        seeds: [...band.seeds],
        at: shared.to,
        difference: band.middle.at(-1)!,
        interval: band.kind === 'single' ? null : { low: band.low.at(-1)!, high: band.high.at(-1)! },
        improvement: improvementOf(lastOf(mine), lastOf(theirs)),
      },
    };
  });
  return { groups: answers, data: pack(arrays) };
}

const whyNoRange = (runs: number): string =>
  runs === 0 ? 'none of its runs has two points of this metric' : 'its runs have no steps in common';

export interface TruthAsk {
  readonly runs: readonly number[];
  readonly truth: string;
  readonly proxy: string;
  readonly x: CurveAxis;
  readonly points: number;
}

/** @throws RangeError on an unknown run; UsageError on runs whose numbers mean different things. */
export function truthBesideProxy(
  store: Store,
  { runs, truth, proxy, x, points }: TruthAsk,
): TruthBesideProxy {
  const found: { row: RunRow; curves: Curve[] }[] = [];
  const left: { id: number; why: string }[] = [];
  for (const id of runs) {
    const row = store.runs.get(id);
    const curves = curvesOfRun(store, row, { metrics: [truth, proxy], x });
    if (typeof curves === 'string') left.push({ id, why: curves });
    else found.push({ row, curves });
  }
  const rows = found.map(({ row }) => row);
  const tasks = [...new Set(rows.map(({ task }) => task))];
  if (tasks.length > 1)
    throw new UsageError([`truth beside proxy: found runs of ${tasks.join(' and ')}, wanted one task`]);
  // Each run is held against itself: other seeds of the same reward may have fitted models of their own.
  const barrier =
    whyNotComparable(rows, 'progress') ??
    (new Set(rows.map(({ config }) => JSON.stringify(config['reward']))).size > 1
      ? 'the rewards of the runs differ'
      : null);
  if (barrier !== null) throw new UsageError([`truth beside proxy: ${barrier}; choose runs of one group`]);
  const trueCurves = found.map(({ curves }) => curves[0]!);
  const paidCurves = found.map(({ curves }) => curves[1]!);
  const range = commonRange([...trueCurves, ...paidCurves]);
  const arrays: Record<string, PackedArray> = {};
  if (range !== null) {
    const places = placesIn(range, points);
    const band = (curves: readonly Curve[]): Band =>
      groupBand(curves.map((curve) => valuesAt(curve, places)));
    const { 'truth/x': _, ...trueArrays } = bandArrays('truth', places, band(trueCurves));
    const { 'proxy/x': __, ...paidArrays } = bandArrays('proxy', places, band(paidCurves));
    Object.assign(arrays, { x: places }, trueArrays, paidArrays);
  }
  return {
    runs: rows.map(({ id, seed }) => ({ id, seed })),
    left,
    range,
    why: range === null ? whyNoRange(found.length) : null,
    parting: partingOfCurves(trueCurves, paidCurves),
    data: pack(arrays),
  };
}
