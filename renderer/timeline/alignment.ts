/**
 * Draws how two episodes are laid beside each other: their stage bands with lines between matching frames, and the same line over the
 * picture of all distances between their frames, where a path runs along the valley. What stands still is drawn once.
 */

import {
  type Alignment,
  type Anchor,
  type Course,
  distanceOf,
  firstBeside,
  frameBeside,
} from '../state/align.ts';
import { progressRgb, type Scheme } from '../state/colours.ts';
import { type LoadedEpisode, stageBands } from '../state/opened.ts';
import { fitCanvases } from './canvas.ts';
import { stageFill } from './plot.ts';

export interface PairContent {
  /** The first player and the other one. */
  readonly episodes: readonly [LoadedEpisode, LoadedEpisode];
  readonly letters: readonly [string, string];
  readonly colours: readonly [string, string];
  readonly alignment: Alignment;
  readonly anchors: readonly Anchor[];
  /** Null where they have no body in common: there are no distances then. */
  readonly courses: readonly [Course, Course] | null;
  /** Pairs of frames of the path itself, where one was searched. */
  readonly path: Int32Array | null;
  readonly scheme: Scheme;
}

/** A frame of each. */
export interface Pair {
  readonly from: number;
  readonly to: number;
}

const gutter = 26;
const bandHeight = 18;
const margin = 8;
/** Between the bands and the picture of distances. */
const gap = 34;
const axisHeight = 16;
/** Pixels between two lines. */
const lineEvery = 11;
/** Points of the picture of distances each way. */
const grain = 96;

