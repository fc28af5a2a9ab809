/** How the timeline is looked at: which part, stacked or overlaid, whose curves, which reward models beside what was recorded. */

import { create } from 'zustand';
import type { RewardPair } from '../timeline/pair.ts';
import { kept, pageTo, panned, whole, type Zoom, zoomed } from '../timeline/zoom.ts';
import { memory } from './layout.ts';
import { clock, type SlotName, usePlayers } from './players.ts';

export interface TimelineState {
  readonly zoom: Zoom;
  readonly stacked: boolean;
  /** Players on screen whose curves are left out. */
  readonly left: ReadonlySet<SlotName>;
  /** Chosen reward models by task (renderer/timeline/series.ts). */
  readonly picks: Readonly<Record<string, readonly string[]>>;
  /** Two rewards of a judgement, drawn in place of the chosen models for as long as they are looked at. */
  readonly pair: RewardPair | null;
}

const key = 'reward-lab.timeline';

function saved(): Partial<Pick<TimelineState, 'stacked' | 'picks'>> {
  try {
    return JSON.parse(memory.get(key) ?? '{}') as Partial<Pick<TimelineState, 'stacked' | 'picks'>>;
  } catch {
    return {};
  }
}

export const useTimeline = create<TimelineState>()(() => {
  const { stacked = false, picks = {} } = saved();
  return { zoom: whole, stacked, left: new Set<SlotName>(), picks, pair: null };
});

useTimeline.subscribe(({ stacked, picks }, before) => {
  if (stacked !== before.stacked || picks !== before.picks)
    memory.set(key, JSON.stringify({ stacked, picks }));
});

export function setPicks(task: string, picks: readonly string[]): void {
  useTimeline.setState((state) => ({ picks: { ...state.picks, [task]: picks }, pair: null }));
}

export const showPair = (pair: RewardPair | null): void => useTimeline.setState({ pair });

export function toggleDrawn(name: SlotName): void {
  useTimeline.setState((state) => {
    const left = new Set(state.left);
    if (!left.delete(name)) left.add(name);
    return { left };
  });
}

/** At least one: what is left out alone is drawn all the same. */
export function drawnPlayers(shown: readonly SlotName[], left: ReadonlySet<SlotName>): readonly SlotName[] {
  const drawn = shown.filter((name) => !left.has(name));
  return drawn.length > 0 ? drawn : shown.slice(0, 1);
}

export function setZoom(zoom: Zoom): void {
  if (zoom !== useTimeline.getState().zoom) useTimeline.setState({ zoom });
}

/** Closer or further away; around the cursor where nothing else is said. */
export function zoomTimeline(factor: number, at = clock.state.time): void {
  setZoom(zoomed(useTimeline.getState().zoom, clock.state.duration, at, factor));
}

/** By a part of what is shown. */
export function panTimeline(part: number): void {
  const { zoom } = useTimeline.getState();
  if (zoom.to !== null) setZoom(panned(zoom, clock.state.duration, part * (zoom.to - zoom.from)));
}

export const resetZoom = (): void => setZoom(whole);

/** Which curves are drawn is looked up by panels that are not on screen, too, so the page turns here. */
let lastDuration = clock.state.duration;
clock.subscribe(({ time, duration, direction, mode }) => {
  const { zoom } = useTimeline.getState();
  if (duration !== lastDuration) {
    lastDuration = duration;
    setZoom(kept(zoom, duration));
  } else if (mode !== 'scrubbing') setZoom(pageTo(zoom, duration, time, mode === 'playing' ? direction : 1));
});

/** The task of what is on screen; null where nothing is. */
export function shownTask(): string | null {
  const state = usePlayers.getState();
  const name = [state.active, ...state.shown].find((one) => state[one].loaded !== null);
  return name ? state[name].loaded!.episode.task : null;
}
