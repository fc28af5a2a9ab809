/** Under the stage: the transport bar, and every reward term and progress over the episode. Click or drag seeks. */

import { Button, Group, SegmentedControl, Table, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import { CommandButton } from '../parts/command-button.tsx';
import { useClock, useFrame, useScheme } from '../state/hooks.ts';
import { palette, toggleSeries, useView } from '../state/layout.ts';
import { type LoadedEpisode, type Series, seriesOf, valueAt } from '../state/opened.ts';
import { frameIndex, speeds } from '../state/player.ts';
import { clock, stepSeconds, usePlayers } from '../state/players.ts';
import { TimelinePlot } from '../timeline/plot.ts';
import { short } from '../timeline/scale.ts';
import { EmptyHint } from './stage.tsx';

export function TimelinePanel() {
  const a = usePlayers((state) => state.a.loaded);
  const b = usePlayers((state) => (state.shown.includes('b') ? state.b.loaded : null));
  const asTable = useView((state) => state.timelineTable);
  const weighted = useView((state) => state.weighted);
  const tracks = useMemo(
    () => [a, b].flatMap((episode) => (episode ? [{ episode, series: seriesOf(episode, weighted) }] : [])),
    [a, b, weighted],
  );
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

interface Track {
  readonly episode: LoadedEpisode;
  readonly series: readonly Series[];
}

function Transport() {
  const mode = useClock((state) => state.mode);
  const loop = useClock((state) => state.loop);
  const isLive = usePlayers((state) => state.a.source.type === 'live');
  const weighted = useView((state) => state.weighted);
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
      <CommandButton command="timeline-table" icon="table" pressed={asTable} testId="timeline-table-toggle" />
    </div>
  );
}

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

function TimelineCurves({ tracks }: { readonly tracks: readonly Track[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const plot = useRef<TimelinePlot | null>(null);
  const [hover, setHover] = useState<number | null>(null);
  const scheme = useScheme();
  const hidden = useView((state) => state.hidden);
  const duration = useClock((state) => state.duration);

  useEffect(() => {
    const element = canvas.current;
    const room = element?.parentElement;
    if (!element || !room) return;
    const made = new TimelinePlot(element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.resize(room.clientWidth, room.clientHeight));
    observer.observe(room);
    made.setTime(clock.state.time);
    const stop = clock.subscribe(({ time }) => made.setTime(time));
    return () => {
      stop();
      observer.disconnect();
      made.dispose();
      plot.current = null;
    };
  }, []);

  useEffect(() => {
    plot.current?.setContent({
      tracks,
      duration,
      hidden,
      scheme,
      colour: (name) => palette.colour(name, scheme),
    });
  }, [tracks, duration, hidden, scheme]);

  const timeOf = (event: PointerEvent): number =>
    plot.current?.timeAt(event.clientX - event.currentTarget.getBoundingClientRect().left) ?? 0;

  const onPointerDown = (event: PointerEvent<HTMLCanvasElement>): void => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    clock.dispatch({ type: 'scrubStart' });
    clock.dispatch({ type: 'seek', time: timeOf(event) });
  };
  const onPointerMove = (event: PointerEvent<HTMLCanvasElement>): void => {
    const time = timeOf(event);
    plot.current?.setHover(time);
    setHover(time);
    if (clock.state.mode === 'scrubbing') clock.dispatch({ type: 'seek', time });
  };
  const endScrub = (): void => clock.dispatch({ type: 'scrubEnd' });
  const onKeyDown = (event: KeyboardEvent): void => {
    const jump = event.key === 'PageUp' ? 10 : event.key === 'PageDown' ? -10 : 0;
    if (jump === 0) return;
    event.preventDefault();
    clock.dispatch({ type: 'step', frames: jump, dt: stepSeconds() });
  };

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
              aria-label="Timeline; arrows step, Home and End jump"
              aria-valuemin={0}
              aria-valuemax={aria.max}
              aria-valuenow={aria.now}
              aria-valuetext={aria.text}
              onPointerDown={onPointerDown}
              onPointerMove={onPointerMove}
              onPointerUp={endScrub}
              onPointerCancel={endScrub}
              onPointerLeave={() => {
                plot.current?.setHover(null);
                setHover(null);
              }}
              onKeyDown={onKeyDown}
            />
          )}
        </TimelineSlider>
      </div>
      <Legend tracks={tracks} hover={hover} />
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
  readonly children: (aria: SliderAria) => React.ReactNode;
}) {
  const episode = tracks[0]?.episode;
  const frame = useClock(({ time }) => (episode ? frameIndex(time, episode.controlDt, episode.length) : 0));
  return children({
    max: episode?.length ?? 0,
    now: frame,
    text: episode
      ? `step ${frame} of ${episode.length}, ${episode.stages[episode.trueStage[frame] ?? 0]?.title ?? ''}, true progress ${short(episode.trueProgress[frame])}`
      : 'no episode',
  });
}

