/** The small pictures of the episode list: one queue and one WebGL context for the window, there only while the list shows them. */

import { unpack } from '../../lab/pack.ts';
import { lab, useConnection } from '../lab.ts';
import type { Scene } from '../stage/bodies.ts';
import { ThumbnailStage } from '../stage/thumbnails.ts';
import type { Scheme } from './colours.ts';
import { type Entry, type Found, PictureQueue } from './picture-queue.ts';
import { clock, isStageDrawn, usePlayers } from './players.ts';
import { isSettled } from './settled.ts';

/** CSS pixels; twice as many are drawn. */
export const thumbnailSize = { width: 64, height: 40 } as const;

/** First, middle, last frame: the order of a run through, and of `episodes.thumbnails`. */
export const momentNames = ['first frame', 'middle frame', 'last frame'] as const;
export const stillMoment = 2;

/** Some five hundred pictures. */
const budget = 24 * 2 ** 20;

/** Milliseconds that the list stands before anything is drawn. */
const standsAfter = 250;

/** Milliseconds between two pictures: one that the CPU draws takes its time from whoever trains or simulates beside it. */
const gap = { software: 150, hardware: 16 } as const;

export type Thumbnail = Entry<Scene, ImageBitmap>;

let stage: ThumbnailStage | null = null;
let scheme: Scheme = 'dark';
let inView: ReadonlySet<number> = new Set();
let lastScroll = Number.NEGATIVE_INFINITY;
/** Bodies are told with every answer; those of one scene are kept once. */
const scenes = new Map<string, Scene['bodies']>();

/** The list moves; nothing is asked for or drawn until it stands. */
export function listScrolled(): void {
  lastScroll = performance.now();
}

function isQuiet(): boolean {
  const { mode } = clock.state;
  const players = usePlayers.getState();
  return (
    document.visibilityState === 'visible' &&
    isSettled() &&
    performance.now() - lastScroll >= standsAfter &&
    mode !== 'playing' &&
    mode !== 'scrubbing' &&
    !players.shown.some((name) => players[name].status === 'loading') &&
    isStageDrawn() &&
    useConnection.getState().status === 'open'
  );
}

async function fetchScenes(
  ids: readonly number[],
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Found<Scene>>> {
  const answer = await lab.episodes.thumbnails({ ids: [...ids] }, { signal });
  const arrays = unpack(answer.data);
  const known = answer.scenes.map(({ bodies }) => {
    const key = JSON.stringify(bodies);
    const same = scenes.get(key) ?? bodies;
    scenes.set(key, same);
    return same;
  });
  const found = new Map<number, Found<Scene>>();
  for (const { id, reason } of answer.absent) found.set(id, { type: 'absent', reason });
  for (const { id, scene } of answer.episodes) {
    const bodies = known[scene]!;
    // Copies: a view would keep the whole answer.
    const poses = Float32Array.from(arrays[`poses/${id}`]!);
    const tints = arrays[`colours/${id}`];
    const colours = tints ? Float32Array.from(tints) : null;
    const bytes = poses.byteLength + (colours?.byteLength ?? 0);
    found.set(id, {
      type: 'scene',
      scene: { bodies, poses, colours, length: momentNames.length - 1 },
      bytes,
    });
  }
  return found;
}

/** Milliseconds. */
const idleWithin = 1000;

function idle(run: () => void): () => void {
  if (typeof requestIdleCallback === 'function') {
    // A page that is never quite idle gets its pictures all the same.
    const request = requestIdleCallback(run, { timeout: idleWithin });
    return () => cancelIdleCallback(request);
  }
  const timer = setTimeout(run, 50);
  return () => clearTimeout(timer);
}

const queue = new PictureQueue<Scene, ImageBitmap>(
  {
    fetch: fetchScenes,
    draw: (scene, moment) => {
      const { width, height } = thumbnailSize;
      stage ??= new ThumbnailStage(2 * width, 2 * height, scheme);
      return stage.draw(scene, moment);
    },
    bytesOf: ({ width, height }) => 4 * width * height,
    close: (picture) => picture.close(),
    isInView: (id) => inView.has(id),
    isQuiet,
    idle,
    later: (milliseconds, run) => {
      const timer = setTimeout(run, milliseconds);
      return () => clearTimeout(timer);
    },
  },
  {
    moments: momentNames.length,
    still: stillMoment,
    budget,
    batch: 32,
    settleMs: 300,
    lookMs: 150,
    gapMs: () => (stage?.isSoftware === false ? gap.hardware : gap.software),
    retryMs: 2000,
  },
);

/** Episodes of the rows on screen; those just outside wait. */
export function setThumbnailsInView(ids: readonly number[]): void {
  inView = new Set(ids);
  queue.look();
}

export const wantThumbnail = (id: number, changed: () => void): (() => void) => queue.want(id, changed);
export const wantAllMoments = (id: number): (() => void) => queue.wantAll(id);
export const thumbnailOf = (id: number): Thumbnail | undefined => queue.entry(id);

/** What lies on the graphics card for them, as `renderer.info` counts it; null while there is no context. */
export function thumbnailMemory(): string | null {
  if (!stage) return null;
  const { geometries, textures, programs } = stage.memory;
  return `${geometries} ${textures} ${programs}`;
}

export function setThumbnailScheme(next: Scheme): void {
  if (next === scheme) return;
  scheme = next;
  stage?.setScheme(next);
  queue.dropPictures();
}

/** Gives context, pictures and scenes back; the next wish makes them anew. */
export function closeThumbnails(): void {
  queue.clear();
  stage?.dispose();
  stage = null;
  scenes.clear();
}
