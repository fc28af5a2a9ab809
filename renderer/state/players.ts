/** The players, A to I, on the one clock: what they are on, what they show, and how they get it from the lab. */

import { notifications } from '@mantine/notifications';
import { create } from 'zustand';
import { lab } from '../lab.ts';
import { messageOf } from './message.ts';
import { type LoadedEpisode, loadEpisode } from './opened.ts';
import { Clock, frameIndex, framePosition, type PlayerSource, takesNewest } from './player.ts';
import { newestOf, useRuns } from './runs.ts';

export const slotNames = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'] as const;
export type SlotName = (typeof slotNames)[number];
export type SlotStatus = 'empty' | 'loading' | 'ready' | 'failed';

export interface Slot {
  readonly source: PlayerSource;
  readonly status: SlotStatus;
  /** Stays on screen while the next one loads. */
  readonly loaded: LoadedEpisode | null;
  readonly error: string | null;
}

/**
 * What the clock's time means in a player: seconds of the clock to a frame of its episode, between its frames, and back. Without
 * one a player counts seconds from its own frame 0.
 */
export interface FrameMap {
  frameAt(time: number): number;
  /** The first time at which the player shows this frame. */
  timeAt(frame: number): number;
}

export interface PlayersState extends Readonly<Record<SlotName, Slot>> {
  /** On screen, in this order; at least one. */
  readonly shown: readonly SlotName[];
  /** The one that the probe, a fork and other single-episode tools act on; always one of `shown`. */
  readonly active: SlotName;
  /** How the episodes are laid beside each other; empty: by seconds. */
  readonly maps: Partial<Readonly<Record<SlotName, FrameMap>>>;
  /** The others are drawn into the first one's view, translucent, instead of beside it. */
  readonly ghosts: boolean;
}

const emptySlot: Slot = { source: { type: 'none' }, status: 'empty', loaded: null, error: null };

export const usePlayers = create<PlayersState>()(() => ({
  a: emptySlot,
  b: emptySlot,
  c: emptySlot,
  d: emptySlot,
  e: emptySlot,
  f: emptySlot,
  g: emptySlot,
  h: emptySlot,
  i: emptySlot,
  shown: ['a'],
  active: 'a',
  maps: {},
  ghosts: false,
}));

/** Where the clock stands in a player's episode, between its frames; 0 where it shows none. */
export function positionIn(name: SlotName, time = clock.state.time): number {
  const { [name]: slot, maps } = usePlayers.getState();
  if (!slot.loaded) return 0;
  const { length, controlDt } = slot.loaded;
  const map = maps[name];
  return map ? Math.min(length, Math.max(0, map.frameAt(time))) : framePosition(time, controlDt, length);
}

/**
 * When the clock shows a frame of a player (the inverse of `positionIn`): where its curves, bands and marks stand on the clock's
 * axis. Frames that no time shows lie where the alignment meets them first; 0 where the player shows no episode.
 */
export function clockTimeOf(name: SlotName, frame: number): number {
  const { [name]: slot, maps } = usePlayers.getState();
  if (!slot.loaded) return 0;
  return maps[name]?.timeAt(frame) ?? frame * slot.loaded.controlDt;
}

/** The newest whole frame of a player's episode at this time. */
export function frameIn(name: SlotName, time = clock.state.time): number {
  const { [name]: slot } = usePlayers.getState();
  return slot.loaded ? frameIndex(positionIn(name, time), 1, slot.loaded.length) : 0;
}

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

/** No view that the CPU draws has a picture under way. */
export const isStageDrawn = (): boolean => [...paces].every((isDrawn) => isDrawn());

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

/** A few episodes more than are on screen are kept, so that going back and forth costs nothing. */
const cache = new Map<number, LoadedEpisode>();
const cacheSize = 18;

async function fetchEpisode(id: number): Promise<LoadedEpisode> {
  const known = cache.get(id);
  if (known) {
    cache.delete(id);
    cache.set(id, known);
    return known;
  }
  const opened = await lab.episodes.open({ id });
  const loaded = loadEpisode(opened, opened.data);
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

/** The clock runs until the last player shows its last frame. */
function fitClock(): void {
  const state = usePlayers.getState();
  const duration = Math.max(...state.shown.map((name) => clockTimeOf(name, state[name].loaded?.length ?? 0)));
  if (duration !== clock.state.duration) clock.dispatch({ type: 'duration', duration });
}

const wanted: Record<SlotName, number> = { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0, i: 0 };

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
    setSlot(name, { status: 'failed', error: messageOf(error) });
  }
}

/**
 * Opens a stored episode. A clock that was stopped at a moment stays at that moment, so that the same moment of several
 * episodes can be looked at one after the other; else the episode plays from its frame 0.
 */
export function openEpisode(name: SlotName, id: number, start?: 'keep' | 'zero'): Promise<void> {
  const isInspecting = clock.state.mode === 'paused' && clock.state.time > 0;
  setSlot(name, { source: { type: 'episode', id } });
  showSlot(name);
  return show(name, id, start ?? (isInspecting ? 'keep' : 'zero'));
}

