/**
 * Under the stage: the transport bar, and every reward, progress and value over the episodes on screen. Click or drag seeks, the
 * wheel and + - 0 zoom; what is drawn is there as a table, too.
 */

import './timeline.css';
import { Button, Group, SegmentedControl, Table, Text, Tooltip, UnstyledButton } from '@mantine/core';
import {
  type KeyboardEvent,
  memo,
  type PointerEvent,
  type ReactNode,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useShallow } from 'zustand/react/shallow';
import { CommandButton } from '../parts/command-button.tsx';
import { ModelPicker, usePickedSeries } from '../parts/model-picker.tsx';
import { PairChip } from '../parts/pair-chip.tsx';
import { letterColour, type Scheme } from '../state/colours.ts';
import { eventsOf } from '../state/events.ts';
import { useClock, useFrame, useScheme } from '../state/hooks.ts';
import { palette, toggleSeries, useView } from '../state/layout.ts';
import { type LoadedEpisode, type Series, seriesOf, valueAt } from '../state/opened.ts';
import { frameIndex, speeds } from '../state/player.ts';
import {
  clock,
  clockTimeOf,
  frameIn,
  positionIn,
  type SlotName,
  stepSeconds,
  usePlayers,
} from '../state/players.ts';
import {
  drawnPlayers,
  resetZoom,
  setZoom,
  toggleDrawn,
  useTimeline,
  zoomTimeline,
} from '../state/timeline.ts';
import { pairDifference } from '../timeline/pair.ts';
import { isDrawn, TimelinePlot } from '../timeline/plot.ts';
import { short } from '../timeline/scale.ts';
import { differenceSeries } from '../timeline/series.ts';
import { fitted, panned } from '../timeline/zoom.ts';
import { EmptyHint } from './stage.tsx';

/** The difference is about all of them: no hue. */
const colourOf = (name: string, scheme: Scheme): string =>
  name.endsWith('/difference') ? (scheme === 'dark' ? '#98a2b3' : '#5f6b7a') : palette.colour(name, scheme);

/** One episode on the timeline. */
interface Track {
  readonly name: SlotName;
  readonly episode: LoadedEpisode;
  readonly series: readonly Series[];
}

/** Episodes on screen whose curves are drawn, in the order of their letters. */
function useTracks(): readonly Track[] {
  // Of the players only this: one that begins to load draws nothing new here.
  const episodes: Partial<Readonly<Record<SlotName, LoadedEpisode | null>>> = usePlayers(
    useShallow(({ shown, ...slots }) => Object.fromEntries(shown.map((name) => [name, slots[name].loaded]))),
  );
  const left = useTimeline((state) => state.left);
  const weighted = useView((state) => state.weighted);
  const hidden = useView((state) => state.hidden);
  const pair = useTimeline((state) => state.pair);
  const names = (Object.keys(episodes) as SlotName[]).filter((name) => episodes[name]);
  const loaded = drawnPlayers(names, left).map((name) => ({ name, episode: episodes[name]! }));
  const picked = usePickedSeries(loaded.map(({ episode }) => episode));
  const made = loaded.map(({ name, episode }) => {
    const series = seriesOf(episode, weighted, picked(episode));
    const drawn = series.filter((one) => isDrawn(one.name, hidden));
    const difference =
      pair?.task === episode.episode.task
        ? pairDifference(pair, episode, drawn)
        : differenceSeries(drawn.filter(({ isModel }) => isModel));
    return { name, episode, series: difference ? afterLane(series, difference) : series };
  });
  // A player that plays on, or is active now, changes nothing that is drawn.
  return useStable(made, (track) => [
    track.name,
    track.episode,
    weighted,
    ...track.series.flatMap((one) => (one.isBandOnly ? [one.help] : [one.name, one.values])),
  ]);
}

/** Beside what it is the difference of. */
function afterLane(series: readonly Series[], difference: Series): Series[] {
  const at = series.findLastIndex(({ lane }) => lane === difference.lane) + 1;
  return [...series.slice(0, at), difference, ...series.slice(at)];
}