function Legend({ tracks, hover }: { readonly tracks: readonly Track[]; readonly hover: number | null }) {
  const scheme = useScheme();
  const hidden = useView((state) => state.hidden);
  useFrame('a');
  useFrame('b');
  const time = hover ?? clock.state.time;
  const names = new Map<string, Series>();
  for (const { series } of tracks)
    for (const one of series) if (!names.has(one.name)) names.set(one.name, one);
  return (
    <section className="legend" aria-label="Series">
      <div className="legend-row legend-head">
        <span className="grow">{hover === null ? 'at the cursor' : `at ${hover.toFixed(2)} s`}</span>
        {tracks.length > 1 && (
          <>
            <span className="legend-value">A</span>
            <span className="legend-value">B</span>
          </>
        )}
      </div>
      {[...names.values()].map((series) => (
        <UnstyledButton
          key={series.name}
          className="legend-row"
          data-off={hidden.has(series.name) || undefined}
          aria-pressed={!hidden.has(series.name)}
          title={`${series.label} (${hidden.has(series.name) ? 'click to show' : 'click to hide'})`}
          onClick={() => toggleSeries(series.name)}
        >
          <span className="swatch" style={{ background: palette.colour(series.name, scheme) }} />
          <span className="grow truncate">{series.label}</span>
          {tracks.map(({ episode, series: own }, i) => {
            const found = own.find(({ name }) => name === series.name);
            const frame = frameIndex(time, episode.controlDt, episode.length);
            return (
              <span key={i} className="legend-value mono">
                {found ? short(valueAt(found, frame)) : ''}
              </span>
            );
          })}
        </UnstyledButton>
      ))}
    </section>
  );
}

const rowsPerPage = 100;

/** The same data as a table: for screen readers, and for whoever wants the numbers. */
function TimelineTable({ tracks }: { readonly tracks: readonly Track[] }) {
  const frame = useFrame('a');
  const [page, setPage] = useState(Math.floor(frame / rowsPerPage));
  const length = Math.max(...tracks.map(({ episode }) => episode.length));
  const pages = Math.ceil((length + 1) / rowsPerPage);
  const first = Math.min(page, pages - 1) * rowsPerPage;
  const rows = Array.from({ length: Math.min(rowsPerPage, length + 1 - first) }, (_, i) => first + i);
  const letter = (i: number): string => (tracks.length > 1 ? ` ${i === 0 ? 'A' : 'B'}` : '');
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
        <caption className="sr-only">Every series of the timeline, one row a control step</caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">step</Table.Th>
            <Table.Th scope="col">seconds</Table.Th>
            {tracks.map(({ series, episode }, i) => [
              <Table.Th key={`stage-${episode.episode.id}-${letter(i)}`} scope="col">
                stage{letter(i)}
              </Table.Th>,
              ...series.map((one) => (
                <Table.Th key={`${one.name}-${letter(i)}`} scope="col">
                  {one.label}
                  {letter(i)}
                </Table.Th>
              )),
            ])}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((t) => (
            <Table.Tr
              key={t}
              aria-current={t === frame ? 'step' : undefined}
              data-current={t === frame || undefined}
              onClick={() => clock.dispatch({ type: 'seek', time: t * stepSeconds() })}
            >
              <Table.Td>{t}</Table.Td>
              <Table.Td>{(t * stepSeconds()).toFixed(2)}</Table.Td>
              {tracks.map(({ series, episode }, i) => [
                <Table.Td key={`stage-${episode.episode.id}-${letter(i)}`}>
                  {t <= episode.length ? episode.stages[episode.trueStage[t] ?? 0]?.title : ''}
                </Table.Td>,
                ...series.map((one) => (
                  <Table.Td key={`${one.name}-${letter(i)}`}>{short(valueAt(one, t))}</Table.Td>
                )),
              ])}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {pages > 1 && (
        <Group p="xs" gap="xs">
          <Button
            size="compact-xs"
            variant="default"
            disabled={first === 0}
            onClick={() => setPage(page - 1)}
          >
            Earlier
          </Button>
          <Text size="xs">
            steps {first} to {first + rows.length - 1} of {length}
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
