/**
 * Draws the timeline of one or two episodes on a canvas: stage bands, progress lane, reward lane, cursor. The curves
 * are drawn once into a second canvas and only the cursor moves, so a seek costs one copy.
 */

import type { Scheme } from '../state/colours.ts';
import { type LoadedEpisode, type Series, stageBands, successStarts } from '../state/opened.ts';
import { type Range, rangeOf, thin, ticksOf } from './scale.ts';

export interface PlotTrack {
  readonly episode: LoadedEpisode;
  readonly series: readonly Series[];
}

export interface PlotContent {
  /** A, and B where two are compared. */
  readonly tracks: readonly PlotTrack[];
  /** Seconds at the right edge. */
  readonly duration: number;
  readonly hidden: ReadonlySet<string>;
  readonly scheme: Scheme;
  colour(name: string): string;
}

const gutter = 52;
const rightMargin = 14;
const bandHeight = 17;
const axisHeight = 20;
const laneGap = 12;

const inks = {
  dark: { text: '#98a2b3', strong: '#e6e9ee', line: 'rgba(150,165,190,0.14)', zero: 'rgba(150,165,190,0.4)' },
  light: { text: '#5f6b7a', strong: '#1d2530', line: 'rgba(60,75,100,0.12)', zero: 'rgba(60,75,100,0.38)' },
} as const;

/** Quiet greys-to-blue for stage bands: order is what matters, curves keep the strong colours. */
export const stageFill = (scheme: Scheme, stage: number, count: number): string => {
  const part = count <= 1 ? 0.5 : stage / (count - 1);
  return scheme === 'dark'
    ? `hsl(${222 - part * 62} ${18 + part * 22}% ${25 + part * 12}%)`
    : `hsl(${222 - part * 62} ${28 + part * 22}% ${90 - part * 14}%)`;
};

