/** One chart of curves: bands, marks, zoom that all charts share, numbers under the pointer, logarithmic scale. */

import { type ReactNode, useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import { type ChartMark, type ChartSeries, readingOf } from '../state/charts.ts';
import { useCurveView } from '../state/curve-view.ts';
import { useScheme } from '../state/hooks.ts';
import { compact } from '../timeline/scale.ts';
import './chart.css';

interface Props {
  readonly title: string;
  /** In place of the title on screen. */
  readonly caption?: ReactNode;
  /** The newest value, said in the corner. */
  readonly now?: string;
  readonly series: readonly ChartSeries[];
  readonly marks?: readonly ChartMark[];
  readonly isLog?: boolean;
  /** Values from 0 to 1 are shown on that whole range. */
  readonly isShare?: boolean;
  /** A place on the x axis in words. */
  readonly place: (x: number) => string;
  readonly height?: number;
  readonly testId?: string;
}

const isShort = (values: ArrayLike<number | null | undefined>): boolean => {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] != null && ++count > 3) return false;
  return true;
};

export function Chart(props: Props) {
  const {
    title,
    caption,
    now,
    series,
    marks = [],
    isLog = false,
    isShare = false,
    place,
    height = 148,
    testId,
  } = props;
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ series, marks, place });
  latest.current = { series, marks, place };
  const scheme = useScheme();
  const zoom = useCurveView((state) => state.zoom);

  const aligned = useMemo(() => {
    const tables = series.map(({ x, y, low, high }): uPlot.AlignedData => {
      const columns: (number | null)[][] = [[], [], [], []];
      for (let i = 0; i < x.length; i++) {
        // A metric may be absent in many rows; only its own points count, gaps would cut the line at each.
        if (!Number.isFinite(y[i]!) || (isLog && y[i]! <= 0)) continue;
        const end = (value: number | undefined): number | null =>
          value === undefined || !Number.isFinite(value) || (isLog && value <= 0) ? null : value;
        for (const [k, value] of [x[i]!, y[i]!, end(low?.[i]), end(high?.[i])].entries())
          columns[k]!.push(value);
      }
      return columns as uPlot.AlignedData;
    });
    return tables.length === 0 ? ([[]] as unknown as uPlot.AlignedData) : uPlot.join(tables);
  }, [series, isLog]);
  const isEmpty = (aligned[0]?.length ?? 0) === 0;

  /** What a new drawing is needed for; points alone are only set. */
  const look = series
    .map(({ label, colour, isDashed, isFaint }) => [label, colour, isDashed, isFaint].join())
    .join(';');
  // `look` stands for the series
  useEffect(() => {
    const element = host.current;
    if (!element || isEmpty) return;
    const isDark = scheme === 'dark';
    const ink = isDark ? '#98a2b3' : '#5f6b7a';
    const grid = { stroke: isDark ? 'rgba(150,165,190,0.12)' : 'rgba(60,75,100,0.1)', width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: '10px system-ui, sans-serif' };
    const made = new uPlot(
      {
        width: Math.max(120, element.clientWidth),
        height,
        scales: {
          x: { time: false },
          y: isLog
            ? { distr: 3 }
            : isShare
              ? {
                  range: (_: uPlot, low: number, high: number) =>
                    [Math.min(0, low), Math.max(1, high)] as [number, number],
                }
              : {},
        },
        axes: [
          { ...axis, size: 24, space: 64, values: (_, ticks) => ticks.map(compact) },
          {
            ...axis,
            size: 44,
            space: 26,
            values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : compact(tick))),
          },
        ],
        series: [
          {},
          ...latest.current.series.flatMap(({ label, colour, isDashed, isFaint }, i): uPlot.Series[] => [
            {
              label,
              stroke: isFaint ? `${colour}66` : colour,
              width: isFaint ? 1 : i === 0 ? 2 : 1.5,
              ...(isDashed ? { dash: [5, 4] } : {}),
              spanGaps: true,
              // A line of few points is told by its points; one alone would not be seen at all.
              points: { show: (u: uPlot, k: number) => isShort(u.data[k] ?? []), size: 5 },
            },
            { stroke: 'transparent', width: 0, spanGaps: true, points: { show: false } },
            { stroke: 'transparent', width: 0, spanGaps: true, points: { show: false } },
          ]),
        ],
        bands: latest.current.series.flatMap(({ colour, low }, i) =>
          low ? [{ series: [3 * i + 3, 3 * i + 2] as [number, number], fill: `${colour}2e` }] : [],
        ),
        cursor: {
          points: { show: false },
          drag: { x: true, y: false, setScale: false },
          sync: { key: 'curves' },
        },
        legend: { show: false },
        hooks: {
          setSelect: [
            (u) => {
              const { left, width } = u.select;
              if (width > 4)
                useCurveView.setState({
                  zoom: { low: u.posToVal(left, 'x'), high: u.posToVal(left + width, 'x') },
                });
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
          setCursor: [(u) => say(u, readout.current, latest.current)],
          draw: [(u) => drawMarks(u, latest.current.marks)],
        },
      },
      aligned,
      element,
    );
    made.over.addEventListener('dblclick', () => useCurveView.setState({ zoom: null }));
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(120, element.clientWidth), height }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look, scheme, isLog, isShare, height, isEmpty]);

  // marks are drawn anew with the points
  useEffect(() => {
    const drawn = plot.current;
    if (!drawn) return;
    drawn.setData(aligned, zoom === null);
    if (zoom !== null) drawn.setScale('x', { min: zoom.low, max: zoom.high });
  }, [aligned, zoom, marks, look, scheme, height]);

  return (
    <figure
      className="curve"
      data-testid={testId}
      aria-label={`${title}${now === undefined ? '' : `, now ${now}`}`}
    >
      <figcaption>
        {caption ?? <span className="truncate">{title}</span>}
        {now !== undefined && (
          <span
            className="mono strong"
            data-testid={testId === undefined ? undefined : `${testId.replace('curve-', 'curve-value-')}`}
          >
            {now}
          </span>
        )}
      </figcaption>
      <div className="chart-host" ref={host}>
        {isEmpty && (
          <span className="chart-empty dim">
            {isLog ? 'Nothing above 0 for a logarithmic scale' : 'No points'}
          </span>
        )}
        <div className="chart-readout" ref={readout} hidden />
      </div>
    </figure>
  );
}

