/** Pictures of a `view:` sense, for those who look at them from outside (endpoints). */

import { viewSide } from '../senses.ts';
import type { Picture } from '../types.ts';

/** The small picture whose numbers begin at `at`, each pixel a square; `side`: pixels of the result, a multiple of its own. */
export function enlarged(frames: Float64Array, at: number, side: number): Picture {
  const times = side / viewSide;
  const rgb = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const pixel = at + (Math.floor(y / times) * viewSide + Math.floor(x / times)) * 3;
      const to = (y * side + x) * 3;
      for (let c = 0; c < 3; c++) rgb[to + c] = Math.round(255 * frames[pixel + c]!);
    }
  }
  return { width: side, height: side, rgb };
}
