/** From the stage to a file: one picture, or a clip from one moment to another, with progress, and stopped at any time. */

import { stageViews } from '../stage/views.ts';
import type { Scheme } from '../state/colours.ts';
import { type SlotName, usePlayers } from '../state/players.ts';
import { openClip } from './clip.ts';
import { type Burnt, type Composition, compose, release } from './compose.ts';
import { type ClipFormat, fileName, frameTimes, layOut, mostGifBytes, type Rect } from './plan.ts';

export interface Shot {
  readonly slots: readonly SlotName[];
  /** Of the whole picture, pixels. */
  readonly width: number;
  readonly scheme: Scheme;
  readonly transparent: boolean;
  readonly burnt: Burnt;
}

export interface Clip extends Shot {
  readonly format: ClipFormat;
  /** Seconds of the clock. */
  readonly from: number;
  readonly to: number;
  readonly fps: number;
  /** Seconds of the clock for one of the clip. */
  readonly speed: number;
}

export interface Written {
  readonly name: string;
  readonly blob: Blob;
  readonly width: number;
  readonly height: number;
  readonly pictures: number;
}

/** Where the views lie on screen; behind another panel they have no place and get one beside the other. */
function screenRects(slots: readonly SlotName[]): Rect[] {
  const rects = slots.map((name) => stageViews.get(name)?.canvas.getBoundingClientRect());
  if (rects.every((rect) => rect && rect.width > 1 && rect.height > 1))
    return rects.map((rect) => ({ x: rect!.x, y: rect!.y, width: rect!.width, height: rect!.height }));
  const columns = Math.ceil(Math.sqrt(slots.length));
  return slots.map((_, i) => ({
    x: 642 * (i % columns),
    y: 482 * Math.floor(i / columns),
    width: 640,
    height: 480,
  }));
}

/** Pixels that the chosen views take on screen, from edge to edge. */
export function screenWidth(slots: readonly SlotName[]): number {
  const rects = screenRects(slots);
  return Math.round(
    Math.max(...rects.map(({ x, width }) => x + width)) - Math.min(...rects.map(({ x }) => x)),
  );
}

/** Width and height of what a shot will be. */
export function sizeOf(slots: readonly SlotName[], width: number): readonly [number, number] {
  const plan = layOut(screenRects(slots), width);
  return [plan.width, plan.height];
}

function planOf({ slots, width, scheme, transparent, burnt }: Shot): Composition {
  const { cells, ...size } = layOut(screenRects(slots), width);
  const largest = Math.min(...slots.map((name) => stageViews.get(name)?.largestPicture ?? Infinity));
  if (Math.max(...cells.map((cell) => Math.max(cell.width, cell.height))) > largest)
    throw new Error(
      `A picture ${size.width} pixels wide is too large: a view may be at most ${largest} here`,
    );
  return { slots, cells, ...size, scheme, transparent, burnt };
}

function sheet({ width, height }: Composition): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: false });
  if (!context) throw new Error(`A sheet of ${width} x ${height} pixels could not be made`);
  return [canvas, context];
}

const episodesOf = (slots: readonly SlotName[]): { task: string; id: number }[] =>
  slots.flatMap((name) => {
    const episode = usePlayers.getState()[name].loaded?.episode;
    return episode ? [{ task: episode.task, id: episode.id }] : [];
  });

/** A PNG of the moment. */
export async function makePicture(shot: Shot, time: number): Promise<Written> {
  const plan = planOf(shot);
  const [canvas, context] = sheet(plan);
  try {
    compose(context, plan, time);
  } finally {
    release(shot.slots);
  }
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error(`A picture of ${plan.width} x ${plan.height} pixels could not be packed`);
  const name = fileName(episodesOf(shot.slots), `${time.toFixed(2)}s`, 'png');
  return { name, blob, width: plan.width, height: plan.height, pictures: 1 };
}

/** onProgress: 0..1. @throws AbortError when stopped; Error in words when it cannot be made. */
export async function makeClip(
  clip: Clip,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Written> {
  const plan = planOf({ ...clip, transparent: false });
  const times = frameTimes(clip.from, clip.to, clip.fps, clip.speed);
  if (clip.format === 'gif' && 4 * plan.width * plan.height * times.length > mostGifBytes)
    throw new Error(
      `A GIF of ${times.length} pictures of ${plan.width} x ${plan.height} is too large to be made: choose a smaller size, fewer pictures a second, a shorter part, or WebM`,
    );
  const [canvas, context] = sheet(plan);
  const maker = await openClip(clip.format, canvas, clip.fps);
  let finished = false;
  try {
    for (const [i, time] of times.entries()) {
      signal.throwIfAborted();
      compose(context, plan, time);
      await maker.add();
      onProgress((i + 1) / times.length);
      // The window goes on in between; a message is not held back in a tab behind, as a timer is.
      await breathe();
    }
    signal.throwIfAborted();
    const blob = await maker.finish();
    finished = true;
    const name = fileName(episodesOf(clip.slots), '', clip.format);
    return { name, blob, width: plan.width, height: plan.height, pictures: times.length };
  } finally {
    release(clip.slots);
    if (!finished) await maker.drop().catch(() => undefined);
  }
}

const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** Hands a file to the browser, or to Electron, as a download. */
export function save({ name, blob }: Written): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // Not at once: the download reads it.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
