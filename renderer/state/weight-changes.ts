/** Changes of weights of several runs, where they stand on the axis of the curves: for the marks on every kind of them. */

import { useMemo } from 'react';
import type { CurveAxis } from '../../lab/api.ts';
import type { ChartMark } from './charts.ts';
import { placeOfStep, type RunMetrics, useMetrics } from './run-metrics.ts';
import { useWeightMarks, type WeightMark } from './weights.ts';

export interface WeightChange extends WeightMark {
  /** The run. */
  readonly id: number;
  /** As it stands beside its line: with the run where several were changed. */
  readonly label: string;
  /** On the axis; null where the run does not say how long its steps took. */
  readonly place: number | null;
}

type Places = ReadonlyMap<number, Pick<RunMetrics, 'steps' | 'seconds'>>;

/** By run, oldest first. A step needs no metrics, seconds do. Pure. */
export function weightChangesOf(
  byRun: readonly (readonly [id: number, marks: readonly WeightMark[]])[],
  axis: CurveAxis,
  metrics: Places,
): WeightChange[] {
  const changed = byRun.filter(([, marks]) => marks.length > 0);
  return changed.flatMap(([id, marks]) =>
    marks.map((mark) => {
      const own = metrics.get(id);
      return {
        ...mark,
        id,
        label: changed.length > 1 ? `#${id} w${mark.number}` : `w${mark.number}`,
        place: axis === 'steps' ? mark.step : own ? placeOfStep(own, mark.step, axis) : null,
      };
    }),
  );
}

const nobody: readonly number[] = [];

/** The changes of these runs and their lines on a chart. `data`: metrics that the caller has anyway. */
export function useWeightChanges(
  ids: readonly number[],
  axis: CurveAxis,
  colourOf: (id: number) => string,
  data?: ReadonlyMap<number, RunMetrics>,
): { readonly changes: readonly WeightChange[]; readonly marks: readonly ChartMark[] } {
  // Marks come in a new map each time; what they say changes seldom.
  const weights = JSON.stringify([...useWeightMarks(ids)].filter(([, marks]) => marks.length > 0));
  const byRun = useMemo(() => JSON.parse(weights) as [number, readonly WeightMark[]][], [weights]);
  const asked = useMemo(
    () => (axis === 'steps' || data ? nobody : byRun.map(([id]) => id)),
    [axis, data, byRun],
  );
  const fetched = useMetrics(asked);
  const metrics = data ?? fetched;
  const changes = useMemo(() => weightChangesOf(byRun, axis, metrics), [byRun, axis, metrics]);
  const colours = changes.map(({ id }) => colourOf(id)).join();
  const marks = useMemo(() => {
    const own = colours.split(',');
    return changes.flatMap(({ place, label }, i): ChartMark[] =>
      place === null ? [] : [{ x: place, label, colour: own[i]! }],
    );
  }, [changes, colours]);
  return { changes, marks };
}