/** The same list for as long as what its items are made of stays the same. */
function useStable<T>(items: readonly T[], parts: (item: T) => readonly unknown[]): readonly T[] {
  const last = useRef<{ readonly items: readonly T[]; readonly parts: readonly unknown[] }>({
    items: [],
    parts: [],
  });
  const now = items.flatMap((item) => [...parts(item), '|']);
  const isSame =
    now.length === last.current.parts.length && now.every((part, i) => part === last.current.parts[i]);
  if (!isSame) last.current = { items, parts: now };
  return last.current.items;
}

export function TimelinePanel() {
  const tracks = useTracks();
  const asTable = useView((state) => state.timelineTable);
  return (
    <div className="panel-column">
      <Transport />
      {tracks.length === 0 ? (
        <EmptyHint>The rewards of an episode are drawn here as soon as one is open.</EmptyHint>
      ) : asTable ? (
        <TimelineTable tracks={tracks} />
      ) : (
        <TimelineCurves tracks={tracks} />
      )}
    </div>
  );
}

const Transport = memo(function Transport() {
  const mode = useClock((state) => state.mode);
  const loop = useClock((state) => state.loop);
  const hasIn = useClock((state) => state.inPoint !== null);
  const hasOut = useClock((state) => state.outPoint !== null);
  const isLive = usePlayers((state) => state.a.source.type === 'live');
  const weighted = useView((state) => state.weighted);
  const stacked = useTimeline((state) => state.stacked);
  const asTable = useView((state) => state.timelineTable);
  return (
    <div className="transport" role="toolbar" aria-label="Playback">
      <CommandButton command="step-back" icon="stepBack" testId="step-back" />
      <CommandButton
        command="play"
        icon={mode === 'playing' ? 'pause' : 'play'}
        pressed={mode === 'playing'}
        testId="play"
        variant="filled"
        color="blue"
        radius="xl"
        size="md"
      />
      <CommandButton command="step-forward" icon="stepForward" testId="step-forward" />
      <CommandButton command="in-point" icon="inPoint" size="sm" pressed={hasIn} testId="in-point" />
      <CommandButton command="out-point" icon="outPoint" size="sm" pressed={hasOut} testId="out-point" />
      {(hasIn || hasOut) && (
        <CommandButton command="clear-points" icon="close" size="xs" testId="clear-points" />
      )}
      <CommandButton command="loop" icon="loop" pressed={loop} testId="loop" />
      <Speed />
      <Position />
      <span className="grow" />
      <CommandButton command="follow" icon="live" pressed={isLive} testId="follow" />
      <SegmentedControl
        size="xs"
        aria-label="Reward terms"
        data={[
          { label: 'Raw', value: 'raw' },
          { label: 'Weighted', value: 'weighted' },
        ]}
        value={weighted ? 'weighted' : 'raw'}
        onChange={(value) => useView.setState({ weighted: value === 'weighted' })}
      />
      <CommandButton command="timeline-stacked" icon="stack" pressed={stacked} testId="timeline-stacked" />
      <ModelPicker />
      <CommandButton command="timeline-table" icon="table" pressed={asTable} testId="timeline-table-toggle" />
    </div>
  );
});

function Speed() {
  const speed = useClock((state) => state.speed);
  const text = speed < 1 ? `1/${Math.round(1 / speed)}` : String(speed);
  const next = speeds[(speeds.indexOf(speed as (typeof speeds)[number]) + 1) % speeds.length] ?? 1;
  return (
    <Tooltip label="Speed ( [ slower, ] faster; click: next, right click: 1x )" openDelay={400}>
      <Button
        size="compact-xs"
        variant="default"
        className="mono"
        data-testid="speed"
        aria-label={`Speed ${text}x`}
        onClick={() => clock.dispatch({ type: 'speed', speed: next })}
        onContextMenu={(event) => {
          event.preventDefault();
          clock.dispatch({ type: 'speed', speed: 1 });
        }}
      >
        {text}x
      </Button>
    </Tooltip>
  );
}

