/**
 * The state probe of the window: a recorded frame, opened for editing, and what rewards, models and the truth say of the edited
 * state. Asks the lab for the newest state only, however fast it changes. Every edit is one step of undo.
 */

import { create } from 'zustand';
import type { ProbeEvaluated, ProbeHandle, ProbeOpened, ProbeRange, ProbeStep } from '../../lab/api.ts';
import { unpack } from '../../lab/pack.ts';
import { lab } from '../lab.ts';
import {
  type Axis,
  elementName,
  type FieldPlace,
  fieldPlace,
  lastChoice,
  type Point,
  reachOf,
  unitOf,
} from './edits.ts';
import { remember } from './history.ts';
import { messageOf } from './message.ts';
import { clock, clockTimeOf, frameIn, openEpisode, type SlotName, usePlayers } from './players.ts';

/** A frame that was opened. */
export interface Session {
  readonly slot: SlotName;
  readonly episodeId: number;
  readonly frame: number;
  readonly opened: ProbeOpened;
}

export type FieldPlane = 'xy' | 'xz' | 'yz' | 'free';

export interface FieldChoice {
  readonly isOn: boolean;
  readonly quantity: string | null;
  /** Taken away from it. */
  readonly minus: string | null;
  /** Each by its own range in the field; else as they are. */
  readonly normalise: boolean;
  /** The body that is moved about. */
  readonly handle: string | null;
  readonly plane: FieldPlane;
  /** Axes of a plane that is no plane of the world. */
  readonly free: readonly [number, number] | null;
  /** Half of the range of both axes, in units of the first; null: by its unit. */
  readonly reach: number | null;
  readonly count: number;
  readonly map: boolean;
  readonly lines: boolean;
  readonly arrows: boolean;
  readonly surface: boolean;
  /** Where between the least and the largest value the surface lies. */
  readonly level: number;
}

export interface FieldFound {
  readonly quantity: string;
  readonly minus: string | null;
  readonly normalise: boolean;
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** [depth, height, width], NaN where the state was refused. */
  readonly values: Float32Array;
  /** [depth, height, width, axes] */
  readonly gradient: Float32Array;
  readonly low: number;
  readonly high: number;
  readonly ranges: readonly { readonly quantity: string; readonly low: number; readonly high: number }[];
  readonly refused: number;
  readonly why: string | null;
  readonly milliseconds: number;
  readonly axes: readonly ProbeRange[];
  /** Where it lies in the world; null where its axes are none of the world's. */
  readonly place: FieldPlace | null;
}

export interface SweepChoice {
  readonly element: number | null;
  readonly from: number;
  readonly to: number;
  readonly quantities: readonly string[];
}

export interface SweepFound {
  readonly element: number;
  readonly at: readonly number[];
  readonly curves: readonly { readonly quantity: string; readonly values: readonly (number | null)[] }[];
  readonly refused: number;
  readonly why: string | null;
}

export interface ProbeState {
  /** The probe was asked for: it goes along with the paused clock. */
  readonly isOn: boolean;
  readonly session: Session | null;
  /** The edited state; the recorded one where nothing was edited. */
  readonly state: readonly number[] | null;
  readonly evaluated: ProbeEvaluated | null;
  readonly recorded: ProbeEvaluated | null;
  /** The clock stands elsewhere; an edit is kept. */
  readonly isParked: boolean;
  readonly isOpening: boolean;
  readonly error: string | null;
  readonly step: ProbeStep;
  /** The handle that has the focus. */
  readonly held: string | null;
  readonly field: FieldChoice;
  readonly found: FieldFound | null;
  readonly solid: FieldFound | null;
  readonly fieldError: string | null;
  readonly sweep: SweepChoice;
  readonly swept: SweepFound | null;
  readonly sweepError: string | null;
}

const noField: FieldChoice = {
  isOn: false,
  quantity: null,
  minus: null,
  normalise: false,
  handle: null,
  plane: 'xy',
  free: null,
  reach: null,
  count: 64,
  map: true,
  lines: true,
  arrows: false,
  surface: false,
  level: 0.5,
};

