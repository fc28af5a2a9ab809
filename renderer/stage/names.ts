/** Names of bodies and cameras over the picture: on a sheet above the canvas in the window, burnt in by an export. */

import type { BodyInfo, CameraViewInfo } from '../../lab/api.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { eyeOf } from './robot-cameras.ts';
import type { StageView } from './view.ts';

/** Bodies of one role beyond this are a crowd (walls, tiles, links of a rope) and go without names. */
const crowd = 10;
const unnamed: readonly BodyInfo['role'][] = ['floor', 'table', 'joint', 'wheel', 'wall'];

/** Bodies that get a name: one a thing (`tray`, not `tray2`), no furniture, no crowds; links only where they are all there is. */
export function namedBodies(bodies: readonly BodyInfo[]): number[] {
  const counts = new Map<string, number>();
  for (const { role } of bodies) counts.set(role, (counts.get(role) ?? 0) + 1);
  const known = new Set(bodies.map(({ name }) => name));
  const hasHand = bodies.some(({ role }) => role === 'gripper' || role === 'agent');
  return bodies.flatMap(({ name, role }, i) => {
    if (unnamed.includes(role) || name === 'shadow' || counts.get(role)! > crowd) return [];
    if (role === 'link' && hasHand) return [];
    // A hand is one thing, whatever it is made of.
    if (role === 'gripper' && bodies.findIndex((body) => body.role === 'gripper') !== i) return [];
    // A part of something that has a name already: `egoCabin` of `ego`.
    if ([...known].some((whole) => name.startsWith(whole) && /^[A-Z]/.test(name.slice(whole.length))))
      return [];
    const first = name.replace(/\d+$/, '');
    // A further shape of a body that is there already; things that are counted (`block1`, `block2`) have no plain one.
    return first !== name && known.has(first) ? [] : [i];
  });
}

/** `leftFinger` as people write it. */
export const spoken = (name: string): string =>
  name.replace(/([a-z])([A-Z0-9])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

export interface Tag {
  readonly text: string;
  /** Share of the picture's width and height, from the upper left corner. */
  readonly x: number;
  readonly y: number;
  readonly isCamera: boolean;
}

/** unit: pixels of the context for one CSS pixel. */
export function paintTags(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  tags: readonly Tag[],
  width: number,
  height: number,
  unit: number,
  isDark: boolean,
): void {
  const size = 11 * unit;
  context.font = `500 ${size}px system-ui, sans-serif`;
  context.textBaseline = 'middle';
  const taken: { x: number; y: number; w: number }[] = [];
  for (const tag of [...tags].sort((one, other) => other.y - one.y)) {
    const w = context.measureText(tag.text).width + 8 * unit;
    const h = 16 * unit;
    const x = Math.min(width - w - 2 * unit, Math.max(2 * unit, tag.x * width - w / 2));
    const anchor = tag.y * height;
    let y = anchor - h - 14 * unit;
    // One above the other where they would lie on each other.
    for (const other of taken)
      if (Math.abs(other.y - y) < h && x < other.x + other.w && other.x < x + w) y = other.y - h - unit;
    if (y < 0) continue;
    taken.push({ x, y, w });
    context.strokeStyle = isDark ? 'rgba(216, 221, 229, 0.55)' : 'rgba(29, 37, 48, 0.5)';
    context.lineWidth = unit;
    context.beginPath();
    context.moveTo(tag.x * width, anchor);
    context.lineTo(Math.min(x + w, Math.max(x, tag.x * width)), y + h);
    context.stroke();
    context.fillStyle = isDark ? 'rgba(13, 16, 20, 0.72)' : 'rgba(255, 255, 255, 0.82)';
    context.beginPath();
    context.roundRect(x, y, w, h, 4 * unit);
    context.fill();
    context.fillStyle = tag.isCamera ? (isDark ? '#eee05a' : '#6b5e00') : isDark ? '#d8dde5' : '#1d2530';
    context.fillText(tag.text, x + 4 * unit, y + h / 2 + 0.5 * unit);
  }
}

export class NameTags {
  private readonly view: StageView;
  private readonly sheet = document.createElement('canvas');
  private readonly stop: () => void;
  private episode: LoadedEpisode | null = null;
  private members: readonly number[] = [];
  private isShown = false;
  private cameras: readonly CameraViewInfo[] = [];
  private isBlank = true;

  constructor(view: StageView) {
    this.view = view;
    this.sheet.className = 'stage-names';
    this.sheet.setAttribute('aria-hidden', 'true');
    view.canvas.parentElement?.append(this.sheet);
    this.stop = view.onPicture(() => this.paint());
    view.tags = (frame) => this.tagsAt(frame);
  }

  load(episode: LoadedEpisode | null): void {
    this.episode = episode;
    this.members = episode ? namedBodies(episode.bodies) : [];
  }

  show(isShown: boolean, cameras: readonly CameraViewInfo[]): void {
    this.isShown = isShown;
    this.cameras = cameras;
  }

  dispose(): void {
    this.stop();
    this.sheet.remove();
  }

  private tagsAt(frame: number): Tag[] {
    const { episode, view } = this;
    if (!episode) return [];
    const tags: Tag[] = [];
    const add = (text: string, x: number, y: number, z: number, isCamera: boolean): void => {
      const at = view.project(x, y, z);
      if (at && at.x > 0 && at.x < 1 && at.y > 0 && at.y < 1) tags.push({ text, ...at, isCamera });
    };
    const low = Math.min(Math.round(frame), episode.length);
    if (this.isShown)
      for (const i of this.members) {
        const at = (low * episode.bodies.length + i) * 7;
        const [x, y, z] = [episode.poses[at]!, episode.poses[at + 1]!, episode.poses[at + 2]!];
        add(spoken(episode.bodies[i]!.name), x, y, z, false);
      }
    for (const camera of this.cameras) {
      const { position } = eyeOf(camera, episode, frame);
      add(camera.name, position.x, position.y, position.z, true);
    }
    return tags;
  }

  private paint(): void {
    const tags = this.tagsAt(this.view.frameNow);
    if (tags.length === 0 && this.isBlank) return;
    const { clientWidth, clientHeight } = this.view.canvas;
    const unit = Math.min(2, devicePixelRatio);
    const [width, height] = [Math.round(clientWidth * unit), Math.round(clientHeight * unit)];
    if (this.sheet.width !== width || this.sheet.height !== height) {
      this.sheet.width = width;
      this.sheet.height = height;
    }
    const context = this.sheet.getContext('2d');
    if (!context) return;
    context.clearRect(0, 0, width, height);
    this.isBlank = tags.length === 0;
    this.sheet.dataset['names'] = tags.map(({ text }) => text).join(', ');
    paintTags(context, tags, width, height, unit, this.view.isDark);
  }
}
