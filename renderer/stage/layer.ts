/** What is laid into a 3D view beside the bodies: ghosts, arrows, fields, handles. Its own file each; world frame, metres, z up. */

import type { Object3D } from 'three';
import type { LoadedEpisode } from '../state/opened.ts';

export interface StageLayer {
  readonly object: Object3D;
  /** Another episode is on stage, or none; also called when the layer is added. */
  load?(episode: LoadedEpisode | null): void;
  /** Called before a picture whenever the frame changed (a whole number or between two), and when the layer is added. */
  place?(episode: LoadedEpisode, frame: number): void;
  /** Another colour scheme. */
  scheme?(scheme: 'dark' | 'light'): void;
  /** Whoever adds the layer disposes it, after taking it out. */
  dispose(): void;
}
