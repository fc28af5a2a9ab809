/** The two players, A and B, on the one clock: what they are on, what they show, and how they get it from the lab. */

import { create } from 'zustand';
import { lab } from '../lab.ts';
import { type LoadedEpisode, loadEpisode } from './opened.ts';
import { Clock, type PlayerSource, takesNewest } from './player.ts';
import { newestOf, useRuns } from './runs.ts';

export type SlotName = 'a' | 'b';
export type SlotStatus = 'empty' | 'loading' | 'ready' | 'failed';

export interface Slot {
  readonly source: PlayerSource;
  readonly status: SlotStatus;
  /** Stays on screen while the next one loads. */
  readonly loaded: LoadedEpisode | null;
  readonly error: string | null;
}

export interface PlayersState {
  readonly a: Slot;
  readonly b: Slot;
  /** Two stages side by side. */
  readonly compare: boolean;
}

const emptySlot: Slot = { source: { type: 'none' }, status: 'empty', loaded: null, error: null };

export const usePlayers = create<PlayersState>()(() => ({ a: emptySlot, b: emptySlot, compare: false }));

export const clock = new Clock(() => performance.now());

/** Views that draw slowly; each says whether it has drawn what it was last told. */
const paces = new Set<() => boolean>();
let lastTick = 0;

/** Milliseconds after which the clock goes on without a slow view. */
const patience = 1000;

/**
 * Where the CPU draws, a playing clock waits for the picture: cursor and numbers that move more often than it would be
 * ahead of what is seen, and take its time away. Returns how to stop.
 */
export function paceClock(isDrawn: () => boolean): () => void {
  paces.add(isDrawn);
  return () => {
    paces.delete(isDrawn);
  };
}

/** The one animation loop: runs only while the clock does. */
let frameRequest = 0;
function loop(): void {
  const now = performance.now();
  if (now - lastTick >= patience || [...paces].every((isDrawn) => isDrawn())) {
    lastTick = now;
    clock.tick();
  }
  frameRequest = clock.state.mode === 'playing' ? requestAnimationFrame(loop) : 0;
}
clock.subscribe((state) => {
  if (state.mode === 'playing' && frameRequest === 0) frameRequest = requestAnimationFrame(loop);
  if (state.mode === 'ended') followNewest();
});

const reducedMotion = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;

/** A few episodes kept, so that going back and forth costs nothing. */
const cache = new Map<number, LoadedEpisode>();
const cacheSize = 12;

async function fetchEpisode(id: number): Promise<LoadedEpisode> {
  const known = cache.get(id);
  if (known) {
    cache.delete(id);
    cache.set(id, known);
    return known;
  }
  const opened = await lab.episodes.open({ id });
  const loaded = loadEpisode(opened, await opened.data.arrayBuffer());
  cache.set(id, loaded);
  for (const old of cache.keys()) {
    if (cache.size <= cacheSize) break;
    cache.delete(old);
  }
  return loaded;
}

function setSlot(name: SlotName, patch: Partial<Slot>): void {
  usePlayers.setState((state) => ({ [name]: { ...state[name], ...patch } }) as Partial<PlayersState>);
}

function fitClock(): void {
  const { a, b, compare } = usePlayers.getState();
  const duration = Math.max(a.loaded?.duration ?? 0, compare ? (b.loaded?.duration ?? 0) : 0);
  clock.dispatch({ type: 'duration', duration });
}

const wanted: Record<SlotName, number> = { a: 0, b: 0 };

/** The newest request wins, however late the older answers come. */
async function show(name: SlotName, id: number, start: 'keep' | 'zero'): Promise<void> {
  const ticket = ++wanted[name];
  setSlot(name, { status: 'loading', error: null });
  try {
    const loaded = await fetchEpisode(id);
    if (ticket !== wanted[name]) return;
    setSlot(name, { status: 'ready', loaded });
    fitClock();
    if (start === 'zero') {
      clock.dispatch({ type: 'seek', time: 0 });
      if (!reducedMotion()) clock.dispatch({ type: 'play' });
    }
  } catch (error) {
    if (ticket !== wanted[name]) return;
    setSlot(name, { status: 'failed', error: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * Opens a stored episode. A clock that was stopped at a moment stays at that moment, so that the same moment of several
 * episodes can be looked at one after the other; else the episode plays from its frame 0.
 */
export function openEpisode(name: SlotName, id: number, start?: 'keep' | 'zero'): Promise<void> {
  const isInspecting = clock.state.mode === 'paused' && clock.state.time > 0;
  setSlot(name, { source: { type: 'episode', id } });
  if (name === 'b') usePlayers.setState({ compare: true });
  return show(name, id, start ?? (isInspecting ? 'keep' : 'zero'));
}

/** Follows the newest episodes of a run in A. */
export function followRun(runId: number): void {
  setSlot('a', { source: { type: 'live', runId } });
  const shown = usePlayers.getState().a.loaded;
  if (shown && shown.episode.runId !== runId) setSlot('a', { loaded: null, status: 'loading' });
  followNewest(true);
}

export function stopFollowing(): void {
  const { a } = usePlayers.getState();
  if (a.source.type !== 'live') return;
  setSlot('a', {
    source: a.loaded ? { type: 'episode', id: a.loaded.episode.id } : { type: 'none' },
  });
}

let following = false;

/** Goes on to the newest episode of the followed run where it is time to. */
export function followNewest(now = false): void {
  const { a } = usePlayers.getState();
  if (a.source.type !== 'live' || following) return;
  const newest = newestOf(useRuns.getState(), a.source.runId)?.id;
  const shown = a.loaded?.episode.id ?? null;
  if (newest === undefined) return;
  if (now ? newest === shown : !takesNewest(clock.state.mode, shown, newest)) return;
  following = true;
  void show('a', newest, 'zero').finally(() => {
    following = false;
  });
}

export function setCompare(compare: boolean): void {
  usePlayers.setState({ compare });
  fitClock();
}

export function closeB(): void {
  wanted.b++;
  usePlayers.setState({ b: emptySlot, compare: false });
  fitClock();
}

export function swapPlayers(): void {
  usePlayers.setState(({ a, b }) => ({ a: b, b: a }));
}

/** The control step that arrow keys move by: A's, else B's. */
export function stepSeconds(): number {
  const { a, b } = usePlayers.getState();
  return a.loaded?.controlDt ?? b.loaded?.controlDt ?? 0.05;
}
