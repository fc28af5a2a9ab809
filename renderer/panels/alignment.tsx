/** How the episodes on screen are laid beside each other, drawn for the first and one other; click or drag seeks. */

import './alignment.css';
import { Text } from '@mantine/core';
import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import { AlignControl } from '../parts/compare-bar.tsx';
import { LetterButton } from '../parts/letter.tsx';
import { type Alignment, coursesOf, distanceOf } from '../state/align.ts';
import { clockMeaning, useAlignment } from '../state/alignment.ts';
import { letterColour } from '../state/colours.ts';
import { useScheme } from '../state/hooks.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { clock, positionIn, type SlotName, usePlayers } from '../state/players.ts';
import { AlignmentPlot, type Pair, type PairContent } from '../timeline/alignment.ts';
import { EmptyHint } from './stage.tsx';

export function AlignmentPanel() {
  const shown = usePlayers((state) => state.shown);
  const active = usePlayers((state) => state.active);
  const mode = useAlignment((state) => state.mode);
  const [first, ...others] = shown;
  const other = active === first ? others[0] : active;
  const a = usePlayers((state) => state[first!].loaded);
  const b = usePlayers((state) => (other ? state[other].loaded : null));
  if (!other || !a || !b)
    return (
      <EmptyHint>
        Open a second episode (shift-click in the list) to see which frames stand beside each other.
      </EmptyHint>
    );
  return (
    <div className="panel-column" data-testid="alignment">
      <div className="alignment-bar">
        <AlignControl />
        <Text size="xs" c="dimmed" className="grow" truncate title={clockMeaning(mode, first!.toUpperCase())}>
          {clockMeaning(mode, first!.toUpperCase())}
        </Text>
        {others.length > 1 && others.map((name) => <LetterButton key={name} name={name} />)}
      </div>
      <PairView names={[first!, other]} episodes={[a, b]} />
    </div>
  );
}

/** Each in its own seconds: what the other modes are compared with. */
const bySeconds = (a: LoadedEpisode, b: LoadedEpisode): Alignment => {
  const last = Math.max(a.length, (b.length * b.controlDt) / a.controlDt, 1);
  return { from: Float64Array.of(0, last), to: Float64Array.of(0, (last * a.controlDt) / b.controlDt) };
};

function PairView({
  names,
  episodes,
}: {
  readonly names: readonly [SlotName, SlotName];
  readonly episodes: readonly [LoadedEpisode, LoadedEpisode];
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const plot = useRef<AlignmentPlot | null>(null);
  const [hover, setHover] = useState<Pair | null>(null);
  const scheme = useScheme();
  const [first, other] = names;
  const [a, b] = episodes;
  const pairing = useAlignment((state) => state.pairings[other]);
  const isSearching = useAlignment((state) => state.searching.includes(other));
  const content = useMemo(
    (): PairContent => ({
      episodes: [a, b],
      letters: [first.toUpperCase(), other.toUpperCase()],
      colours: [letterColour(first, scheme), letterColour(other, scheme)],
      alignment: pairing?.alignment ?? bySeconds(a, b),
      anchors: pairing?.anchors ?? [],
      courses: pairing?.path?.courses ?? coursesOf(a, b),
      path: pairing?.path?.warping.path ?? null,
      scheme,
    }),
    [a, b, first, other, pairing, scheme],
  );

  useEffect(() => {
    const element = canvas.current;
    const room = element?.parentElement;
    if (!element || !room) return;
    const made = new AlignmentPlot(element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.resize(room.clientWidth, room.clientHeight));
    observer.observe(room);
    const follow = (): void => made.setNow({ from: positionIn(first), to: positionIn(other) });
    follow();
    const stopClock = clock.subscribe(follow);
    const stopMaps = usePlayers.subscribe(follow);
    return () => {
      stopClock();
      stopMaps();
      observer.disconnect();
      made.dispose();
      plot.current = null;
    };
  }, [first, other]);

  useEffect(() => {
    plot.current?.setContent(content);
  }, [content]);

  const pairUnder = (event: PointerEvent): Pair | null => {
    const box = event.currentTarget.getBoundingClientRect();
    return plot.current?.pairAt(event.clientX - box.left, event.clientY - box.top) ?? null;
  };
  const seek = (pair: Pair | null): void => {
    if (pair) clock.dispatch({ type: 'seek', time: pair.from * a.controlDt });
  };
  const show = (pair: Pair | null): void => {
    plot.current?.setHover(pair);
    setHover(pair);
  };

  return (
    <>
      <div className="alignment-room">
        <canvas
          ref={canvas}
          data-testid="alignment-canvas"
          role="img"
          aria-label={inWords(content, pairing?.path?.warping.meanDistance)}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            clock.dispatch({ type: 'scrubStart' });
            seek(pairUnder(event));
          }}
          onPointerMove={(event) => {
            const pair = pairUnder(event);
            show(pair);
            if (clock.state.mode === 'scrubbing') seek(pair);
          }}
          onPointerUp={() => clock.dispatch({ type: 'scrubEnd' })}
          onPointerCancel={() => clock.dispatch({ type: 'scrubEnd' })}
          onPointerLeave={() => show(null)}
        />
      </div>
      <Text size="xs" c="dimmed" className="alignment-note" component="output" data-testid="alignment-note">
        {isSearching
          ? 'Searching the path…'
          : hover
            ? pairInWords(content, hover)
            : inWords(content, pairing?.path?.warping.meanDistance)}
      </Text>
    </>
  );
}

function pairInWords({ letters, courses, episodes }: PairContent, { from, to }: Pair): string {
  const [i, j] = [from, to].map((frame, k) => Math.min(episodes[k as 0 | 1].length, Math.round(frame)));
  const distance = courses ? `, they differ by ${percent(distanceOf(...courses, i!, j!))} of the room` : '';
  return `${letters[0]} step ${i} · ${letters[1]} step ${j}${distance}`;
}

function inWords({ letters, anchors, courses }: PairContent, meanDistance: number | undefined): string {
  const [a, b] = letters;
  if (meanDistance !== undefined)
    return `On the path ${a} and ${b} differ by ${percent(meanDistance)} of the room on average.`;
  if (anchors.length > 0)
    return `Entered by both: ${anchors.map(({ title, from, to }) => `${title} (${a} ${from}, ${b} ${to})`).join(', ')}.`;
  return courses
    ? `Lines join frames of ${a} and ${b} that are shown together; bright: things stand alike.`
    : `Lines join frames of ${a} and ${b} that are shown together; they have no body in common.`;
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
