/** One chart of curves: bands, marks, zoom that all charts share, numbers under pointer or keyboard, logarithmic scale; or its table. */

import { Table } from '@mantine/core';
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import { type ChartMark, type ChartSeries, readingOf, readingsOf, rowsOf, stepped } from '../state/charts.ts';
import { useCurveView } from '../state/curve-view.ts';
import { useScheme } from '../state/hooks.ts';
import { compact, grouped } from '../timeline/scale.ts';
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
  const isTable = useCurveView((state) => state.isTable);
  /** Where the keyboard's cursor is; a pointer takes it away. */
  const [held, setHeld] = useState<number | null>(null);
  const exact = useRef<number | null>(null);

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
  const places = useMemo(() => {
    const all = aligned[0] as ArrayLike<number>;
    return zoom === null ? all : Array.from(all).filter((x) => x >= zoom.low && x <= zoom.high);
  }, [aligned, zoom]);

  const hold = (at: number | null): void => {
    const drawn = plot.current;
    exact.current = at;
    setHeld(at);
    if (!drawn) return;
    moveCursor(drawn, at, true);
  };
  const zoomBy = (factor: number): void => {
    const all = aligned[0]!;
    const [first, last] = [all[0]!, all[all.length - 1]!];
    const { low, high } = zoom ?? { low: first, high: last };
    const span = (high - low) / factor;
    if (span >= last - first) return useCurveView.setState({ zoom: null });
    const centre = held ?? (low + high) / 2;
    const from = Math.max(first, Math.min(last - span, centre - span / 2));
    useCurveView.setState({ zoom: { low: from, high: from + span } });
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || places.length === 0) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (by !== undefined) hold(stepped(places, held, event.shiftKey ? 10 * by : by));
    else if (event.key === 'Home') hold(places[0]!);
    else if (event.key === 'End') hold(places[places.length - 1]!);
    else if (event.key === 'Escape' && held !== null) hold(null);
    else if (event.key === '+' || event.key === '=') zoomBy(2);
    else if (event.key === '-') zoomBy(0.5);
    else if (event.key === '0') useCurveView.setState({ zoom: null });
    else return;
    // The clock has the same keys.
    event.preventDefault();
  };

  /** What a new drawing is needed for; points alone are only set. */
  const look = series
    .map(({ label, colour, isDashed, isFaint }) => [label, colour, isDashed, isFaint].join())
    .join(';');
  // `look` stands for the series
  useEffect(() => {
    const element = host.current;
    if (!element || isEmpty || isTable) return;
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
          setCursor: [(u) => say(u, readout.current, latest.current, exact.current)],
          draw: [(u) => drawMarks(u, latest.current.marks)],
        },
      },
      aligned,
      element,
    );
    made.over.addEventListener('pointermove', () => {
      exact.current = null;
      setHeld(null);
    });
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
  }, [look, scheme, isLog, isShare, height, isEmpty, isTable]);

  // marks are drawn anew with the points
  useEffect(() => {
    const drawn = plot.current;
    if (!drawn) return;
    drawn.setData(aligned, zoom === null);
    if (zoom !== null) drawn.setScale('x', { min: zoom.low, max: zoom.high });
    // New points move the scale under a cursor that stays at its place.
    if (exact.current !== null) moveCursor(drawn, exact.current, false);
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
      {isTable ? (
        <ChartTable {...{ title, series, places, place }} />
      ) : (
        <div
          className="chart-host"
          ref={host}
          {...(isEmpty
            ? {}
            : {
                role: 'slider',
                tabIndex: 0,
                'aria-label': `Place on the curves of ${title}`,
                'aria-valuemin': places[0] ?? 0,
                'aria-valuemax': places[places.length - 1] ?? 0,
                'aria-valuenow': held ?? places[places.length - 1] ?? 0,
                'aria-valuetext': readingsOf(series, held ?? places[places.length - 1] ?? Number.NaN, place),
                onKeyDown: onKey,
                onFocus: ({ currentTarget }) => {
                  if (currentTarget.matches(':focus-visible') && held === null)
                    hold(stepped(places, null, 0));
                },
                onBlur: () => held !== null && hold(null),
              })}
        >
          {isEmpty && (
            <span className="chart-empty dim">
              {isLog ? 'Nothing above 0 for a logarithmic scale' : 'No points'}
            </span>
          )}
          <div className="chart-readout" ref={readout} hidden />
        </div>
      )}
    </figure>
  );
}

/** To a place, or away. `isShared`: the other charts' cursors go there, too. */
function moveCursor(u: uPlot, at: number | null, isShared: boolean): void {
  // The library's types leave out its third argument.
  const set: (to: { left: number; top: number }, says: boolean, publishes: boolean) => void = u.setCursor;
  const to =
    at === null ? { left: -10, top: -10 } : { left: u.valToPos(at, 'x'), top: u.over.clientHeight / 2 };
  set(to, true, isShared);
}

/** Rows of a table: more are in the file. */
const mostRows = 40;

/** The numbers of a chart, for screen readers and for whoever would rather read them. */
function ChartTable({
  title,
  series,
  places,
  place,
}: Pick<Props, 'title' | 'series' | 'place'> & { readonly places: ArrayLike<number> }) {
  const rows = useMemo(() => rowsOf(series, places, mostRows), [series, places]);
  if (rows.length === 0) return <p className="judge-note">No points.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard
    <section className="chart-table" tabIndex={0} aria-label={`Table of ${title}`}>
      <Table stickyHeader striped withRowBorders={false} fz="xs" verticalSpacing={2} className="mono-cells">
        <caption className="sr-only">
          {title}, {rows.length} of {grouped(places.length)} places
        </caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">place</Table.Th>
            {series.map(({ label, colour }, k) => (
              <Table.Th key={k} scope="col">
                <span className="swatch" style={{ background: colour }} /> {label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ x, cells }) => (
            <Table.Tr key={x}>
              <Table.Th scope="row">{place(x)}</Table.Th>
              {cells.map((cell, k) => (
                <Table.Td key={k}>{cell}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {rows.length < places.length && (
        <p className="judge-note">
          {rows.length} of {grouped(places.length)} places, evenly taken; the file has all of them.
        </p>
      )}
    </section>
  );
}

/** The numbers of all series at the cursor; written into the page directly, for it follows every move. `exact`: the keyboard's place. */
function say(
  u: uPlot,
  element: HTMLElement | null,
  { series, place }: Pick<Props, 'series' | 'place'>,
  exact: number | null,
): void {
  if (!element) return;
  const { left } = u.cursor;
  const isOver = left !== undefined && left >= 0;
  element.hidden = !isOver;
  if (!isOver) return;
  // To half a pixel: a cursor that another chart moved onto a point must not fall before it.
  const at = exact ?? u.posToVal(left + 0.5, 'x');
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