/** The numbers of all series where the pointer is; written into the page directly, for it follows every move. */
function say(
  u: uPlot,
  element: HTMLElement | null,
  { series, place }: Pick<Props, 'series' | 'place'>,
): void {
  if (!element) return;
  const { left } = u.cursor;
  const isOver = left !== undefined && left >= 0;
  element.hidden = !isOver;
  if (!isOver) return;
  const at = u.posToVal(left, 'x');
  const lines = series
    .filter(({ isFaint }) => !isFaint)
    .map((one) => {
      const line = document.createElement('div');
      const swatch = document.createElement('span');
      swatch.className = 'swatch';
      swatch.style.background = one.colour;
      line.append(swatch, `${one.label}: ${readingOf(one, at)}`);
      return line;
    });
  const head = document.createElement('div');
  head.className = 'dim';
  head.textContent = place(at);
  element.replaceChildren(head, ...lines);
  // On the side that the pointer is not.
  const isRight = left > u.over.clientWidth / 2;
  element.style.left = isRight ? '48px' : '';
  element.style.right = isRight ? '' : '6px';
}

function drawMarks(u: uPlot, marks: readonly ChartMark[]): void {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${10 * ratio}px system-ui, sans-serif`;
  for (const { x, label, colour } of marks) {
    const left = u.valToPos(x, 'x', true);
    if (left < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    const isRight = left > bbox.left + bbox.width * 0.7;
    ctx.textAlign = isRight ? 'right' : 'left';
    ctx.fillText(label, left + (isRight ? -4 : 4) * ratio, bbox.top + 10 * ratio);
  }
  ctx.restore();
}
