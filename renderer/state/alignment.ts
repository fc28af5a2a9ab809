/**
 * How the episodes on screen are laid beside each other. The clock counts the seconds of the first player; this says which frame of
 * each other one belongs to them, again whenever another episode comes on. Long paths are searched in pieces between the pictures.
 */

import { create } from 'zustand';
import {
  type AlignMode,
  type Alignment,
  type Anchor,
  alignByStages,
  alignBySteps,
  type Course,
  coursesOf,
  mapOf,
  type Warping,
  warp,
  warpNow,
} from './align.ts';
import type { LoadedEpisode } from './opened.ts';
import { type FrameMap, type SlotName, setMaps, usePlayers } from './players.ts';

/** The first player's frames beside those of another. */
export interface Pairing {
  readonly alignment: Alignment;
  /** Moments that both have; none where frames are matched in another way. */
  readonly anchors: readonly Anchor[];
  readonly path: { readonly warping: Warping; readonly courses: readonly [Course, Course] } | null;
}

export interface AlignmentState {
  readonly mode: AlignMode;
  /** By the other player; none by seconds. */
  readonly pairings: Partial<Readonly<Record<SlotName, Pairing>>>;
  /** Those whose path is being searched. */
  readonly searching: readonly SlotName[];
  /** Those that have no body in common with the first. */
  readonly unlike: readonly SlotName[];
}

export const useAlignment = create<AlignmentState>()(() => ({
  mode: 'seconds',
  pairings: {},
  searching: [],
  unlike: [],
}));

/** Frames of an episode beyond which its path is searched in pieces. */
const mostAtOnce = 2000;
/** Milliseconds of a piece. */
const piece = 8;

/** Forgotten with their episodes. */
const known = new WeakMap<LoadedEpisode, WeakMap<LoadedEpisode, Pairing | null>>();

let turn = 0;

export function setAlignMode(mode: AlignMode): void {
  useAlignment.setState({ mode });
  alignAgain();
}

/** Finds what belongs together anew; what is still searched from before is dropped. */
function alignAgain(): void {
  const mine = ++turn;
  const { mode } = useAlignment.getState();
  const state = usePlayers.getState();
  const [first, ...others] = state.shown;
  const a = state[first!].loaded;
  const pairings: Partial<Record<SlotName, Pairing>> = {};
  const searching: SlotName[] = [];
  const unlike: SlotName[] = [];
  for (const name of others) {
    const b = state[name].loaded;
    if (mode === 'seconds' || !a || !b) continue;
    const pairing = pairingOf(mode, a, b);
    if (pairing === 'long') searching.push(name);
    else if (pairing) pairings[name] = pairing;
    else unlike.push(name);
  }
  show({ mode, pairings, searching, unlike }, a);
  if (a) void search(searching, a, mine);
}

function show(next: AlignmentState, a: LoadedEpisode | null): void {
  useAlignment.setState(next);
  const names = Object.keys(next.pairings) as SlotName[];
  const maps: Partial<Record<SlotName, FrameMap>> = next.mode === 'seconds' ? lateStarts() : {};
  for (const name of names) maps[name] = mapOf(next.pairings[name]!.alignment, a!.controlDt);
  if (Object.keys(maps).length > 0 || Object.keys(usePlayers.getState().maps).length > 0) setMaps(maps);
}

/** By seconds an episode that began in an edited frame of another one stands beside that frame. */
function lateStarts(): Partial<Record<SlotName, FrameMap>> {
  const state = usePlayers.getState();
  const begins = (name: SlotName): number => {
    const { loaded } = state[name];
    return loaded ? (loaded.episode.fork?.edited?.steps ?? 0) * loaded.controlDt : Number.POSITIVE_INFINITY;
  };
  const first = Math.min(...state.shown.map(begins));
  const maps: Partial<Record<SlotName, FrameMap>> = {};
  for (const name of state.shown) {
    const late = begins(name) - first;
    const { loaded } = state[name];
    if (!loaded || !(late > 0)) continue;
    const dt = loaded.controlDt;
    maps[name] = { frameAt: (time) => (time - late) / dt, timeAt: (frame) => late + frame * dt };
  }
  return maps;
}

/** Null where there is nothing in common, `long` where it has to be searched first. */
function pairingOf(
  mode: Exclude<AlignMode, 'seconds'>,
  a: LoadedEpisode,
  b: LoadedEpisode,
): Pairing | null | 'long' {
  switch (mode) {
    case 'step':
      return { alignment: alignBySteps(a, b), anchors: [], path: null };
    case 'stages':
      return { ...alignByStages(a, b), path: null };
    case 'path': {
      const found = known.get(a)?.get(b);
      if (found !== undefined) return found;
      if (Math.max(a.length, b.length) > mostAtOnce) return 'long';
      const courses = coursesOf(a, b);
      return keep(a, b, courses && pairingBy(warpNow(...courses), courses));
    }
  }
}

const pairingBy = (warping: Warping, courses: readonly [Course, Course]): Pairing => ({
  alignment: warping.alignment,
  anchors: [],
  path: { warping, courses },
});

function keep(a: LoadedEpisode, b: LoadedEpisode, pairing: Pairing | null): Pairing | null {
  const mine = known.get(a) ?? new WeakMap<LoadedEpisode, Pairing | null>();
  known.set(a, mine.set(b, pairing));
  return pairing;
}

/** One after another, with the window's own work in between. */
async function search(names: readonly SlotName[], a: LoadedEpisode, mine: number): Promise<void> {
  for (const name of names) {
    const b = usePlayers.getState()[name].loaded;
    if (!b) continue;
    const courses = coursesOf(a, b);
    let pairing: Pairing | null = null;
    if (courses) {
      const work = warp(...courses);
      let step = work.next();
      while (!step.done) {
        const until = performance.now() + piece;
        while (!step.done && performance.now() < until) step = work.next();
        await new Promise((resolve) => setTimeout(resolve));
        if (mine !== turn) return;
      }
      pairing = pairingBy(step.value, courses);
    }
    keep(a, b, pairing);
    const state = useAlignment.getState();
    show(
      {
        ...state,
        pairings: pairing ? { ...state.pairings, [name]: pairing } : state.pairings,
        searching: state.searching.filter((one) => one !== name),
        unlike: pairing ? state.unlike : [...state.unlike, name],
      },
      a,
    );
  }
}

usePlayers.subscribe((state, before) => {
  const isSame =
    state.shown === before.shown && state.shown.every((name) => state[name].loaded === before[name].loaded);
  if (!isSame) alignAgain();
});

/** What the clock counts, in words; `letter` is that of the first player. */
export function clockMeaning(mode: AlignMode, letter: string): string {
  switch (mode) {
    case 'seconds':
      return 'The clock counts seconds since frame 0 of each episode; one that began in an edited frame of another stands beside that frame.';
    case 'step':
      return `The clock counts the seconds of ${letter}; the others show the frame of the same number.`;
    case 'stages':
      return `The clock counts the seconds of ${letter}; the others are stretched so that they enter their stages with it.`;
    case 'path':
      return `The clock counts the seconds of ${letter}; the others show the frame at which things stand most alike, never going back.`;
  }
}
