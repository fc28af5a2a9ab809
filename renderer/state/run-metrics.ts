/** Metrics of runs as the lab stored them, kept fresh while they train. */

import { useEffect, useRef, useState } from 'react';
import { unpack } from '../../lab/pack.ts';
import { lab, useConnection } from '../lab.ts';
import { placeAt } from './charts.ts';
import { useRuns } from './runs.ts';

export interface RunMetrics {
  readonly names: readonly string[];
  readonly steps: Float64Array;
  /** Of training by step; null where the run does not measure it. */
  readonly seconds: Float64Array | null;
  readonly values: ReadonlyMap<string, Float64Array>;
}

/** The metrics of some runs, fetched again when the lab says there are newer ones, at most once a second each. */
export function useMetrics(ids: readonly number[]): ReadonlyMap<number, RunMetrics> {
  const [data, setData] = useState<ReadonlyMap<number, RunMetrics>>(new Map());
  const steps = useRuns((state) => ids.map((id) => state.metricStep.get(id) ?? 0).join());
  const isOpen = useConnection((state) => state.status === 'open');
  const fetched = useRef(new Map<number, { step: number; at: number }>());
  const key = ids.join();
  useEffect(() => {
    if (!isOpen) return;
    let isOver = false;
    const timers: ReturnType<typeof setTimeout>[] = [];
    key
      .split(',')
      .filter(Boolean)
      .map(Number)
      .forEach((id, i) => {
        const step = Number(steps.split(',')[i]);
        const last = fetched.current.get(id);
        if (last && last.step === step) return;
        const wait = last ? Math.max(0, last.at + 1000 - performance.now()) : 0;
        timers.push(
          setTimeout(async () => {
            fetched.current.set(id, { step, at: performance.now() });
            try {
              const answer = await lab.runs.metrics({ id, maxPoints: 1500 });
              const { steps: x, seconds, ...rest } = unpack(answer.data);
              if (isOver && !fetched.current.has(id)) return;
              const values = new Map(
                Object.entries(rest).flatMap(([name, array]) =>
                  array instanceof Float64Array ? [[name, array] as const] : [],
                ),
              );
              if (x instanceof Float64Array)
                setData((before) =>
                  new Map(before).set(id, {
                    names: answer.names,
                    steps: x,
                    seconds: seconds instanceof Float64Array ? seconds : null,
                    values,
                  }),
                );
            } catch (error) {
              fetched.current.delete(id);
              console.warn(`Metrics of run ${id}:`, error);
            }
          }, wait),
        );
      });
    return () => {
      isOver = true;
      for (const timer of timers) clearTimeout(timer);
    };
  }, [key, steps, isOpen]);
  return data;
}

/** Where a step stands on the axis; null where the run does not say. */
export function placeOfStep(
  { steps, seconds }: Pick<RunMetrics, 'steps' | 'seconds'>,
  step: number,
  axis: 'steps' | 'seconds',
): number | null {
  if (axis === 'steps') return step;
  if (seconds === null || steps.length === 0) return null;
  return seconds[Math.max(0, placeAt(steps, Math.min(step, steps.at(-1)!)))]!;
}