function Position() {
  const loaded = usePlayers((state) => state.a.loaded ?? state.b.loaded);
  const duration = useClock((state) => state.duration);
  const time = useClock((state) => Math.round(state.time * 100) / 100);
  const frame = useClock((state) => (loaded ? frameIndex(state.time, loaded.controlDt, loaded.length) : 0));
  return (
    <Text
      component="output"
      size="xs"
      className="mono nowrap"
      data-testid="position"
      data-step={frame}
      aria-live="off"
    >
      step {frame} / {loaded?.length ?? 0} · {time.toFixed(2)} / {duration.toFixed(2)} s
    </Text>
  );
}

/** Frames of a player on the clock's axis; an alignment that stands still for a while repeats a time. */
function timesOf(name: SlotName, length: number): Float64Array {
  const times = new Float64Array(length + 1);
  let last = 0;
  for (let frame = 0; frame <= length; frame++) {
    last = Math.max(last, clockTimeOf(name, frame));
    times[frame] = last;
  }
  return times;
}

interface Hover {
  readonly time: number;
  /** From the left edge, pixels. */
  readonly x: number;
  readonly event: string | null;
}

/** What a pressed pointer is doing. */
type Grip = 'scrub' | 'pan' | 'map' | 'pinch';

function TimelineCurves({ tracks }: { readonly tracks: readonly Track[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const plot = useRef<TimelinePlot | null>(null);
  const [hover, setHover] = useState<Hover | null>(null);
  const scheme = useScheme();
  const hidden = useView((state) => state.hidden);
  const stacked = useTimeline((state) => state.stacked);
  const duration = useClock((state) => state.duration);
  const active = usePlayers((state) => state.active);
  const maps = usePlayers((state) => state.maps);

  useEffect(() => {
    const element = canvas.current;
    const room = element?.parentElement;
    if (!element || !room) return;
    const made = new TimelinePlot(element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.resize(room.clientWidth, room.clientHeight));
    observer.observe(room);
    made.setTime(clock.state.time);
    made.setPoints(clock.state);
    made.setZoom(useTimeline.getState().zoom);
    const stops = [
      clock.subscribe((state) => {
        made.setTime(state.time);
        made.setPoints(state);
      }),
      useTimeline.subscribe(({ zoom }) => made.setZoom(zoom)),
    ];
    // Not through React, whose listeners may not stop the page from scrolling.
    const onWheel = (event: WheelEvent): void => turnWheel(made, element, event);
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      for (const stop of stops) stop();
      element.removeEventListener('wheel', onWheel);
      observer.disconnect();
      made.dispose();
      plot.current = null;
    };
  }, []);

  // The maps are read by clockTimeOf and positionIn
  useEffect(() => {
    const row = Math.max(
      0,
      tracks.findIndex(({ name }) => name === active),
    );
    plot.current?.setContent({
      tracks: tracks.map(({ name, episode, series }) => ({
        letter: name.toUpperCase(),
        letterColour: letterColour(name, scheme),
        episode,
        series,
        events: eventsOf(episode),
        times: timesOf(name, episode.length),
        position: (time) => positionIn(name, time),
      })),
      active: row,
      stacked: stacked ? row : null,
      duration,
      hidden,
      scheme,
      colour: (name) => colourOf(name, scheme),
    });
  }, [tracks, duration, hidden, scheme, stacked, active, maps]);

  const { handlers } = useGrips(plot, setHover);
  return (
    <div className="timeline-body">
      <div className="timeline-room">
        <TimelineSlider tracks={tracks}>
          {(aria) => (
            <canvas
              ref={canvas}
              className="timeline-canvas"
              data-testid="timeline"
              tabIndex={0}
              role="slider"
              aria-label="Timeline; arrows step, Home and End jump, plus and minus zoom, 0 shows all"
              aria-valuemin={0}
              aria-valuemax={aria.max}
              aria-valuenow={aria.now}
              aria-valuetext={aria.text}
              onDoubleClick={resetZoom}
              onKeyDown={onKeyDown}
              {...handlers}
            />
          )}
        </TimelineSlider>
        {hover && <HoverLabel hover={hover} tracks={tracks} />}
      </div>
      <Legend tracks={tracks} hover={hover?.time ?? null} />
    </div>
  );
}

/** The wheel zooms where the pointer is; sideways, or with Shift, it pans. A pinch on a touchpad comes as a wheel with Ctrl. */
function turnWheel(plot: TimelinePlot, element: HTMLCanvasElement, event: WheelEvent): void {
  event.preventDefault();
  const x = event.clientX - element.getBoundingClientRect().left;
  const lines = event.deltaMode === 1 ? 16 : 1;
  const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
  if (!event.ctrlKey && Math.abs(sideways) > (event.shiftKey ? 0 : Math.abs(event.deltaY))) {
    const { zoom } = useTimeline.getState();
    setZoom(panned(zoom, clock.state.duration, plot.secondsOf(sideways * lines)));
    return;
  }
  const speed = event.ctrlKey ? 0.01 : 0.0018;
  zoomTimeline(Math.exp(-event.deltaY * lines * speed), plot.timeAt(x));
}

function onKeyDown(event: KeyboardEvent): void {
  const jump = event.key === 'PageUp' ? 10 : event.key === 'PageDown' ? -10 : 0;
  if (jump === 0) return;
  event.preventDefault();
  clock.dispatch({ type: 'step', frames: jump, dt: stepSeconds() });
}

/** Seek and scrub; with Shift or the middle button pan; on the small map move what is shown; two fingers pinch. */
function useGrips(plot: { readonly current: TimelinePlot | null }, setHover: (hover: Hover | null) => void) {
  const grip = useRef<Grip | null>(null);
  const fingers = useRef(new Map<number, number>());
  const lastX = useRef(0);

  const xOf = (event: PointerEvent<HTMLCanvasElement>): number =>
    event.clientX - event.currentTarget.getBoundingClientRect().left;
  const yOf = (event: PointerEvent<HTMLCanvasElement>): number =>
    event.clientY - event.currentTarget.getBoundingClientRect().top;
  /** What is shown goes to where the small map is pressed. */
  const moveMap = (x: number): void => {
    const { zoom } = useTimeline.getState();
    const time = plot.current?.mapTimeAt(x) ?? 0;
    if (zoom.to === null) return clock.dispatch({ type: 'seek', time });
    const half = (zoom.to - zoom.from) / 2;
    setZoom(fitted(time - half, time + half, clock.state.duration));
  };

  const onPointerDown = (event: PointerEvent<HTMLCanvasElement>): void => {
    const made = plot.current;
    if (!made || (event.button !== 0 && event.button !== 1)) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const x = xOf(event);
    fingers.current.set(event.pointerId, x);
    lastX.current = x;
    if (fingers.current.size > 1) {
      if (grip.current === 'scrub') clock.dispatch({ type: 'scrubEnd' });
      grip.current = 'pinch';
    } else if (made.isMap(yOf(event))) {
      grip.current = 'map';
      moveMap(x);
    } else if (event.shiftKey || event.button === 1) {
      event.preventDefault();
      grip.current = 'pan';
    } else {
      grip.current = 'scrub';
      clock.dispatch({ type: 'scrubStart' });
      clock.dispatch({ type: 'seek', time: made.eventAt(x, yOf(event))?.time ?? made.timeAt(x) });
    }
  };
  const onPointerMove = (event: PointerEvent<HTMLCanvasElement>): void => {
    const made = plot.current;
    if (!made) return;
    const x = xOf(event);
    const { zoom } = useTimeline.getState();
    if (grip.current === 'pinch') {
      const [one = 0, other = 0] = fingers.current.values();
      fingers.current.set(event.pointerId, x);
      const [now = 0, nowOther = 0] = fingers.current.values();
      const factor = Math.abs(now - nowOther) / Math.max(1, Math.abs(one - other));
      if (factor > 0) zoomTimeline(factor, made.timeAt((now + nowOther) / 2));
      return;
    }
    if (grip.current === 'pan')
      setZoom(panned(zoom, clock.state.duration, made.secondsOf(lastX.current - x)));
    lastX.current = x;
    if (grip.current === 'map') return moveMap(x);
    const time = made.timeAt(x);
    if (grip.current === 'scrub') clock.dispatch({ type: 'seek', time });
    const isMap = made.isMap(yOf(event));
    made.setHover(isMap ? null : time);
    const found = made.eventAt(x, yOf(event));
    setHover(isMap ? null : { time, x, event: found?.event.title ?? null });
  };
  const release = (event: PointerEvent<HTMLCanvasElement>): void => {
    fingers.current.delete(event.pointerId);
    if (grip.current === 'scrub') clock.dispatch({ type: 'scrubEnd' });
    if (fingers.current.size === 0) grip.current = null;
  };
  return {
    handlers: {
      onPointerDown,
      onPointerMove,
      onPointerUp: release,
      onPointerCancel: release,
      onPointerLeave: () => {
        plot.current?.setHover(null);
        setHover(null);
      },
    },
  };
}

/** Beside the pointer: when, which step, which stage, and what happens under it; the legend has the numbers. */
function HoverLabel({ hover, tracks }: { readonly hover: Hover; readonly tracks: readonly Track[] }) {
  const [first] = tracks;
  if (!first) return null;
  const frame = frameIn(first.name, hover.time);
  const stage = first.episode.stages[first.episode.trueStage[frame] ?? 0]?.title ?? '';
  return (
    <div
      className="timeline-hover mono"
      style={{ left: hover.x, transform: `translateX(${hover.x > 260 ? 'calc(-100% - 8px)' : '8px'})` }}
      data-testid="timeline-hover"
    >
      {hover.event ?? `${hover.time.toFixed(2)} s · step ${frame} · ${stage}`}
    </div>
  );
}

interface SliderAria {
  readonly max: number;
  readonly now: number;
  readonly text: string;
}

function TimelineSlider({
  tracks,
  children,
}: {
  readonly tracks: readonly Track[];
  readonly children: (aria: SliderAria) => ReactNode;
}) {
  const name = tracks[0]?.name ?? 'a';
  const episode = tracks[0]?.episode;
  const frame = useFrame(name);
  return children({
    max: episode?.length ?? 0,
    now: frame,
    text: episode
      ? `step ${frame} of ${episode.length}, ${episode.stages[episode.trueStage[frame] ?? 0]?.title ?? ''}, true progress ${short(episode.trueProgress[frame])}${episode.trueSuccess[frame] === 1 ? ', success' : ''}`
      : 'no episode',
  });
}

function Zoom() {
  const isZoomed = useTimeline((state) => state.zoom.to !== null);
  return (
    <span className="timeline-zoom">
      <CommandButton command="timeline-zoom-out" icon="minus" testId="zoom-out" size="xs" />
      <CommandButton command="timeline-zoom-in" icon="plus" testId="zoom-in" size="xs" />
      <CommandButton
        command="timeline-zoom-reset"
        icon="reset"
        testId="zoom-reset"
        size="xs"
        disabled={!isZoomed}
      />
    </span>
  );
}

/** Columns of numbers that fit beside the names. */
const mostColumns = 3;

function Legend({ tracks, hover }: { readonly tracks: readonly Track[]; readonly hover: number | null }) {
  const scheme = useScheme();
  const hidden = useView((state) => state.hidden);
  const active = usePlayers((state) => state.active);
  usePlayers((state) => state.maps);
  // The numbers change at control rate, not at screen rate.
  useClock((state) => tracks.map(({ name }) => frameIn(name, state.time)).join(' '));
  const time = hover ?? clock.state.time;
  const names = new Map<string, Series>();
  for (const { series } of tracks)
    for (const one of series) if (!names.has(one.name)) names.set(one.name, one);
  const own = tracks.find(({ name }) => name === active) ?? tracks[0]!;
  const columns = tracks.length > mostColumns ? [own] : tracks;
  return (
    <section className="timeline-legend" aria-label="Series">
      <Players />
      <PairChip tasks={tracks.map(({ episode }) => episode.episode.task)} />
      <div className="legend-row legend-head">
        <Zoom />
        <span className="grow nowrap">{hover === null ? 'at the cursor' : `at ${hover.toFixed(2)} s`}</span>
        {tracks.length > 1 &&
          columns.map(({ name }) => (
            <span key={name} className="legend-value">
              {name.toUpperCase()}
            </span>
          ))}
      </div>
      {[...names.values()].map((series, i) => {
        const isTruth = series.name === 'progress/true';
        const isOn = isDrawn(series.name, hidden);
        const row = (
          <>
            <span
              className="swatch"
              data-band={series.isBandOnly || undefined}
              style={{ background: colourOf(series.name, scheme) }}
            />
            <span className="grow truncate">{series.label}</span>
            {columns.map(({ name, series: theirs }) => {
              const found = theirs.find((one) => one.name === series.name);
              return (
                <span key={name} className="legend-value mono">
                  {found ? numberAt(found, frameIn(name, time)) : ''}
                </span>
              );
            })}
          </>
        );
        return (
          <div key={series.name}>
            {isTruth ? (
              <div className="legend-row" title={`${series.help} Always drawn.`}>
                {row}
              </div>
            ) : (
              <UnstyledButton
                className="legend-row"
                data-off={!isOn || undefined}
                data-series={series.name}
                aria-pressed={isOn}
                title={`${series.help} ${isOn ? 'Click to hide.' : 'Click to show.'}`}
                onClick={() => toggleSeries(series.name)}
              >
                {row}
              </UnstyledButton>
            )}
            {i === 0 && <SuccessRow columns={columns} time={time} />}
          </div>
        );
      })}
    </section>
  );
}

/** The last step of an episode that was cut off has no advantage, the last frame no reward. */
const numberAt = (series: Series, frame: number): string => {
  const value = valueAt(series, frame);
  return value !== undefined && Number.isNaN(value) ? '–' : short(value);
};

function SuccessRow({ columns, time }: { readonly columns: readonly Track[]; readonly time: number }) {
  const scheme = useScheme();
  return (
    <div
      className="legend-row"
      title="Whether the task is done in this frame, by the simulator. Always drawn: a flag where it begins."
    >
      <span className="swatch" style={{ background: colourOf('progress/true', scheme) }} />
      <span className="grow truncate">success</span>
      {columns.map(({ name, episode }) => (
        <span key={name} className="legend-value mono">
          {episode.trueSuccess[frameIn(name, time)] === 1 ? 'yes' : 'no'}
        </span>
      ))}
    </div>
  );
}

/** Whose curves are drawn, where there are several. */
function Players() {
  const scheme = useScheme();
  const shown = usePlayers((state) => state.shown);
  const left = useTimeline((state) => state.left);
  const drawn = drawnPlayers(shown, left);
  if (shown.length < 2) return null;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would draw a frame
    <div className="timeline-players" role="group" aria-label="Episodes on the timeline">
      {shown.map((name) => (
        <UnstyledButton
          key={name}
          className="timeline-player"
          style={{ '--letter': letterColour(name, scheme) } as React.CSSProperties}
          aria-pressed={drawn.includes(name)}
          aria-label={`Draw the curves of ${name.toUpperCase()}`}
          data-testid={`timeline-draw-${name}`}
          onClick={() => toggleDrawn(name)}
        >
          {name.toUpperCase()}
        </UnstyledButton>
      ))}
    </div>
  );
}