const inks = {
  dark: { text: '#98a2b3', strong: '#e6e9ee', line: 'rgba(150,165,190,0.32)', band: '#d5dbe5' },
  light: { text: '#5f6b7a', strong: '#1d2530', line: 'rgba(60,75,100,0.28)', band: '#2b3442' },
} as const;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export class AlignmentPlot {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly still = document.createElement('canvas');
  private content: PairContent | null = null;
  private distances: HTMLCanvasElement | null = null;
  private width = 0;
  private height = 0;
  private now: Pair = { from: 0, to: 0 };
  private hover: Pair | null = null;
  private stale = true;
  private request = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d')!;
  }

  setContent(content: PairContent | null): void {
    if (content?.courses !== this.content?.courses || content?.scheme !== this.content?.scheme)
      this.distances = content?.courses ? pictureOf(content.courses) : null;
    this.content = content;
    this.stale = true;
    this.invalidate();
  }

  /** Where the clock stands in both. */
  setNow(now: Pair): void {
    if (now.from === this.now.from && now.to === this.now.to) return;
    this.now = now;
    this.invalidate();
  }

  setHover(hover: Pair | null): void {
    this.hover = hover;
    this.invalidate();
  }

  resize(width: number, height: number): void {
    if (!fitCanvases([this.canvas, this.still], width, height)) return;
    this.width = width;
    this.height = height;
    this.stale = true;
    this.draw();
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
  }

  /** The matching frames under a point of the canvas: of the upper band and the picture by the first, of the lower by the other. */
  pairAt(x: number, y: number): Pair | null {
    const { content } = this;
    if (!content) return null;
    const [a, b] = content.episodes;
    const square = this.square();
    const bands = this.bands();
    const part = (at: number, box: Box): number => Math.min(1, Math.max(0, (at - box.x) / box.width));
    if (square && x >= square.x - gap / 2) return this.beside(part(x, square) * a.length);
    if (y < bands.y + bands.height / 2) return this.beside(part(x, bands) * a.length);
    const to = part(x, bands) * b.length;
    return { from: firstBeside(content.alignment, to), to };
  }

  private beside(from: number): Pair {
    return { from, to: this.content ? frameBeside(this.content.alignment, from) : 0 };
  }

  private invalidate(): void {
    if (this.request === 0) this.request = requestAnimationFrame(() => this.draw());
  }

  /** Where distances are drawn; null where there is no room for them. */
  private square(): Box | null {
    const side = Math.min(this.height - 2 * margin - axisHeight, this.width * 0.4);
    if (side < 60) return null;
    return { x: this.width - margin - side, y: margin, width: side, height: side };
  }

  private bands(): Box {
    const square = this.square();
    const right = square ? square.x - gap : this.width - margin;
    return {
      x: gutter,
      y: margin,
      width: Math.max(40, right - gutter),
      height: this.height - 2 * margin - axisHeight,
    };
  }

  private draw(): void {
    cancelAnimationFrame(this.request);
    this.request = 0;
    if (this.width === 0) return;
    const ratio = this.canvas.width / this.width;
    const { context, content } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!content) return;
    if (this.stale) {
      const quiet = this.still.getContext('2d')!;
      quiet.setTransform(ratio, 0, 0, ratio, 0, 0);
      quiet.clearRect(0, 0, this.width, this.height);
      this.drawBands(quiet, content);
      this.drawDistances(quiet, content);
      this.stale = false;
    }
    context.drawImage(this.still, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const ink = inks[content.scheme];
    if (this.hover) this.drawPair(context, content, this.hover, ink.text, 1);
    this.drawPair(context, content, this.now, ink.strong, 1.75);
  }

  private drawBands(context: CanvasRenderingContext2D, content: PairContent): void {
    const { episodes, letters, colours, scheme, alignment, anchors } = content;
    const ink = inks[scheme];
    const box = this.bands();
    context.textBaseline = 'middle';
    context.font = '11px system-ui, sans-serif';
    episodes.forEach((episode, row) => {
      const y = row === 0 ? box.y : box.y + box.height - bandHeight;
      const xOf = (frame: number): number => box.x + (frame / Math.max(1, episode.length)) * box.width;
      context.fillStyle = colours[row]!;
      context.textAlign = 'center';
      context.font = 'bold 11px system-ui, sans-serif';
      context.fillText(letters[row]!, gutter / 2, y + bandHeight / 2);
      context.font = '11px system-ui, sans-serif';
      for (const band of stageBands(episode.trueStage)) {
        const from = xOf(band.start);
        const width = Math.max(xOf(Math.min(band.end, episode.length)) - from, 2);
        context.fillStyle = stageFill(scheme, band.stage, episode.stages.length);
        context.beginPath();
        context.roundRect(from, y, Math.max(width - 1, 1.5), bandHeight, 3);
        context.fill();
        const title = episode.stages[band.stage]?.title ?? `stage ${band.stage}`;
        if (context.measureText(title).width > width - 10) continue;
        context.fillStyle = ink.band;
        context.textAlign = 'left';
        context.fillText(title, from + 6, y + bandHeight / 2 + 0.5);
      }
      context.fillStyle = ink.text;
      context.textAlign = 'right';
      if (row === 1)
        context.fillText(
          `${episodes[0].length} and ${episode.length} steps`,
          box.x + box.width,
          this.height - margin - axisHeight / 2 + 5,
        );
    });
    const count = Math.max(2, Math.min(episodes[0].length, Math.floor(box.width / lineEvery)));
    context.strokeStyle = ink.line;
    context.lineWidth = 1;
    for (let i = 0; i <= count; i++) {
      const from = (i / count) * episodes[0].length;
      this.line(context, content, { from, to: frameBeside(alignment, from) });
    }
    for (const anchor of anchors) {
      context.strokeStyle = ink.strong;
      context.lineWidth = 1.5;
      this.line(context, content, anchor);
    }
  }

  private drawDistances(context: CanvasRenderingContext2D, content: PairContent): void {
    const box = this.square();
    if (!box) return;
    const { episodes, letters, colours, alignment, path, anchors, scheme } = content;
    const ink = inks[scheme];
    const xOf = (frame: number): number => box.x + (frame / Math.max(1, episodes[0].length)) * box.width;
    const yOf = (frame: number): number =>
      box.y + box.height - (frame / Math.max(1, episodes[1].length)) * box.height;
    if (this.distances) {
      context.imageSmoothingEnabled = true;
      context.drawImage(this.distances, box.x, box.y, box.width, box.height);
    }
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    // On dark and on bright ground alike.
    for (const [style, width] of [
      ['rgba(0,0,0,0.65)', 4],
      ['#ffffff', 1.75],
    ] as const) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.lineJoin = 'round';
      context.beginPath();
      if (path) for (let p = 0; p < path.length; p += 2) context.lineTo(xOf(path[p]!), yOf(path[p + 1]!));
      else for (const [k, from] of alignment.from.entries()) context.lineTo(xOf(from), yOf(alignment.to[k]!));
      context.stroke();
    }
    context.restore();
    for (const { from, to } of anchors) {
      context.fillStyle = '#ffffff';
      context.strokeStyle = '#000000';
      context.lineWidth = 1;
      context.beginPath();
      context.arc(xOf(from), yOf(to), 3.4, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
    context.strokeStyle = ink.line;
    context.lineWidth = 1;
    context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
    context.font = 'bold 11px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillStyle = colours[0];
    context.fillText(`${letters[0]} →`, box.x + box.width / 2, box.y + box.height + axisHeight / 2 + 1);
    context.fillStyle = colours[1];
    context.save();
    context.translate(box.x - 10, box.y + box.height / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(`${letters[1]} →`, 0, 0);
    context.restore();
  }

  private line(context: CanvasRenderingContext2D, { episodes }: PairContent, { from, to }: Pair): void {
    const box = this.bands();
    const xOf = (frame: number, row: 0 | 1): number =>
      box.x + (Math.min(frame, episodes[row].length) / Math.max(1, episodes[row].length)) * box.width;
    context.beginPath();
    context.moveTo(xOf(from, 0), box.y + bandHeight);
    context.lineTo(xOf(to, 1), box.y + box.height - bandHeight);
    context.stroke();
  }

  private drawPair(
    context: CanvasRenderingContext2D,
    content: PairContent,
    pair: Pair,
    colour: string,
    width: number,
  ): void {
    context.strokeStyle = colour;
    context.lineWidth = width;
    this.line(context, content, pair);
    const box = this.square();
    if (!box) return;
    const [a, b] = content.episodes;
    const x = box.x + (Math.min(pair.from, a.length) / Math.max(1, a.length)) * box.width;
    const y = box.y + box.height - (Math.min(pair.to, b.length) / Math.max(1, b.length)) * box.height;
    context.fillStyle = colour;
    context.strokeStyle = content.scheme === 'dark' ? '#14171c' : '#ffffff';
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(x, y, 4.5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

/** Near is bright. The other episode's frame 0 is at the bottom. */
function pictureOf([a, b]: readonly [Course, Course]): HTMLCanvasElement {
  const columns = Math.min(grain, a.frames);
  const rows = Math.min(grain, b.frames);
  const at = (k: number, count: number, frames: number): number =>
    Math.round((k / Math.max(1, count - 1)) * (frames - 1));
  const values = new Float64Array(columns * rows);
  let high = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const d = distanceOf(a, b, at(column, columns, a.frames), at(row, rows, b.frames));
      values[row * columns + column] = d;
      high = Math.max(high, d);
    }
  }
  const canvas = document.createElement('canvas');
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [red, green, blue] = progressRgb(1 - values[row * columns + column]! / (high || 1));
      const p = ((rows - 1 - row) * columns + column) * 4;
      image.data.set([red * 255, green * 255, blue * 255, 255], p);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
