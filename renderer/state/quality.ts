/** How finely the stage is drawn: as the user says, else by what the graphics card turns out to manage. */

import { create } from 'zustand';
import { type QualityChoice, useStageLook } from './stage-look.ts';

/**
 * `fine`: antialiasing, reflections, the screen's own pixels. `fast`: without them; a picture that stands still is drawn once more,
 * finely. `draft`: a quarter of those points, no shadows, nothing drawn twice.
 */
export type Quality = 'fine' | 'fast' | 'draft';

/** The first pictures upload what they draw. */
const skipped = 3;

/** Pictures after them that tell. */
const counted = 8;

/** Milliseconds of a picture: fewer than thirty a second is too few for a hand that turns the camera. */
const slowest = 33;

/** Watches the first pictures of a view. Pure. */
export class FirstPictures {
  private seen = 0;
  private readonly times: number[] = [];

  /** Milliseconds from asking for a picture to its being there. Returns what they say once there have been enough, then and later. */
  add(ms: number): Quality | null {
    this.seen++;
    if (this.seen > skipped && this.times.length < counted) this.times.push(ms);
    if (this.times.length < counted) return null;
    // A few that came late are somebody else's.
    const middle = this.times.toSorted((a, b) => a - b)[counted >> 1]!;
    return middle > slowest ? 'fast' : 'fine';
  }
}

/** @param measured what the first pictures said; null until they have */
export function qualityOf(choice: QualityChoice, isSoftware: boolean, measured: Quality | null): Quality {
  if (choice !== 'auto') return choice;
  return isSoftware ? 'fast' : (measured ?? 'fine');
}

/** Of this page: another start measures again, for the machine may have another card by then. */
export const useMeasured = create<{ readonly measured: Quality | null }>()(() => ({ measured: null }));

/** Renders again when the quality changes. */
export function useQuality(isSoftware: boolean): Quality {
  const choice = useStageLook((state) => state.quality);
  const measured = useMeasured((state) => state.measured);
  return qualityOf(choice, isSoftware, measured);
}
