/** Where the camera stands at a preset. Pure; metres, z up. */

import type { CameraPreset } from '../state/layout.ts';
import { type Framing, frame, type Vector } from './framing.ts';
import type { Scenery } from './scenery.ts';

const directions: Readonly<Record<CameraPreset, Vector>> = {
  perspective: [0.78, -0.92, 0.62],
  front: [1, 0, 0.14],
  side: [0, -1, 0.14],
  // A touch off the axis, else "up" on the screen is undefined.
  top: [0.001, 0, 1],
};

/** Vertical, degrees, for a view that is wider than high. */
export const fieldOfView = 36;

/** Of half the vertical field. A narrow view keeps its horizontal field, else two stages side by side would crop the scene. */
export const verticalTangent = (aspect: number): number =>
  Math.tan((fieldOfView * Math.PI) / 360) / Math.min(1, aspect);

/** The scenery shifted by [x, y], metres, with `margin` of the view free at each side. */
export function presetFraming(
  { points, centre, isFlat }: Scenery,
  preset: CameraPreset,
  aspect: number,
  vertical: number,
  [x, y]: readonly [number, number],
  margin = 0.06,
): Framing {
  const direction = directions[preset];
  const moved = (point: Vector): Vector => [point[0] + x, point[1] + y, point[2]];
  return frame({
    points: points.map(moved),
    // Into mazes and boards one looks from higher up.
    direction: preset === 'perspective' && isFlat ? [direction[0], direction[1], 1.1] : direction,
    centre: moved(centre),
    tangents: [vertical * aspect, vertical],
    margin,
  });
}
