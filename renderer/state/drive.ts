/** Driving by keys: the session with the lab, the keys that are down, and the episode as it grows in its player. */

import { create } from 'zustand';
import type { DriveFrame, DriveKey, ForkActor, ForkReward } from '../../lab/api.ts';
import { type PackedArray, unpack } from '../../lab/pack.ts';
import { lab } from '../lab.ts';
import { showBeside, useForks } from './forks.ts';
import { messageOf } from './message.ts';
import { type LoadedEpisode, loadEpisode } from './opened.ts';
import { openEpisode, type SlotName, setActive, showDriven } from './players.ts';

export interface DriveState {
  readonly session: string;
  readonly slot: SlotName;
  /** The episode that was left. */
  readonly parent: number;
  /** The frame at which the driver took over: 0 of an edited state. */
  readonly frame: number;
  readonly keys: readonly DriveKey[];
  readonly waits: boolean;
  readonly horizon: number;
  /** `paused`: nothing moves; `keys`: the driver does; `other`: `by` does. */
  readonly mode: 'paused' | 'keys' | 'other';
  readonly by: ForkActor | null;
  /** Share of the real pace. */
  readonly rate: number;
  readonly loaded: LoadedEpisode;
  readonly action: readonly number[];
  readonly down: ReadonlySet<string>;
  readonly returnTotal: number;
  readonly ending: DriveFrame['ending'];
  readonly success: boolean;
  readonly mark: 'success' | 'failure' | null;
  readonly error: string | null;
  readonly finishing: boolean;
}

/** Null while nobody drives. */
export const useDrive = create<{ readonly drive: DriveState | null }>()(() => ({ drive: null }));

const now = (): DriveState | null => useDrive.getState().drive;
function change(patch: Partial<DriveState>): void {
  useDrive.setState(({ drive }) => (drive ? { drive: { ...drive, ...patch } } : {}));
}

/** Keys tapped since the last step: they count even where they are up again. */
const tapped = new Set<string>();
/** A step is on its way. */
let isStepping = false;

type Joinable = Float32Array | Float64Array | Uint8Array;
function join<A extends Joinable>(one: A, more: PackedArray | undefined): A {
  if (more === undefined) return one;
  const out = new (one.constructor as new (n: number) => A)(one.length + more.length);
  out.set(one);
  out.set(more as A, one.length);
  return out;
}

/** The episode with the frames that came. Pure. */
export function grown(
  loaded: LoadedEpisode,
  frame: DriveFrame,
  arrays: Readonly<Record<string, PackedArray>>,
): LoadedEpisode {
  const { controlDt, contact, colours, total } = loaded;
  return {
    ...loaded,
    episode: {
      ...loaded.episode,
      length: frame.frame,
      success: frame.success,
      ending: frame.ending ?? 'truncated',
      returnTotal: frame.returnTotal,
    },
    length: frame.frame,
    duration: frame.frame * controlDt,
    poses: join(loaded.poses, arrays['poses']),
    colours: colours && join(colours, arrays['colours']),
    contact: contact && join(Uint8Array.from(contact), arrays['contact']),
    trueProgress: join(loaded.trueProgress, arrays['trueProgress']),
    trueStage: join(loaded.trueStage, arrays['trueStage']),
    trueSuccess: join(loaded.trueSuccess, arrays['trueSuccess']),
    terms: loaded.terms.map((term) => ({
      ...term,
      raw: join(term.raw, arrays[`reward/${term.id}/raw`]),
      weight: join(term.weight, arrays[`reward/${term.id}/weight`]),
      product: join(term.product, arrays[`reward/${term.id}/product`]),
    })),
    total: total && join(total, arrays['reward/total']),
    learned: loaded.learned.map((one) => ({ ...one, values: join(one.values, arrays[one.key]) })),
  };
}

async function take(frame: DriveFrame): Promise<void> {
  const arrays = unpack(frame.data);
  const drive = now();
  if (drive?.session !== frame.session || frame.from !== drive.loaded.length + 1 || frame.frame < frame.from)
    return;
  const loaded = grown(drive.loaded, frame, arrays);
  const { action, returnTotal, ending, success } = frame;
  change({
    loaded,
    action,
    returnTotal,
    ending,
    success,
    ...(ending === null ? {} : { mode: 'paused' as const, by: null }),
  });
  showDriven(drive.slot, loaded);
}

/** One control step as the mode says, or by the driver where it is paused. */
async function step(): Promise<void> {
  const drive = now();
  if (!drive || isStepping || drive.ending !== null) return;
  isStepping = true;
  const keys = [...new Set([...drive.down, ...tapped])];
  tapped.clear();
  const { session, mode, by } = drive;
  try {
    await take(await lab.drive.step(mode === 'other' && by ? { session, by } : { session, keys }));
  } catch (error) {
    change({ error: messageOf(error), mode: 'paused' });
  } finally {
    isStepping = false;
  }
}

const isMoving = (drive: DriveState | null): drive is DriveState =>
  drive !== null && drive.mode !== 'paused' && drive.ending === null;

let isLooping = false;

