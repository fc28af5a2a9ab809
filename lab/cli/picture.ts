/** `picture`: one camera image of a task as a PNG file, with what is to be seen in it. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createBatch } from '../../sim/batch.ts';
import { createCamera } from '../../sim/camera.ts';
import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { messageOf, UsageError } from '../errors.ts';
import { encodePng } from '../png.ts';

export const pictureKinds = ['rgb', 'depth', 'id'] as const;
export type PictureKind = (typeof pictureKinds)[number];

/** Longest side, px: larger than an observation, for people to look at. */
export const largestPicture = 1024;

export interface Pictured {
  readonly file: string;
  readonly task: string;
  readonly view: string;
  readonly kind: PictureKind;
  readonly width: number;
  readonly height: number;
  /** Control steps the expert had made; fewer than asked for where the episode ended before. */
  readonly step: number;
  readonly progress: number;
  readonly success: boolean;
  /** Nearest and farthest surface in metres; null where nothing is in view. */
  readonly depth: readonly [nearest: number, farthest: number] | null;
  /** What is to be seen, by pixels. */
  readonly bodies: readonly { readonly id: number; readonly name: string; readonly pixels: number }[];
}

interface Wish {
  readonly view: string;
  readonly kind: PictureKind;
  readonly file: string;
  readonly seed: number;
  readonly step: number;
  readonly camera: AnySettings;
}

/** Colours that differ well between neighbours: the hue turns by the golden angle. */
function idColour(id: number): readonly [number, number, number] {
  if (id === 0) return [0, 0, 0];
  const hue = (id * 137.508) % 360;
  const channel = (shift: number): number => {
    const k = (shift + hue / 30) % 12;
    return Math.round(255 * (0.58 - 0.4 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Near is bright; black where nothing is. */
function depthShades(depth: Float32Array, range: readonly [number, number] | null): Uint8Array {
  const out = new Uint8Array(depth.length * 3);
  if (range === null) return out;
  const [near, far] = range;
  for (let i = 0; i < depth.length; i++) {
    const metres = depth[i]!;
    if (metres === 0) continue;
    const share = far > near ? (far - metres) / (far - near) : 1;
    out.fill(Math.round(40 + 215 * share), i * 3, i * 3 + 3);
  }
  return out;
}

function rangeOf(depth: Float32Array): readonly [number, number] | null {
  let near = Number.POSITIVE_INFINITY;
  let far = 0;
  for (const metres of depth) {
    if (metres === 0) continue;
    near = Math.min(near, metres);
    far = Math.max(far, metres);
  }
  return far > 0 ? [near, far] : null;
}

/** Starts an episode, lets the expert act for some steps, and writes what a camera then sees. @throws UsageError */
export function takePicture(model: TaskModel, wish: Wish): Pictured {
  const { view, kind, file, seed } = wish;
  const camera = (() => {
    try {
      return createCamera(model, { views: [view], settings: wish.camera, seed, largest: largestPicture });
    } catch (error) {
      throw new UsageError([`picture: ${messageOf(error)}`]);
    }
  })();
  const batch = createBatch(model, 1);
  batch.reset(0, seed);
  const action = new Float64Array(model.actionSpace.dim);
  let step = 0;
  while (step < wish.step && batch.terminated[0] === 0 && batch.truncated[0] === 0) {
    model.expert(batch.states, 0, action, 0);
    batch.step(action);
    step++;
  }
  const { width, height } = camera;
  const { rgb, depth, ids } = camera.pictures(1);
  camera.render(batch.states, 0, 1, { rgb, depth, ids });
  const range = rangeOf(depth);
  const pixels = new Map<number, number>();
  for (const id of ids) pixels.set(id, (pixels.get(id) ?? 0) + 1);
  const image =
    kind === 'rgb'
      ? rgb
      : kind === 'depth'
        ? depthShades(depth, range)
        : Uint8Array.from(Array.from(ids, idColour).flat());
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, encodePng(width, height, image));
  } catch (error) {
    throw new UsageError([`--out ${file}: ${messageOf(error)}`]);
  }
  return {
    file,
    task: model.id,
    view,
    kind,
    width,
    height,
    step,
    progress: model.progress(batch.states, 0),
    success: model.success(batch.states, 0),
    depth: range,
    bodies: [...pixels]
      .filter(([id]) => id > 0)
      .sort((a, b) => b[1] - a[1])
      .map(([id, count]) => ({ id, name: model.bodies[id - 1]?.name ?? 'occluder', pixels: count })),
  };
}