const rowsPerPage = 100;

/** A column of the table: a series, or an end of its band. */
interface TableColumn {
  readonly key: string;
  readonly title: string;
  readonly help: string;
  readonly values: ArrayLike<number>;
}

const columnsOf = (series: readonly Series[]): TableColumn[] =>
  series.flatMap(({ name, label, help, values, band }) => [
    { key: name, title: label, help, values },
    ...(band
      ? [
          {
            key: `${name}/low`,
            title: `${label}, low`,
            help: `Lower edge of its band: ${band.what}.`,
            values: band.low,
          },
          {
            key: `${name}/high`,
            title: `${label}, high`,
            help: `Upper edge of its band: ${band.what}.`,
            values: band.high,
          },
        ]
      : []),
  ]);

/** The same data as a table: for screen readers, and for whoever wants the numbers. A row is a frame of the first episode. */
function TimelineTable({ tracks }: { readonly tracks: readonly Track[] }) {
  const [first] = tracks;
  const frame = useFrame(first!.name);
  const [page, setPage] = useState(Math.floor(frame / rowsPerPage));
  usePlayers((state) => state.maps);
  const length = first!.episode.length;
  const pages = Math.ceil((length + 1) / rowsPerPage);
  const start = Math.min(page, pages - 1) * rowsPerPage;
  const rows = Array.from({ length: Math.min(rowsPerPage, length + 1 - start) }, (_, i) => start + i);
  const laid = useMemo(
    () =>
      tracks.map(({ name, episode, series }) => ({
        name,
        episode,
        letter: tracks.length > 1 ? ` ${name.toUpperCase()}` : '',
        columns: columnsOf(series),
        events: Map.groupBy(eventsOf(episode), (event) => event.frame),
      })),
    [tracks],
  );
  return (
    <div className="grow-scroll">
      <Table
        stickyHeader
        striped
        withRowBorders={false}
        fz="xs"
        className="mono-cells"
        data-testid="timeline-table"
      >
        <caption className="sr-only">
          Every series of the timeline, one row a control step of {first!.name.toUpperCase()}
        </caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">step</Table.Th>
            <Table.Th scope="col">seconds</Table.Th>
            {laid.map(({ name, letter, columns }) => [
              <Table.Th key={`stage-${name}`} scope="col">
                stage{letter}
              </Table.Th>,
              <Table.Th key={`event-${name}`} scope="col">
                event{letter}
              </Table.Th>,
              <Table.Th key={`success-${name}`} scope="col">
                success{letter}
              </Table.Th>,
              ...columns.map(({ key, title, help }) => (
                <Table.Th key={`${key}-${name}`} scope="col" title={help}>
                  {title}
                  {letter}
                </Table.Th>
              )),
            ])}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => {
            const time = clockTimeOf(first!.name, row);
            return (
              <Table.Tr
                key={row}
                aria-current={row === frame ? 'step' : undefined}
                data-current={row === frame || undefined}
                onClick={() => clock.dispatch({ type: 'seek', time })}
              >
                <Table.Td>{row}</Table.Td>
                <Table.Td>{time.toFixed(2)}</Table.Td>
                {laid.map(({ name, episode, columns, events }, i) => {
                  const t = i === 0 ? row : frameIn(name, time);
                  return [
                    <Table.Td key={`stage-${name}`}>
                      {episode.stages[episode.trueStage[t] ?? 0]?.title}
                    </Table.Td>,
                    <Table.Td key={`event-${name}`}>
                      {events
                        .get(t)
                        ?.map(({ title }) => title)
                        .join(', ')}
                    </Table.Td>,
                    <Table.Td key={`success-${name}`}>
                      {episode.trueSuccess[t] === 1 ? 'yes' : 'no'}
                    </Table.Td>,
                    ...columns.map(({ key, values }) => {
                      const value = values[t];
                      return (
                        <Table.Td key={`${key}-${name}`}>
                          {value !== undefined && Number.isNaN(value) ? '–' : short(value)}
                        </Table.Td>
                      );
                    }),
                  ];
                })}
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
      {pages > 1 && (
        <Group p="xs" gap="xs">
          <Button
            size="compact-xs"
            variant="default"
            disabled={start === 0}
            onClick={() => setPage(Math.min(page, pages - 1) - 1)}
          >
            Earlier
          </Button>
          <Text size="xs">
            steps {start} to {start + rows.length - 1} of {length}
          </Text>
          <Button
            size="compact-xs"
            variant="default"
            disabled={page >= pages - 1}
            onClick={() => setPage(page + 1)}
          >
            Later
          </Button>
        </Group>
      )}
    </div>
  );
}