/** At the pace of the task, or as fast as the lab answers where that is slower. */
async function loop(): Promise<void> {
  if (isLooping) return;
  isLooping = true;
  try {
    for (;;) {
      const drive = now();
      if (!isMoving(drive)) return;
      const begun = performance.now();
      const steers = drive.keys.some(({ codes }) =>
        codes.some((code) => drive.down.has(code) || tapped.has(code)),
      );
      if (drive.mode === 'other' || !drive.waits || steers) await step();
      const wait = (1000 * drive.loaded.controlDt) / drive.rate - (performance.now() - begun);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
    }
  } finally {
    isLooping = false;
  }
}

export function setMode(mode: DriveState['mode'], by: ForkActor | null = null): void {
  change({ mode, by, error: null });
  void loop();
}

/** Pauses, and takes one control step with the keys that are down. */
export function singleStep(): void {
  change({ mode: 'paused', by: null, error: null });
  void step();
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof Element &&
  target.closest('input, textarea, select, [role="listbox"], [role="dialog"], [role="menu"]') !== null;

const isButton = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('button, a[href]') !== null;

/** While somebody drives the window's own shortcuts are silent: they come after this. */
function onKey(event: KeyboardEvent): void {
  const drive = now();
  if (!drive || isTyping(event.target)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === 'Tab') return;
  // A button that was reached with Tab is pressed as anywhere.
  if (
    (event.key === 'Enter' || event.key === ' ') &&
    isButton(event.target) &&
    event.target === document.activeElement
  )
    if (event.key === 'Enter' || drive.mode !== 'keys') return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.type === 'keyup') {
    const down = new Set(drive.down);
    down.delete(event.code);
    return change({ down });
  }
  if (event.repeat) return;
  if (event.code === 'Escape') return void finishDrive(drive.loaded.length > drive.frame);
  if (event.code === 'KeyP' && !steers(drive, 'KeyP'))
    return setMode(drive.mode === 'paused' ? 'keys' : 'paused');
  if (event.code === 'Period') return singleStep();
  tapped.add(event.code);
  change({ down: new Set(drive.down).add(event.code) });
  // Whoever takes a key takes the wheel.
  if (drive.mode === 'other' && steers(drive, event.code)) setMode('keys');
}

const steers = ({ keys }: DriveState, code: string): boolean =>
  keys.some(({ codes }) => codes.includes(code));

/** Keys that went up elsewhere were not seen. */
function onBlur(): void {
  change({ down: new Set() });
}

function listen(isOn: boolean): void {
  const method = isOn ? 'addEventListener' : 'removeEventListener';
  window[method]('keydown', onKey as EventListener, true);
  window[method]('keyup', onKey as EventListener, true);
  window[method]('blur', onBlur);
}

/** Takes the wheel at a frame of the episode in a player, paused. Resolves to what went wrong; null: nothing. */
export async function startDrive(
  slot: SlotName,
  parent: number,
  frame: number,
  reward: ForkReward,
  state?: readonly number[],
): Promise<string | null> {
  if (now()) return 'Somebody drives already; finish that first';
  try {
    const started = await lab.drive.start({
      episodeId: parent,
      frame,
      reward,
      ...(state ? { state: [...state] } : {}),
    });
    const { session, opened, keys, waits, horizon } = started;
    const loaded = loadEpisode(opened, opened.data);
    tapped.clear();
    useDrive.setState({
      drive: {
        session,
        slot,
        parent,
        frame: loaded.length,
        keys,
        waits,
        horizon,
        mode: 'paused',
        by: null,
        rate: 1,
        loaded,
        action: [],
        down: new Set(),
        returnTotal: opened.episode.returnTotal,
        ending: null,
        success: opened.episode.success,
        mark: null,
        error: null,
        finishing: false,
      },
    });
    listen(true);
    setActive(slot);
    showDriven(slot, loaded);
    (document.activeElement as HTMLElement | null)?.blur();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Ends it: kept as a fork that opens beside its parent, or thrown away. Stays where it cannot be stored. */
export async function finishDrive(keep: boolean): Promise<void> {
  const drive = now();
  if (!drive || drive.finishing) return;
  change({ mode: 'paused', by: null, finishing: true, error: null });
  try {
    const { id } = await lab.drive.finish({ session: drive.session, keep, mark: drive.mark });
    leave(drive);
    await openEpisode(drive.slot, drive.parent, 'keep');
    if (id === null) return;
    useForks.setState(({ version }) => ({ version: version + 1 }));
    await showBeside(id, drive.frame);
  } catch (error) {
    const isGone = messageOf(error).includes('no such session');
    if (isGone) {
      leave(drive);
      await openEpisode(drive.slot, drive.parent, 'keep');
    }
    change({ error: messageOf(error), finishing: false });
  }
}

function leave({ session }: DriveState): void {
  if (now()?.session !== session) return;
  listen(false);
  useDrive.setState({ drive: null });
}

export function setMark(mark: DriveState['mark']): void {
  change({ mark: now()?.mark === mark ? null : mark });
}

export function setRate(rate: number): void {
  change({ rate });
}