export class TimelinePlot {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly still = document.createElement('canvas');
  private content: PlotContent | null = null;
  private width = 0;
  private height = 0;
  private time = 0;
  private hover: number | null = null;
  private request = 0;
  private stale = true;
  private rewardRange: Range = { low: 0, high: 1 };

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d')!;
  }

  setContent(content: PlotContent | null): void {
    this.content = content;
    this.stale = true;
    this.invalidate();
  }

  setTime(time: number): void {
    if (time === this.time) return;
    this.time = time;
    this.invalidate();
  }

  /** Seconds under the pointer, or null. */
  setHover(time: number | null): void {
    if (time === this.hover) return;
    this.hover = time;
    this.invalidate();
  }

  resize(width: number, height: number): void {
    if (width === 0 || height === 0) return;
    const ratio = Math.min(devicePixelRatio, 2);
    this.width = width;
    this.height = height;
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.stale = true;
    // At once: a resized canvas is blank until it is drawn.
    this.draw();
  }

  /** Seconds at a distance from the canvas's left edge. */
  timeAt(x: number): number {
    const duration = this.content?.duration ?? 0;
    const part = (x - gutter) / Math.max(1, this.width - gutter - rightMargin);
    return Math.min(duration, Math.max(0, part * duration));
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
  }

  private invalidate(): void {
    if (this.request === 0) this.request = requestAnimationFrame(() => this.draw());
  }

  private xOf(time: number): number {
    const duration = this.content?.duration || 1;
    return gutter + (time / duration) * (this.width - gutter - rightMargin);
  }

  private lanes(): { progress: [number, number]; reward: [number, number] } {
    const tracks = this.content?.tracks.length ?? 1;
    const top = 6 + tracks * (bandHeight + 2) + 6;
    const bottom = this.height - axisHeight;
    const room = bottom - top - laneGap;
    const split = top + room * 0.5;
    return { progress: [top, split], reward: [split + laneGap, bottom] };
  }

  private yOf(lane: 'progress' | 'reward', value: number): number {
    const [top, bottom] = this.lanes()[lane];
    const range = lane === 'progress' ? { low: 0, high: 1 } : this.rewardRange;
    const part = (value - range.low) / (range.high - range.low);
    return bottom - Math.min(1.02, Math.max(-0.02, part)) * (bottom - top);
  }

  private draw(): void {
    cancelAnimationFrame(this.request);
    this.request = 0;
    if (this.width === 0) return;
    const ratio = this.canvas.width / this.width;
    const { context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.content) return;
    if (this.stale) {
      const quiet = this.still.getContext('2d')!;
      quiet.setTransform(ratio, 0, 0, ratio, 0, 0);
      quiet.clearRect(0, 0, this.width, this.height);
      this.drawStill(quiet, this.content);
      this.stale = false;
    }
    context.drawImage(this.still, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawCursor(context, this.content);
  }

  private drawStill(context: CanvasRenderingContext2D, content: PlotContent): void {
    const ink = inks[content.scheme];
    const visible = content.tracks.flatMap(({ series }) =>
      series.filter(({ name }) => !content.hidden.has(name)),
    );
    this.rewardRange = rangeOf(visible.filter(({ lane }) => lane === 'reward').map(({ values }) => values));
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    const right = this.width - rightMargin;

    content.tracks.forEach(({ episode }, row) => {
      const y = 6 + row * (bandHeight + 2);
      if (content.tracks.length > 1) {
        context.fillStyle = ink.strong;
        context.textAlign = 'right';
        context.fillText(row === 0 ? 'A' : 'B', gutter - 8, y + bandHeight / 2);
      }
      for (const band of stageBands(episode.trueStage)) {
        const from = this.xOf(band.start * episode.controlDt);
        const to = this.xOf(Math.min(band.end, episode.length) * episode.controlDt);
        const width = Math.max(to - from, 2);
        context.fillStyle = stageFill(content.scheme, band.stage, episode.stages.length);
        context.beginPath();
        context.roundRect(from, y, Math.max(width - 1, 1.5), bandHeight, 3);
        context.fill();
        const title = episode.stages[band.stage]?.title ?? `stage ${band.stage}`;
        if (context.measureText(title).width < width - 10) {
          context.fillStyle = content.scheme === 'dark' ? '#d5dbe5' : '#2b3442';
          context.textAlign = 'left';
          context.fillText(title, from + 6, y + bandHeight / 2 + 0.5);
        }
      }
    });

    const lanes = this.lanes();
    for (const lane of ['progress', 'reward'] as const) {
      const [top, bottom] = lanes[lane];
      const range = lane === 'progress' ? { low: 0, high: 1 } : this.rewardRange;
      context.textAlign = 'right';
      for (const tick of ticksOf(range, Math.max(1, Math.floor((bottom - top) / 26)))) {
        const y = Math.round(this.yOf(lane, tick)) + 0.5;
        context.strokeStyle = tick === 0 ? ink.zero : ink.line;
        context.beginPath();
        context.moveTo(gutter, y);
        context.lineTo(right, y);
        context.stroke();
        context.fillStyle = ink.text;
        context.fillText(String(tick), gutter - 7, y);
      }
      context.save();
      context.translate(9, (top + bottom) / 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = 'center';
      context.fillStyle = ink.text;
      context.font = '10px system-ui, sans-serif';
      context.fillText(lane, 0, 0);
      context.restore();
    }

    context.textAlign = 'center';
    const axisTop = this.height - axisHeight;
    for (const tick of ticksOf({ low: 0, high: content.duration }, Math.max(2, (right - gutter) / 90))) {
      const x = Math.round(this.xOf(tick)) + 0.5;
      context.strokeStyle = ink.line;
      context.beginPath();
      context.moveTo(x, lanes.progress[0]);
      context.lineTo(x, axisTop);
      context.stroke();
      context.fillStyle = ink.text;
      context.fillText(`${tick} s`, Math.min(x, right - 6), axisTop + axisHeight / 2 + 2);
    }

    content.tracks.forEach((track, row) => {
      // The later track is dashed, so that A and B differ without colour.
      context.setLineDash(row === 0 ? [] : [5, 3]);
      for (const series of track.series) {
        if (!content.hidden.has(series.name)) this.drawSeries(context, track.episode, series, content);
      }
      context.setLineDash([]);
      const y = lanes.progress[0];
      for (const frame of successStarts(track.episode.trueSuccess)) {
        this.drawFlag(context, this.xOf(frame * track.episode.controlDt), y, content, row);
      }
    });
  }

  private drawSeries(
    context: CanvasRenderingContext2D,
    episode: LoadedEpisode,
    series: Series,
    content: PlotContent,
  ): void {
    const strong = series.name === 'progress/true' || series.name === 'reward/total';
    context.strokeStyle = content.colour(series.name);
    context.lineWidth = strong ? 2 : 1.5;
    context.lineJoin = 'round';
    context.beginPath();
    let pen = false;
    for (const i of thin(series.values, Math.ceil(this.width))) {
      const value = series.values[i]!;
      // A gap where there is no number, never a made-up line.
      if (!Number.isFinite(value)) {
        pen = false;
        continue;
      }
      const x = this.xOf(i * episode.controlDt);
      const y = this.yOf(series.lane, value);
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
    }
    context.stroke();
    context.lineWidth = 1;
  }

  private drawFlag(
    context: CanvasRenderingContext2D,
    x: number,
    y: number,
    content: PlotContent,
    row: number,
  ): void {
    const colour = content.colour('progress/true');
    const bottom = this.height - axisHeight;
    context.strokeStyle = colour;
    context.globalAlpha = 0.55;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x + 0.5, y);
    context.lineTo(x + 0.5, bottom);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, y - 1);
    context.lineTo(x + 8, y + 3 + row * 8);
    context.lineTo(x, y + 7 + row * 8);
    context.fill();
  }

  private drawCursor(context: CanvasRenderingContext2D, content: PlotContent): void {
    const ink = inks[content.scheme];
    const bottom = this.height - axisHeight;
    if (this.hover !== null) {
      const x = this.xOf(this.hover);
      context.strokeStyle = ink.zero;
      context.beginPath();
      context.moveTo(x, 2);
      context.lineTo(x, bottom);
      context.stroke();
    }
    const x = this.xOf(this.time);
    context.strokeStyle = ink.strong;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x, 2);
    context.lineTo(x, bottom);
    context.stroke();
    context.lineWidth = 1;
    context.fillStyle = ink.strong;
    context.beginPath();
    context.roundRect(x - 4, 0, 8, 7, 2);
    context.fill();
    content.tracks.forEach(({ episode, series }, row) => {
      for (const one of series) {
        if (content.hidden.has(one.name)) continue;
        const at = this.time / episode.controlDt;
        const low = Math.min(Math.floor(at + 1e-6), one.values.length - 1);
        const high = Math.min(low + 1, one.values.length - 1);
        const value =
          one.values[low]! + (one.values[high]! - one.values[low]!) * Math.min(1, Math.max(0, at - low));
        if (!Number.isFinite(value)) continue;
        const dotX = this.xOf(Math.min(this.time, (one.values.length - 1) * episode.controlDt));
        context.fillStyle = content.colour(one.name);
        context.strokeStyle = content.scheme === 'dark' ? '#14171c' : '#ffffff';
        context.beginPath();
        if (row === 0) context.arc(dotX, this.yOf(one.lane, value), 3.2, 0, Math.PI * 2);
        else context.rect(dotX - 3, this.yOf(one.lane, value) - 3, 6, 6);
        context.fill();
        context.stroke();
      }
    });
  }
}
