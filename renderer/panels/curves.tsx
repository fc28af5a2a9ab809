/** Training curves: one small chart a metric, several runs in their own colours, live. */

import { ActionIcon, Group, MultiSelect, Slider, Text } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import { unpack } from '../../lab/pack.ts';
import { lab, useConnection } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { runColour } from '../state/colours.ts';
import { defaultMetrics, smooth } from '../state/curves.ts';
import { useScheme } from '../state/hooks.ts';
import { useView } from '../state/layout.ts';
import { drawnRuns, toggleOverlay, useRuns } from '../state/runs.ts';
import { compact, short } from '../timeline/scale.ts';
import { EmptyHint } from './stage.tsx';

interface Series {
  readonly names: readonly string[];
  readonly steps: Float64Array;
  readonly values: ReadonlyMap<string, Float64Array>;
}

/** The metrics of some runs, fetched again when the lab says there are newer ones, at most once a second each. */
function useMetrics(ids: readonly number[]): ReadonlyMap<number, Series> {
  const [data, setData] = useState<ReadonlyMap<number, Series>>(new Map());
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
              const { steps: x, ...rest } = unpack(await answer.data.arrayBuffer());
              if (isOver && !fetched.current.has(id)) return;
              const values = new Map(
                Object.entries(rest).flatMap(([name, array]) =>
                  array instanceof Float64Array ? [[name, array] as const] : [],
                ),
              );
              if (x instanceof Float64Array)
                setData((before) => new Map(before).set(id, { names: answer.names, steps: x, values }));
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

export function CurvesPanel() {
  const selected = useRuns((state) => state.selected);
  const drawn = useRuns((state) => drawnRuns(state).join());
  const runs = useRuns((state) => state.runs);
  const scheme = useScheme();
  const ids = useMemo(() => drawn.split(',').filter(Boolean).map(Number), [drawn]);
  const data = useMetrics(ids);
  const chosen = useView((state) => state.metrics);
  const smoothing = useView((state) => state.smoothing);
  const names = useMemo(
    () => [...new Set(ids.flatMap((id) => data.get(id)?.names ?? []))].sort(),
    [ids, data],
  );
  const shown = useMemo(() => {
    const kept = chosen?.filter((name) => names.includes(name));
    return kept && kept.length > 0 ? kept : defaultMetrics(names);
  }, [chosen, names]);

  if (selected === null) return <EmptyHint>Select a run to see its training curves.</EmptyHint>;
  return (
    <div className="panel-column" data-testid="curves">
      <div className="curves-bar">
        <MultiSelect
          size="xs"
          searchable
          clearable
          className="grow"
          aria-label="Metrics to draw"
          placeholder={chosen ? '' : 'Choose metrics'}
          data={names}
          value={chosen ? [...shown] : []}
          onChange={(value) => useView.setState({ metrics: value.length > 0 ? value : null })}
          maxDropdownHeight={320}
        />
        <Group gap={8} wrap="nowrap" className="smoothing">
          <Text size="xs" c="dimmed" id="smoothing-label">
            Smooth
          </Text>
          <Slider
            size="sm"
            w={76}
            min={0}
            max={0.98}
            step={0.02}
            label={null}
            value={smoothing}
            onChange={(value) => useView.setState({ smoothing: value })}
            thumbProps={{ 'aria-labelledby': 'smoothing-label' }}
          />
        </Group>
      </div>
      <div className="curves-runs">
        {ids.map((id) => (
          <span key={id} className="run-chip">
            <span className="swatch" style={{ background: runColour(id, scheme) }} />
            <span className="truncate" title={runs.get(id)?.name}>
              {runs.get(id)?.name} <span className="dim">#{id}</span>
            </span>
            {id !== selected && (
              <ActionIcon
                size={16}
                variant="subtle"
                color="gray"
                aria-label={`Take run ${id} out of the curves`}
                onClick={() => toggleOverlay(id)}
              >
                <Icon name="close" size={9} />
              </ActionIcon>
            )}
          </span>
        ))}
      </div>
      {names.length === 0 ? (
        <EmptyHint>No metrics yet: they come with the first training update.</EmptyHint>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard
        <section className="curves-grid" tabIndex={0} aria-label="Training curves">
          {shown.map((name) => (
            <MetricChart key={name} name={name} ids={ids} data={data} smoothing={smoothing} />
          ))}
        </section>
      )}
    </div>
  );
}

const chartHeight = 148;

function isSparse(values: ArrayLike<number | null | undefined>): boolean {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] != null && ++count > 3) return false;
  return true;
}

function MetricChart({
  name,
  ids,
  data,
  smoothing,
}: {
  readonly name: string;
  readonly ids: readonly number[];
  readonly data: ReadonlyMap<number, Series>;
  readonly smoothing: number;
}) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const scheme = useScheme();
  const key = ids.join();

  const aligned = useMemo(() => {
    const tables = ids.map((id): uPlot.AlignedData => {
      const series = data.get(id);
      const values = series?.values.get(name);
      if (!series || !values) return [[], []];
      // A metric may be absent in many rows; only its own points count, gaps would cut the line at each.
      const x: number[] = [];
      const y: number[] = [];
      for (let i = 0; i < series.steps.length; i++) {
        if (!Number.isFinite(values[i])) continue;
        x.push(series.steps[i]!);
        y.push(values[i]!);
      }
      return [x, smooth(y, smoothing)];
    });
    return tables.length === 0 ? ([[]] as uPlot.AlignedData) : uPlot.join(tables);
  }, [ids, data, name, smoothing]);

  const last = useMemo(() => {
    const values = data.get(ids[0] ?? -1)?.values.get(name);
    return values?.findLast((value) => Number.isFinite(value));
  }, [ids, data, name]);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const isDark = scheme === 'dark';
    const ink = isDark ? '#98a2b3' : '#5f6b7a';
    const grid = { stroke: isDark ? 'rgba(150,165,190,0.12)' : 'rgba(60,75,100,0.1)', width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: '10px system-ui, sans-serif' };
    const isShare = /success|rate|fraction/.test(name);
    const made = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height: chartHeight,
        scales: {
          x: { time: false },
          ...(isShare
            ? {
                y: {
                  range: (_: uPlot, low: number, high: number) =>
                    [Math.min(0, low), Math.max(1, high)] as [number, number],
                },
              }
            : {}),
        },
        axes: [
          { ...axis, size: 24, space: 56, values: (_, ticks) => ticks.map(compact) },
          { ...axis, size: 44, space: 26, values: (_, ticks) => ticks.map(compact) },
        ],
        series: [
          {},
          ...ids.map((id) => ({
            label: `#${id}`,
            stroke: runColour(id, scheme),
            width: id === ids[0] ? 2 : 1.4,
            spanGaps: true,
            // A line of few points is told by its points; one alone would not be seen at all.
            points: { show: (u: uPlot, i: number) => isSparse(u.data[i] ?? []), size: 5 },
          })),
        ],
        cursor: { points: { size: 6 }, drag: { x: true, y: false }, sync: { key: 'curves' } },
        legend: { show: true, live: true },
      },
      aligned,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(120, element.clientWidth), height: chartHeight }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [name, key, scheme]);

  useEffect(() => {
    plot.current?.setData(aligned);
  }, [aligned]);

  return (
    <figure className="curve" data-testid={`curve-${name}`} aria-label={`${name}, now ${short(last)}`}>
      <figcaption>
        <span className="truncate">{name}</span>
        <span className="mono strong" data-testid={`curve-value-${name}`}>
          {short(last)}
        </span>
      </figcaption>
      <div ref={host} />
    </figure>
  );
}