/** An episode that is being driven, as far as it is; the clock stands at its newest frame. */
export function showDriven(name: SlotName, loaded: LoadedEpisode): void {
  wanted[name]++;
  setSlot(name, { status: 'ready', loaded, error: null });
  fitClock();
  if (clock.state.mode === 'playing') clock.dispatch({ type: 'pause' });
  clock.dispatch({ type: 'seek', time: clockTimeOf(name, loaded.length) });
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

/** Puts a player on screen, in the order of their letters. */
function showSlot(name: SlotName): void {
  const { shown } = usePlayers.getState();
  if (!shown.includes(name)) usePlayers.setState({ shown: [...shown, name].sort() });
}

/** Several side by side (those that were before, else an empty B), or only the first. */
export function setCompare(compare: boolean): void {
  if (compare) {
    const state = usePlayers.getState();
    const shown = slotNames.filter((name) => name === 'a' || state[name].source.type !== 'none');
    usePlayers.setState({ shown: shown.length > 1 ? shown : ['a', 'b'] });
  } else usePlayers.setState({ shown: ['a'], active: 'a', maps: {} });
  fitClock();
}

/** The player that the next episode goes into: an empty one on screen, else the next letter; null when all are taken. */
export function freeSlot(): SlotName | null {
  const state = usePlayers.getState();
  return (
    state.shown.find((name) => state[name].source.type === 'none') ??
    slotNames.find((name) => !state.shown.includes(name)) ??
    null
  );
}

/** Opens an episode beside those on screen; one that is there already becomes the active one. */
export async function addEpisode(id: number): Promise<void> {
  const state = usePlayers.getState();
  const there = state.shown.find((name) => {
    const { source } = state[name];
    return source.type === 'episode' && source.id === id;
  });
  if (there) return setActive(there);
  const free = freeSlot();
  if (free) return openEpisode(free, id);
  notifications.show({
    title: `Episode ${id} was not opened`,
    message: `${slotNames.length} episodes at a time are the most; close one first.`,
    color: 'yellow',
  });
}

/** Puts an empty player on screen. */
export function addPlayer(): void {
  const free = freeSlot();
  if (free) showSlot(free);
}

export function setActive(name: SlotName): void {
  if (usePlayers.getState().shown.includes(name)) usePlayers.setState({ active: name });
}

/** The next (1) or previous (-1) player on screen becomes the active one, round and round. */
export function cycleActive(direction: 1 | -1): void {
  const { shown, active } = usePlayers.getState();
  usePlayers.setState({ active: shown.at((shown.indexOf(active) + direction) % shown.length)! });
}

/** Takes a player off the screen and empties it. The last one stays, and there is always an A: the next takes its place. */
export function closeSlot(name: SlotName): void {
  const { shown, active } = usePlayers.getState();
  if (shown.length === 1 || !shown.includes(name)) return;
  if (name === shown[0]) {
    exchange(name, shown[1]!);
    // The active one stays active, whatever its letter is now.
    if (active === shown[1]) usePlayers.setState({ active: name });
    return closeSlot(shown[1]!);
  }
  wanted[name]++;
  const rest = shown.filter((one) => one !== name);
  usePlayers.setState(
    ({ maps: { [name]: _, ...maps } }) =>
      ({
        [name]: emptySlot,
        shown: rest,
        active: rest.includes(usePlayers.getState().active) ? usePlayers.getState().active : rest[0]!,
        maps,
      }) as Partial<PlayersState>,
  );
  fitClock();
}

/** The active player changes places with the first, the first with the second. */
export function swapPlayers(): void {
  const { shown, active } = usePlayers.getState();
  const other = active === shown[0] ? (shown[1] ?? 'b') : active;
  exchange(shown[0]!, other);
}

function exchange(one: SlotName, other: SlotName): void {
  // Only A follows a run; what goes to another letter stays on its episode.
  stopFollowing();
  usePlayers.setState((state) => {
    const { [one]: _, [other]: __, ...maps } = state.maps;
    return { [one]: state[other], [other]: state[one], maps } as Partial<PlayersState>;
  });
  // What is still on its way comes to where it is wanted now.
  for (const name of [one, other]) {
    wanted[name]++;
    const { source, status } = usePlayers.getState()[name];
    if (status === 'loading' && source.type === 'episode') void show(name, source.id, 'keep');
  }
}

/** Another way of laying the episodes beside each other. */
export function setMaps(maps: PlayersState['maps']): void {
  usePlayers.setState({ maps });
  fitClock();
}

/** The player whose frames and events the keys go by: the active one, else the first that has an episode. */
export function countedPlayer(): SlotName | null {
  const state = usePlayers.getState();
  return [state.active, ...state.shown].find((name) => state[name].loaded !== null) ?? null;
}

/** The control step that arrow keys move by; of the player whose seconds the clock counts where they are aligned in another way. */
export function stepSeconds(): number {
  const state = usePlayers.getState();
  const counted = countedPlayer();
  const name = counted && state.maps[counted] ? state.shown[0]! : counted;
  return (name && state[name].loaded?.controlDt) ?? 0.05;
}
