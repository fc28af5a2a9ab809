/** Where things go in an episode. Pure; metres, world frame. */

import type { LoadedEpisode } from '../state/opened.ts';

/** Mean position of the bodies of a role at each frame; null when there are none. [T + 1, 3] */
export function pathOf(episode: LoadedEpisode, role: string): Float32Array | null {
  const members = episode.bodies.flatMap((body, i) => (body.role === role ? [i] : []));
  return members.length === 0 ? null : meanPath(episode, members);
}

/** More trails than this would hide what they are about; one of their mean is drawn instead. */
const mostTrails = 4;
/** Metres by which the distance of two bodies that are one thing may change. */
const rigidWithin = 0.002;

/** One path for each object; bodies that keep their distance (the sides of a drawer) are one object. */
export function pathsOfObjects(episode: LoadedEpisode): readonly Float32Array[] {
  const members = episode.bodies.flatMap((body, i) => (body.role === 'object' ? [i] : []));
  const things: number[][] = [];
  for (const i of members) {
    const thing = things.find(([first]) => keepsDistance(episode, first!, i));
    if (thing) thing.push(i);
    else things.push([i]);
  }
  if (things.length > mostTrails) return [meanPath(episode, members)];
  return things.map((thing) => meanPath(episode, thing));
}

function keepsDistance({ bodies, poses, length }: LoadedEpisode, a: number, b: number): boolean {
  let low = Number.POSITIVE_INFINITY;
  let high = 0;
  for (let t = 0; t <= length; t++) {
    const p = (t * bodies.length + a) * 7;
    const q = (t * bodies.length + b) * 7;
    const distance = Math.hypot(
      poses[p]! - poses[q]!,
      poses[p + 1]! - poses[q + 1]!,
      poses[p + 2]! - poses[q + 2]!,
    );
    low = Math.min(low, distance);
    high = Math.max(high, distance);
  }
  return high - low < rigidWithin;
}

/** [T + 1, 3] */
function meanPath(episode: LoadedEpisode, members: readonly number[]): Float32Array {
  const path = new Float32Array((episode.length + 1) * 3);
  for (let t = 0; t <= episode.length; t++) {
    for (let axis = 0; axis < 3; axis++) {
      let sum = 0;
      for (const i of members) sum += episode.poses[(t * episode.bodies.length + i) * 7 + axis]!;
      path[t * 3 + axis] = sum / members.length;
    }
  }
  return path;
}

/**
 * The hand, else the agent; without either the object that does the task (a pendulum's bob, a car on a hill), else a link, which
 * may be a post. Empty where there is none of them. [T + 1, 3]
 */
export function toolPathOf(episode: LoadedEpisode): Float32Array {
  return (
    pathOf(episode, 'gripper') ??
    pathOf(episode, 'agent') ??
    pathsOfObjects(episode)[0] ??
    pathOf(episode, 'link') ??
    new Float32Array()
  );
}

/** A path at a frame or between two, into `out`. */
export function placeOn(
  path: Float32Array,
  frame: number,
  out: [number, number, number],
): [number, number, number] {
  const last = path.length / 3 - 1;
  const low = Math.min(Math.floor(frame), last);
  const high = Math.min(low + 1, last);
  const part = Math.min(1, Math.max(0, frame - low));
  for (let k = 0; k < 3; k++) {
    const from = path[low * 3 + k]!;
    out[k] = from + (path[high * 3 + k]! - from) * part;
  }
  return out;
}