const closed = {
  isOn: false,
  session: null,
  state: null,
  evaluated: null,
  recorded: null,
  isParked: false,
  isOpening: false,
  error: null,
  held: null,
  found: null,
  solid: null,
  fieldError: null,
  swept: null,
  sweepError: null,
} as const;

export const useProbe = create<ProbeState>()(() => ({
  ...closed,
  step: 'recorded',
  field: noField,
  sweep: { element: null, from: 0, to: 0, quantities: [] },
}));

/** Does one thing at a time; of what is asked for meanwhile only the newest is done. */
class Newest {
  private stop: AbortController | null = null;
  private next: ((signal: AbortSignal) => Promise<void>) | null = null;

  ask(work: (signal: AbortSignal) => Promise<void>): void {
    this.next = work;
    if (!this.stop) void this.run();
  }

  drop(): void {
    this.next = null;
    this.stop?.abort();
  }

  private async run(): Promise<void> {
    while (this.next) {
      const work = this.next;
      this.next = null;
      this.stop = new AbortController();
      await work(this.stop.signal);
      this.stop = null;
    }
  }
}

const evaluations = new Newest();
const records = new Newest();
const fields = new Newest();
const solids = new Newest();
const sweeps = new Newest();

export function isEditedState({ session, state }: Pick<ProbeState, 'session' | 'state'>): boolean {
  return (
    session !== null && state !== null && session.opened.state.some((value, i) => !Object.is(value, state[i]))
  );
}

/** Whether what stands on a stage is no recorded moment. */
export function isEdited(slot: SlotName): boolean {
  const probe = useProbe.getState();
  return probe.session?.slot === slot && !probe.isParked && isEditedState(probe);
}

// ---------------------------------------------------------------------------------------------------------------------
// Opening, going along with the clock, leaving

/** Opens the frame at hand, or closes the probe. */
export function toggleProbe(): void {
  if (useProbe.getState().isOn) closeProbe();
  else startProbe();
}

export function startProbe(): void {
  clock.dispatch({ type: 'pause' });
  useProbe.setState({ isOn: true });
  followClock();
}

export function closeProbe(): void {
  for (const one of [evaluations, records, fields, solids, sweeps]) one.drop();
  opening++;
  useProbe.setState({ ...closed });
}

let opening = 0;

interface Moment {
  readonly slot: SlotName;
  readonly episodeId: number;
  readonly frame: number;
}

function momentAtHand(): Moment | null {
  const players = usePlayers.getState();
  const slot = players.active;
  const { loaded } = players[slot];
  return loaded ? { slot, episodeId: loaded.episode.id, frame: frameIn(slot) } : null;
}

const isSame = (a: Moment, b: Moment): boolean => a.episodeId === b.episodeId && a.frame === b.frame;

/** Opens a frame, with a state other than the recorded one where somebody comes back to it. */
async function open(moment: Moment, state?: readonly number[]): Promise<void> {
  const ticket = ++opening;
  useProbe.setState({ isOpening: true, error: null });
  try {
    const { episodeId, frame } = moment;
    const opened = await lab.probe.open({ episodeId, frame });
    const { step, session: before } = useProbe.getState();
    if (ticket !== opening) return;
    const isNews = before?.episodeId !== episodeId;
    const recorded = await lab.probe.evaluate({ episodeId, frame, state: opened.state, step });
    if (ticket !== opening) return;
    useProbe.setState((probe) => ({
      session: { ...moment, opened },
      state: state ?? opened.state,
      recorded,
      evaluated: state ? null : recorded,
      isParked: false,
      isOpening: false,
      field: fittingField(probe.field, opened),
      sweep: isNews ? firstSweep(opened) : probe.sweep,
      held: opened.handles.some(({ id }) => id === probe.held) ? probe.held : null,
    }));
    if (state) evaluate();
    askField();
    askSweep();
  } catch (error) {
    if (ticket === opening) useProbe.setState({ isOpening: false, error: messageOf(error) });
  }
}

let settle: ReturnType<typeof setTimeout> | undefined;

/** Goes to the frame at hand; an edit stays where it was made, and waits. */
function followClock(): void {
  const probe = useProbe.getState();
  if (!probe.isOn) return;
  clearTimeout(settle);
  const moment = momentAtHand();
  const { session } = probe;
  if (!moment) {
    if (session) useProbe.setState({ isParked: true });
    return;
  }
  if (session && isSame(session, moment) && clock.state.mode !== 'playing') {
    // Also in another player that shows this episode.
    useProbe.setState({
      isParked: false,
      ...(session.slot === moment.slot ? {} : { session: { ...session, slot: moment.slot } }),
    });
    return;
  }
  if (session && !probe.isParked) useProbe.setState({ isParked: true });
  if (session && isEditedState(probe)) return;
  if (clock.state.mode === 'playing') return;
  if (!session && !probe.isOpening) {
    void open(moment);
    return;
  }
  settle = setTimeout(() => {
    const now = momentAtHand();
    if (now && useProbe.getState().isOn && !isEditedState(useProbe.getState())) void open(now);
  }, 120);
}

clock.subscribe(followClock);
usePlayers.subscribe((players, before) => {
  if (players.active !== before.active || players[players.active].loaded !== before[players.active].loaded)
    followClock();
});

/** Seeks to where the edit was made. */
export async function comeBack(): Promise<void> {
  const { session } = useProbe.getState();
  if (session) await goTo(session);
}

async function goTo({ slot, episodeId, frame }: Moment): Promise<void> {
  const players = usePlayers.getState();
  const there = [slot, ...players.shown].find(
    (name) => players.shown.includes(name) && players[name].loaded?.episode.id === episodeId,
  );
  const target = there ?? players.active;
  clock.dispatch({ type: 'pause' });
  if (!there) await openEpisode(target, episodeId, 'keep');
  usePlayers.setState({ active: target });
  clock.dispatch({ type: 'seek', time: clockTimeOf(target, frame) });
}

/** Forgets an edit that waits and opens the frame at hand. */
export function leaveEdit(): void {
  reset();
  followClock();
}

// ---------------------------------------------------------------------------------------------------------------------
// Edits

interface Snapshot extends Moment {
  readonly state: readonly number[];
}

function snapshot(): Snapshot | null {
  const { session, state } = useProbe.getState();
  return session && state
    ? { slot: session.slot, episodeId: session.episodeId, frame: session.frame, state }
    : null;
}

/** Another state, as a part of an edit that is still going on. */
export function showState(state: readonly number[]): void {
  useProbe.setState({ state });
  evaluate();
  askField();
  askSweep();
}

/** What an undo brings back, also after the clock has gone on. */
async function bringBack(wanted: Snapshot): Promise<void> {
  const { session, isOn } = useProbe.getState();
  if (isOn && session && isSame(session, wanted)) {
    showState(wanted.state);
    await goTo(wanted);
    return;
  }
  useProbe.setState({ isOn: true, session: null, state: null });
  await goTo(wanted);
  await open({ ...wanted, slot: usePlayers.getState().active }, wanted.state);
}

/** An edit that has come to its end, from the state before it. */
export function rememberEdit(title: string, before: readonly number[]): void {
  const after = snapshot();
  if (!after || before.every((value, i) => Object.is(value, after.state[i]))) return;
  remember({
    title,
    undo: () => bringBack({ ...after, state: before }),
    redo: () => bringBack(after),
  });
}

export function edit(title: string, state: readonly number[]): void {
  const before = useProbe.getState().state;
  if (!before) return;
  showState(state);
  rememberEdit(title, before);
}

/** Back to the recorded frame. */
export function reset(): void {
  const { session } = useProbe.getState();
  if (session) edit('reset to the recorded frame', session.opened.state);
}

export function setStep(step: ProbeStep): void {
  const { session } = useProbe.getState();
  useProbe.setState({ step });
  if (!session) return;
  const { episodeId, frame, opened } = session;
  records.ask(async () => {
    try {
      const recorded = await lab.probe.evaluate({ episodeId, frame, state: opened.state, step });
      if (useProbe.getState().session === session) useProbe.setState({ recorded });
    } catch (error) {
      useProbe.setState({ error: messageOf(error) });
    }
  });
  evaluate();
  askField();
  askSweep();
}

function evaluate(): void {
  evaluations.ask(async () => {
    const { session, state, step } = useProbe.getState();
    if (!session || !state) return;
    const { episodeId, frame } = session;
    const isCurrent = (): boolean => {
      const now = useProbe.getState();
      return now.session?.episodeId === episodeId && now.session.frame === frame;
    };
    try {
      const evaluated = await lab.probe.evaluate({ episodeId, frame, state: [...state], step });
      if (isCurrent()) useProbe.setState({ evaluated, error: null });
    } catch (error) {
      // Nothing is shown of a state that no episode can have.
      if (isCurrent()) useProbe.setState({ evaluated: null, error: messageOf(error) });
    }
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Fields

/** Handles whose body goes along two axes of the world. */
export const planarHandles = (handles: readonly ProbeHandle[]): ProbeHandle[] =>
  handles.filter(({ moves }) => moves.length > 1);

/** A choice that means something in this episode. */
function fittingField(field: FieldChoice, opened: ProbeOpened): FieldChoice {
  const able = opened.quantities.filter(({ missing }) => missing === null);
  const has = (id: string | null): boolean => able.some((one) => one.id === id);
  const model = opened.models.findLast(({ missing, baseline }) => missing === null && !baseline);
  const planar = planarHandles(opened.handles);
  const objects = planar.find(({ title }) => /block|puck|thing|peg|ball/.test(title)) ?? planar[0];
  const handle = planar.find(({ id }) => id === field.handle) ?? objects;
  const allowed = planesOf(handle);
  const turners = opened.handles.flatMap(({ turn, slide }) =>
    turn?.kind === 'angle' ? [turn.element] : slide ? [slide.element] : [],
  );
  const free = field.free?.every((element) => element < opened.state.length) ? field.free : null;
  const first = turners[0] ?? 1;
  const second = turners[1] ?? (first + 1 < opened.state.length ? first + 1 : 1);
  return {
    ...field,
    quantity: has(field.quantity) ? field.quantity : model ? `model/${model.id}` : 'progress',
    minus: has(field.minus) ? field.minus : null,
    handle: handle?.id ?? null,
    plane: allowed.includes(field.plane) ? field.plane : allowed[0]!,
    free: free ?? [first, second],
  };
}

/** Planes in which a body can be moved. */
export function planesOf(handle: ProbeHandle | undefined): FieldPlane[] {
  const has = (axis: Axis): boolean => handle?.moves.some((move) => move.axis === axis) ?? false;
  const planes = (['xy', 'xz', 'yz'] as const).filter((plane) =>
    [...plane].every((axis) => has(axis as Axis)),
  );
  return [...planes, 'free'];
}

export const handleOf = ({
  session,
  field,
}: Pick<ProbeState, 'session' | 'field'>): ProbeHandle | undefined =>
  session?.opened.handles.find(({ id }) => id === field.handle);

/** The element that moves across the plane: the slice; null where there is none. */
export function sliceOf(probe: Pick<ProbeState, 'session' | 'field'>): number | null {
  const { plane } = probe.field;
  if (plane === 'free') return null;
  return handleOf(probe)?.moves.find(({ axis }) => !plane.includes(axis))?.element ?? null;
}

/** Axes of the field: round the recorded place of the body, so that the field stays while the body is dragged through it. */
function rangesOf(probe: ProbeState, count: number): ProbeRange[] | null {
  const { session, field } = probe;
  if (!session) return null;
  const { opened } = session;
  const elements =
    field.plane === 'free'
      ? field.free
      : [...field.plane].map(
          (axis) => handleOf(probe)?.moves.find((move) => move.axis === axis)?.element ?? -1,
        );
  if (!elements || elements.includes(-1)) return null;
  const first = reachOf(unitOf(opened.layout, elements[0]!));
  return elements.map((element) => {
    const middle = opened.state[element]!;
    const reach = (field.reach ?? first) * (reachOf(unitOf(opened.layout, element)) / first);
    return { element, from: middle - reach, to: middle + reach, count };
  });
}

/** Where a body is, by the poses of an evaluation. */
export const bodyAt = (evaluated: ProbeEvaluated, body: number): Point => [
  evaluated.poses[body * 7]!,
  evaluated.poses[body * 7 + 1]!,
  evaluated.poses[body * 7 + 2]!,
];

let fieldKey = '';
let solidKey = '';

function askField(): void {
  const probe = useProbe.getState();
  const { session, state, field, step } = probe;
  if (!session || !state || !field.isOn || !field.quantity) {
    fields.drop();
    solids.drop();
    fieldKey = '';
    solidKey = '';
    if (probe.found || probe.solid) useProbe.setState({ found: null, solid: null, fieldError: null });
    return;
  }
  const flat = rangesOf(probe, field.count);
  if (!flat) return;
  const keyOf = (axes: readonly ProbeRange[]): string => {
    const own = new Set(axes.map(({ element }) => element));
    const rest = state.map((value, i) => (own.has(i) ? 0 : value));
    const { quantity, minus, normalise } = field;
    return JSON.stringify([session.episodeId, session.frame, rest, axes, quantity, minus, normalise, step]);
  };
  const key = keyOf(flat);
  if (key !== fieldKey) {
    fieldKey = key;
    fields.ask((signal) => fetchField(flat, signal, 'found'));
  }
  const slice = sliceOf(probe);
  if (!field.surface || slice === null) {
    solidKey = '';
    solids.drop();
    if (probe.solid) useProbe.setState({ solid: null });
    return;
  }
  const coarse = rangesOf(probe, 28)!;
  const middle = session.opened.state[slice]!;
  const reach = (coarse[0]!.to - coarse[0]!.from) / 2;
  const solid = [...coarse, { element: slice, from: middle - reach * 0.4, to: middle + reach, count: 20 }];
  const hard = keyOf(solid);
  if (hard === solidKey) return;
  solidKey = hard;
  solids.ask((signal) => fetchField(solid, signal, 'solid'));
}

async function fetchField(
  axes: readonly ProbeRange[],
  signal: AbortSignal,
  to: 'found' | 'solid',
): Promise<void> {
  const probe = useProbe.getState();
  const { session, state, field, step } = probe;
  if (!session || !state || !field.quantity) return;
  const { episodeId, frame } = session;
  const { quantity, minus, normalise } = field;
  const [x, y, z] = axes;
  try {
    const found = await lab.probe.field(
      {
        episodeId,
        frame,
        state: [...state],
        step,
        quantity,
        ...(minus === null ? {} : { minus }),
        normalise,
        x: x!,
        y: y!,
        ...(z ? { z } : {}),
      },
      { signal },
    );
    const { data, low, high, ...rest } = found;
    const arrays = unpack(data);
    const now = useProbe.getState();
    if (signal.aborted || now.session !== session || !now.field.isOn) return;
    if (low === null || high === null) {
      useProbe.setState({ [to]: null, fieldError: `No state of this field can be had: ${found.why}` });
      return;
    }
    const handle = handleOf(probe);
    useProbe.setState({
      [to]: {
        ...rest,
        quantity,
        minus,
        normalise,
        low,
        high,
        values: arrays['values'] as Float32Array,
        gradient: arrays['gradient'] as Float32Array,
        axes,
        place:
          handle && probe.recorded
            ? fieldPlace(session.opened.state, handle, placeOf(handle, probe, axes), axes)
            : null,
      } satisfies FieldFound,
      fieldError: null,
    });
  } catch (error) {
    if (!signal.aborted) useProbe.setState({ [to]: null, fieldError: messageOf(error) });
  }
}

/** Where the body would be at the recorded place in the plane and the edited one across it. */
function placeOf(
  handle: ProbeHandle,
  { session, recorded, state }: ProbeState,
  ranges: readonly ProbeRange[],
): Point {
  const at: [number, number, number] = [...bodyAt(recorded!, handle.body)];
  for (const { axis, element, sign } of handle.moves) {
    if (ranges.some((range) => range.element === element)) continue;
    const k = 'xyz'.indexOf(axis);
    at[k] = at[k]! + sign * (state![element]! - session!.opened.state[element]!);
  }
  return at;
}

export function setField(change: Partial<FieldChoice>): void {
  useProbe.setState((probe) => {
    const field = { ...probe.field, ...change };
    return { field: probe.session ? fittingField(field, probe.session.opened) : field };
  });
  askField();
}

// ---------------------------------------------------------------------------------------------------------------------
// Sweeps

function firstSweep(opened: ProbeOpened): SweepChoice {
  const handle = opened.handles.find(({ moves }) => moves.length > 0);
  const [first] = opened.handles;
  const element = handle?.moves[0]?.element ?? first?.turn?.element ?? first?.places?.elements[0] ?? 1;
  const models = opened.models.filter(({ missing, baseline }) => missing === null && !baseline);
  return {
    ...rangeFor(opened, element),
    quantities: ['progress', ...models.slice(-2).map(({ id }) => `model/${id}`)],
  };
}

/** The range that a number is first swept over. */
export function rangeFor(
  { layout, state }: Pick<ProbeOpened, 'layout' | 'state'>,
  element: number,
): Pick<SweepChoice, 'element' | 'from' | 'to'> {
  const last = lastChoice(unitOf(layout, element));
  if (last !== null) return { element, from: 0, to: last };
  const reach = reachOf(unitOf(layout, element));
  const middle = state[element]!;
  const round = (value: number): number => Number(value.toFixed(3));
  return { element, from: round(middle - reach), to: round(middle + reach) };
}

const sweepPoints = 128;

/** Of a number that chooses among things each one, where both ends are whole. */
function pointsOf({ opened }: Session, element: number, from: number, to: number): number {
  const isChoice = lastChoice(unitOf(opened.layout, element)) !== null;
  const steps = to - from;
  return isChoice && Number.isInteger(from) && Number.isInteger(to) && steps < 512 ? steps + 1 : sweepPoints;
}

function askSweep(): void {
  sweeps.ask(async (signal) => {
    const { session, state, sweep, step } = useProbe.getState();
    const { element, from, to } = sweep;
    if (!session || !state || element === null) return;
    const able = session.opened.quantities.filter(({ missing }) => missing === null);
    const quantities = sweep.quantities.filter((id) => able.some((one) => one.id === id));
    if (quantities.length === 0 || !(from < to)) {
      useProbe.setState({
        swept: null,
        sweepError: quantities.length === 0 ? null : `From ${from} to ${to}: wanted the lower number first`,
      });
      return;
    }
    const { episodeId, frame } = session;
    try {
      const found = await lab.probe.sweep(
        {
          episodeId,
          frame,
          state: [...state],
          step,
          range: { element, from, to, count: pointsOf(session, element, from, to) },
          quantities,
        },
        { signal },
      );
      if (useProbe.getState().session === session)
        useProbe.setState({ swept: { element, ...found }, sweepError: null });
    } catch (error) {
      if (!signal.aborted) useProbe.setState({ swept: null, sweepError: messageOf(error) });
    }
  });
}

export function setSweep(change: Partial<SweepChoice>): void {
  useProbe.setState(({ sweep }) => ({ sweep: { ...sweep, ...change } }));
  askSweep();
}

/** What an edit of one number is called after "Undo". */
export const titleOf = (session: Session, element: number): string =>
  `${elementName(session.opened.layout, element)} of frame ${session.frame}`;

export const titleOfQuantity = ({ opened }: Session, id: string): string =>
  opened.quantities.find((one) => one.id === id)?.title ?? id;

export function titleOfField(
  session: Session,
  { quantity, minus, normalise }: Pick<FieldFound, 'quantity' | 'minus' | 'normalise'>,
): string {
  const of = (id: string): string => titleOfQuantity(session, id);
  const how = normalise ? ', each by its own range' : '';
  return minus === null
    ? of(quantity) + (normalise ? ', by its own range' : '')
    : `${of(quantity)} less ${of(minus)}${how}`;
}
