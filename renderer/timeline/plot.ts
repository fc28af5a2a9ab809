/**
 * Draws the timeline of up to nine episodes on a canvas: stage bands, events, lanes of progress, reward and value, what is left out
 * by in and out points, a small map of the whole, the cursor. The curves are drawn once into a second canvas for each zoom and only
 * the cursor moves, so a seek costs one copy.
 */

import type { Scheme } from '../state/colours.ts';
import type { EpisodeEvent } from '../state/events.ts';
import { type LoadedEpisode, type Series, stageBands, successStarts } from '../state/opened.ts';
import { binsOf, indexAt, type Path, pathOf, stackExtent, stackPaths } from './bins.ts';
import { fitCanvases } from './canvas.ts';
import { type Range, rangeOf, ticksOf } from './scale.ts';
import { type Span, spanOf, whole, type Zoom } from './zoom.ts';

export interface PlotTrack {
  /** Of its player, upper case. */
  readonly letter: string;
  readonly letterColour: string;
  readonly episode: LoadedEpisode;
  readonly series: readonly Series[];
  readonly events: readonly EpisodeEvent[];
  /** When the clock shows each frame, under whatever alignment; never goes down. [T + 1] */
  readonly times: Float64Array;
  /** Where the clock stands in the episode, between its frames. */
  position(time: number): number;
}

export interface PlotContent {
  /** In the order of their letters; the first one is solid. */
  readonly tracks: readonly PlotTrack[];
  /** The track of the active player: of several, its band of differences alone is drawn. */
  readonly active: number;
  /** Which track's terms are stacked; null: all terms overlaid. */
  readonly stacked: number | null;
  /** Seconds of the clock. */
  readonly duration: number;
  readonly hidden: ReadonlySet<string>;
  readonly scheme: Scheme;
  colour(name: string): string;
}

/** In and out points, null where there is none. */
export interface Points {
  readonly inPoint: number | null;
  readonly outPoint: number | null;
}

type Lane = Series['lane'];

const gutter = 52;
const rightMargin = 14;
const axisHeight = 19;
const mapHeight = 15;
const laneGap = 9;
const laneTitles: Readonly<Record<Lane, string>> = { progress: 'progress', reward: 'reward', value: 'value' };

/** Dashes by track: told apart without colour; the letters at their ends say which is which. */
const dashes: readonly (readonly number[])[] = [
  [],
  [6, 3],
  [2, 2.5],
  [9, 3, 2, 3],
  [4, 2],
  [12, 4],
  [2, 5],
  [7, 2, 2, 2, 2, 2],
  [1, 2],
];

const inks = {
  dark: {
    text: '#98a2b3',
    strong: '#e6e9ee',
    line: 'rgba(150,165,190,0.14)',
    zero: 'rgba(150,165,190,0.4)',
    ground: '#171b21',
    veil: 'rgba(8,10,13,0.5)',
    map: 'rgba(90,169,240,0.2)',
    mapLine: '#5aa9f0',
    bad: '#ff8b85',
    warn: '#eec04a',
  },
  light: {
    text: '#5f6b7a',
    strong: '#1d2530',
    line: 'rgba(60,75,100,0.12)',
    zero: 'rgba(60,75,100,0.38)',
    ground: '#ffffff',
    veil: 'rgba(120,130,145,0.2)',
    map: 'rgba(10,110,189,0.14)',
    mapLine: '#0a6ebd',
    bad: '#c22a22',
    warn: '#8a5c00',
  },
} as const;

/** Quiet greys-to-blue for stage bands: order is what matters, curves keep the strong colours. */
export const stageFill = (scheme: Scheme, stage: number, count: number): string => {
  const part = count <= 1 ? 0.5 : stage / (count - 1);
  return scheme === 'dark'
    ? `hsl(${222 - part * 62} ${18 + part * 22}% ${25 + part * 12}%)`
    : `hsl(${222 - part * 62} ${28 + part * 22}% ${90 - part * 14}%)`;
};

/** Height of a track's stage band and of its events, by how many tracks there are. */
const rowSizes = (tracks: number): readonly [number, number] =>
  tracks <= 2 ? [16, 11] : tracks <= 4 ? [12, 10] : [8, 8];

export class TimelinePlot {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly still = document.createElement('canvas');
  private content: PlotContent | null = null;
  private zoom: Zoom = whole;
  private points: Points = { inPoint: null, outPoint: null };
  private width = 0;
  private height = 0;
  private time = 0;
  private hover: number | null = null;
  private request = 0;
  private stale = true;
  private ranges: Record<Lane, Range> = {
    progress: { low: 0, high: 1 },
    reward: { low: 0, high: 1 },
    value: { low: 0, high: 1 },
  };
  /** Milliseconds that the last drawing of the curves took; for tests and benches. */
  drawMs = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d')!;
  }

  setContent(content: PlotContent | null): void {
    this.content = content;
    if (content) this.measure(content);
    this.stale = true;
    this.invalidate();
  }

  setZoom(zoom: Zoom): void {
    if (zoom === this.zoom) return;
    this.zoom = zoom;
    this.stale = true;
    this.invalidate();
  }

  setTime(time: number): void {
    if (time === this.time) return;
    this.time = time;
    this.invalidate();
  }

  setPoints({ inPoint, outPoint }: Points): void {
    if (inPoint === this.points.inPoint && outPoint === this.points.outPoint) return;
    this.points = { inPoint, outPoint };
    this.invalidate();
  }

  /** Seconds under the pointer, or null. */
  setHover(time: number | null): void {
    if (time === this.hover) return;
    this.hover = time;
    this.invalidate();
  }

  resize(width: number, height: number): void {
    if (!fitCanvases([this.canvas, this.still], width, height)) return;
    this.width = width;
    this.height = height;
    this.stale = true;
    // At once: a resized canvas is blank until it is drawn.
    this.draw();
  }

  /** Seconds at a distance from the canvas's left edge, within what is shown. */
  timeAt(x: number): number {
    const { from, to } = this.span();
    const part = (x - gutter) / this.room();
    return Math.min(to, Math.max(from, from + part * (to - from)));
  }

  /** Seconds that a distance on the canvas stands for. */
  secondsOf(pixels: number): number {
    const { from, to } = this.span();
    return (pixels / this.room()) * (to - from);
  }

  /** Is this height on the small map? */
  isMap(y: number): boolean {
    return y >= this.height - mapHeight - 2;
  }

  /** Seconds at a place of the small map. */
  mapTimeAt(x: number): number {
    const duration = this.content?.duration ?? 0;
    return Math.min(duration, Math.max(0, ((x - gutter) / this.room()) * duration));
  }

  /** The event whose mark is under the pointer. */
  eventAt(
    x: number,
    y: number,
  ): { readonly event: EpisodeEvent; readonly letter: string; readonly time: number } | null {
    const tracks = this.content?.tracks ?? [];
    const [band, strip] = rowSizes(tracks.length);
    const row = Math.floor((y - 4) / (band + strip + 2));
    const track = tracks[row];
    if (!track) return null;
    let best: { event: EpisodeEvent; letter: string; time: number } | null = null;
    let nearest = 7;
    for (const event of track.events) {
      const time = track.times[event.frame] ?? 0;
      const away = Math.abs(this.xOf(time) - x);
      if (away >= nearest) continue;
      nearest = away;
      best = { event, letter: track.letter, time };
    }
    return best;
  }

  dispose(): void {
    cancelAnimationFrame(this.request);
  }

  private span(): Span {
    return spanOf(this.zoom, this.content?.duration ?? 0);
  }

  private room(): number {
    return Math.max(1, this.width - gutter - rightMargin);
  }

  private invalidate(): void {
    if (this.request === 0) this.request = requestAnimationFrame(() => this.draw());
  }

  private xOf(time: number): number {
    const { from, to } = this.span();
    return gutter + ((time - from) / (to - from)) * this.room();
  }

  private visible(content: PlotContent): readonly Series[] {
    return content.tracks.flatMap(({ series }) => series.filter(({ name }) => isDrawn(name, content.hidden)));
  }

  /** What the lanes reach, over whole episodes: the scale does not jump while one pans. */
  private measure(content: PlotContent): void {
    const visible = this.visible(content);
    const of = (lane: Lane) => visible.filter((one) => one.lane === lane);
    const reward = of('reward').map(({ values }) => values);
    if (content.stacked !== null) {
      const terms = content.tracks[content.stacked]?.series.filter(
        ({ name, isTerm }) => isTerm && isDrawn(name, content.hidden),
      );
      reward.push(stackExtent((terms ?? []).map(({ values }) => values)));
    }
    const progress = rangeOf([
      [1],
      ...of('progress').flatMap(({ values, band }) => [values, ...(band ? [band.low, band.high] : [])]),
    ]);
    this.ranges = {
      // Most give [0, 1]; the band of an ensemble may go beyond.
      progress: { low: Math.max(-0.5, progress.low), high: Math.min(1.5, progress.high / 1.06) },
      reward: rangeOf(reward),
      value: rangeOf(of('value').map(({ values }) => values)),
    };
  }

  /** Top and bottom of each lane that has something to show, progress always. */
  private lanes(content: PlotContent): Partial<Record<Lane, readonly [number, number]>> {
    const [band, strip] = rowSizes(content.tracks.length);
    const top = 4 + content.tracks.length * (band + strip + 2) + 5;
    const bottom = this.height - axisHeight - mapHeight - 4;
    const used = new Set(this.visible(content).map(({ lane }) => lane));
    const shown = (['progress', 'reward', 'value'] as const).filter(
      (lane) => lane === 'progress' || used.has(lane),
    );
    const weights = { progress: 1.15, reward: 1, value: 0.8 };
    const sum = shown.reduce((total, lane) => total + weights[lane], 0);
    const room = Math.max(1, bottom - top - laneGap * (shown.length - 1));
    const lanes: Partial<Record<Lane, readonly [number, number]>> = {};
    let y = top;
    for (const lane of shown) {
      const height = (room * weights[lane]) / sum;
      lanes[lane] = [y, y + height];
      y += height + laneGap;
    }
    return lanes;
  }

  private yOf([top, bottom]: readonly [number, number], lane: Lane, value: number): number {
    const { low, high } = this.ranges[lane];
    const part = (value - low) / (high - low);
    return bottom - Math.min(1.02, Math.max(-0.02, part)) * (bottom - top);
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
      const begun = performance.now();
      const quiet = this.still.getContext('2d')!;
      quiet.setTransform(ratio, 0, 0, ratio, 0, 0);
      quiet.clearRect(0, 0, this.width, this.height);
      this.drawStill(quiet, content);
      this.stale = false;
      this.drawMs = performance.now() - begun;
    }
    context.drawImage(this.still, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawMap(context, content);
    this.drawPoints(context, content);
    this.drawCursor(context, content);
  }

  private drawStill(context: CanvasRenderingContext2D, content: PlotContent): void {
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'middle';
    const lanes = this.lanes(content);
    this.drawRows(context, content);
    this.drawAxes(context, content, lanes);
    context.save();
    context.beginPath();
    context.rect(gutter - 1, 0, this.room() + rightMargin, this.height - mapHeight);
    context.clip();
    const ends: number[] = [];
    content.tracks.forEach((track, row) => {
      const own = track.series.filter(({ name }) => isDrawn(name, content.hidden));
      for (const one of own) {
        if (one.band && (!one.isBandOnly || row === content.active))
          this.drawBand(context, track, one, lanes[one.lane], content);
      }
      if (content.stacked === row && lanes.reward) this.drawStack(context, track, lanes.reward, content);
      context.setLineDash([...dashes[row % dashes.length]!]);
      for (const one of own) {
        const isPiled = one.isTerm === true && content.stacked !== null;
        if (!one.isBandOnly && !isPiled) this.drawSeries(context, track, one, lanes[one.lane], content);
      }
      context.setLineDash([]);
      if (content.tracks.length > 1) this.drawEndLetter(context, track, lanes.progress!, ends);
      for (const frame of successStarts(track.episode.trueSuccess))
        this.drawFlag(context, this.xOf(track.times[frame]!), lanes.progress![0], content, row);
    });
    context.restore();
  }

  /** Of each episode: its stages, and under them what happens. */
  private drawRows(context: CanvasRenderingContext2D, content: PlotContent): void {
    const ink = inks[content.scheme];
    const { from, to } = this.span();
    const right = gutter + this.room();
    const [height, strip] = rowSizes(content.tracks.length);
    content.tracks.forEach(({ episode, letter, letterColour, times, events }, row) => {
      const y = 4 + row * (height + strip + 2);
      if (content.tracks.length > 1) {
        context.fillStyle = letterColour;
        context.textAlign = 'right';
        context.font = 'bold 11px system-ui, sans-serif';
        context.fillText(letter, gutter - 8, y + (height + strip) / 2);
        context.font = '11px system-ui, sans-serif';
      }
      for (const band of stageBands(episode.trueStage)) {
        const begins = times[band.start]!;
        const ends = times[Math.min(band.end, episode.length)]!;
        if (ends < from || begins > to) continue;
        const left = Math.max(gutter, this.xOf(begins));
        const width = Math.max(Math.min(right, this.xOf(ends)) - left, 2);
        context.fillStyle = stageFill(content.scheme, band.stage, episode.stages.length);
        context.beginPath();
        context.roundRect(left, y, Math.max(width - 1, 1.5), height, Math.min(3, height / 3));
        context.fill();
        const title = episode.stages[band.stage]?.title ?? `stage ${band.stage}`;
        if (height >= 11 && context.measureText(title).width < width - 10) {
          context.fillStyle = content.scheme === 'dark' ? '#d5dbe5' : '#2b3442';
          context.textAlign = 'left';
          context.fillText(title, left + 6, y + height / 2 + 0.5);
        }
      }
      for (const event of events) {
        const time = times[event.frame]!;
        if (time < from || time > to) continue;
        this.drawEvent(context, event, this.xOf(time), y + height + strip / 2 + 0.5, content);
      }
      if (events.length === 0 && strip >= 10) {
        context.fillStyle = ink.line;
        context.fillRect(gutter, y + height + strip / 2, this.room(), 1);
      }
    });
  }

  /** Each kind has a shape of its own: colour says it once more. */
  private drawEvent(
    context: CanvasRenderingContext2D,
    { kind }: EpisodeEvent,
    x: number,
    y: number,
    content: PlotContent,
  ): void {
    const ink = inks[content.scheme];
    context.beginPath();
    switch (kind) {
      case 'stage':
        context.fillStyle = ink.text;
        context.rect(x - 0.75, y - 4, 1.5, 8);
        break;
      case 'success':
        context.fillStyle = content.colour('progress/true');
        context.moveTo(x - 1, y - 4);
        context.lineTo(x + 6, y - 1);
        context.lineTo(x - 1, y + 2);
        context.rect(x - 1, y - 4, 1.3, 8);
        break;
      case 'contact':
        context.fillStyle = ink.strong;
        context.arc(x, y, 2.3, 0, Math.PI * 2);
        break;
      case 'intervention':
        context.fillStyle = ink.warn;
        context.moveTo(x, y - 4);
        context.lineTo(x + 4, y);
        context.lineTo(x, y + 4);
        context.lineTo(x - 4, y);
        break;
      case 'diverged':
        context.strokeStyle = ink.bad;
        context.lineWidth = 1.8;
        context.moveTo(x - 3.5, y - 3.5);
        context.lineTo(x + 3.5, y + 3.5);
        context.moveTo(x + 3.5, y - 3.5);
        context.lineTo(x - 3.5, y + 3.5);
        context.stroke();
        context.lineWidth = 1;
        return;
    }
    context.fill();
  }

  private drawAxes(
    context: CanvasRenderingContext2D,
    content: PlotContent,
    lanes: Partial<Record<Lane, readonly [number, number]>>,
  ): void {
    const ink = inks[content.scheme];
    const right = gutter + this.room();
    for (const [lane, place] of Object.entries(lanes) as [Lane, readonly [number, number]][]) {
      const [top, bottom] = place;
      context.textAlign = 'right';
      for (const tick of ticksOf(this.ranges[lane], Math.max(1, Math.floor((bottom - top) / 24)))) {
        const y = Math.round(this.yOf(place, lane, tick)) + 0.5;
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
      if (bottom - top > 34) context.fillText(laneTitles[lane], 0, 0);
      context.restore();
    }
    context.textAlign = 'center';
    const axisTop = this.height - axisHeight - mapHeight - 3;
    const { from, to } = this.span();
    for (const tick of ticksOf({ low: from, high: to }, Math.max(2, this.room() / 90))) {
      const x = Math.round(this.xOf(tick)) + 0.5;
      context.strokeStyle = ink.line;
      context.beginPath();
      context.moveTo(x, lanes.progress![0]);
      context.lineTo(x, axisTop);
      context.stroke();
      context.fillStyle = ink.text;
      context.fillText(`${tick} s`, Math.min(x, right - 6), axisTop + axisHeight / 2 + 1);
    }
  }

  private path(values: ArrayLike<number>, { times }: PlotTrack): Path {
    return pathOf(values, times, this.span(), this.room());
  }

  private drawSeries(
    context: CanvasRenderingContext2D,
    track: PlotTrack,
    series: Series,
    place: readonly [number, number] | undefined,
    content: PlotContent,
  ): void {
    if (!place) return;
    const strong = series.name === 'progress/true' || series.name === 'reward/total';
    const { count, time, low, high } = this.path(series.values, track);
    context.strokeStyle = content.colour(series.name);
    context.lineWidth = strong ? 2 : 1.5;
    context.lineJoin = 'round';
    context.beginPath();
    let pen = false;
    let before = 0;
    for (let k = 0; k < count; k++) {
      // A gap where there is no number, never a made-up line.
      if (Number.isNaN(low[k]!)) {
        pen = false;
        continue;
      }
      const x = this.xOf(time[k]!);
      const bottom = this.yOf(place, series.lane, low[k]!);
      const top = this.yOf(place, series.lane, high[k]!);
      // Of a bin the nearer end first: the line goes on from where it was.
      const isUp = Math.abs(bottom - before) <= Math.abs(top - before);
      const [first, last] = isUp ? [bottom, top] : [top, bottom];
      if (pen) context.lineTo(x, first);
      else context.moveTo(x, first);
      if (last !== first) context.lineTo(x, last);
      before = last;
      pen = true;
    }
    context.stroke();
    context.lineWidth = 1;
  }

  private drawBand(
    context: CanvasRenderingContext2D,
    track: PlotTrack,
    series: Series,
    place: readonly [number, number] | undefined,
    content: PlotContent,
  ): void {
    if (!place || !series.band) return;
    const low = this.path(series.band.low, track);
    const high = this.path(series.band.high, track);
    context.fillStyle = content.colour(series.name);
    context.globalAlpha = series.isBandOnly ? 0.22 : 0.2;
    context.beginPath();
    for (let k = 0; k < high.count; k++) {
      if (Number.isNaN(high.high[k]!)) continue;
      context.lineTo(this.xOf(high.time[k]!), this.yOf(place, series.lane, high.high[k]!));
    }
    for (let k = low.count - 1; k >= 0; k--) {
      if (Number.isNaN(low.low[k]!)) continue;
      context.lineTo(this.xOf(low.time[k]!), this.yOf(place, series.lane, low.low[k]!));
    }
    context.closePath();
    context.fill();
    context.globalAlpha = 1;
  }

  private drawStack(
    context: CanvasRenderingContext2D,
    track: PlotTrack,
    place: readonly [number, number],
    content: PlotContent,
  ): void {
    const terms = track.series.filter(({ name, isTerm }) => isTerm && isDrawn(name, content.hidden));
    const paths = terms.map(({ values }) => this.path(values, track));
    stackPaths(paths).forEach(({ base, top }, i) => {
      const { time, count } = paths[i]!;
      context.fillStyle = content.colour(terms[i]!.name);
      context.globalAlpha = 0.62;
      context.beginPath();
      for (let k = 0; k < count; k++) context.lineTo(this.xOf(time[k]!), this.yOf(place, 'reward', top[k]!));
      for (let k = count - 1; k >= 0; k--)
        context.lineTo(this.xOf(time[k]!), this.yOf(place, 'reward', base[k]!));
      context.closePath();
      context.fill();
      context.globalAlpha = 1;
    });
  }

  /** Where the true progress of a track leaves the picture, or below letters that stand there. */
  private drawEndLetter(
    context: CanvasRenderingContext2D,
    { letter, letterColour, episode, times }: PlotTrack,
    place: readonly [number, number],
    taken: number[],
  ): void {
    const { to } = this.span();
    const frame = Math.min(episode.length, Math.max(0, indexAt(times, to + 1e-9) - 1));
    const x = Math.min(this.xOf(times[frame]!) + 8, this.width - 6);
    context.fillStyle = letterColour;
    context.textAlign = 'center';
    context.font = 'bold 10px system-ui, sans-serif';
    let y = this.yOf(place, 'progress', episode.trueProgress[frame]!);
    while (taken.some((other) => Math.abs(other - y) < 9)) y += 9;
    taken.push(y);
    context.fillText(letter, x, y);
    context.font = '11px system-ui, sans-serif';
  }

  private drawFlag(
    context: CanvasRenderingContext2D,
    x: number,
    y: number,
    content: PlotContent,
    row: number,
  ): void {
    const colour = content.colour('progress/true');
    const bottom = this.height - axisHeight - mapHeight - 4;
    context.strokeStyle = colour;
    context.globalAlpha = 0.55;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x + 0.5, y);
    context.lineTo(x + 0.5, bottom);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    if (row > 2) return;
    context.fillStyle = colour;
    context.beginPath();
    context.moveTo(x, y - 1);
    context.lineTo(x + 8, y + 3 + row * 8);
    context.lineTo(x, y + 7 + row * 8);
    context.fill();
  }

  /** All of the clock in little: stages and true progress of the first track, and what of it is shown above. */
  private drawMap(context: CanvasRenderingContext2D, content: PlotContent): void {
    const ink = inks[content.scheme];
    const [track] = content.tracks;
    const top = this.height - mapHeight - 1;
    const { duration } = content;
    if (!track || duration <= 0) return;
    const xOf = (time: number): number => gutter + (time / duration) * this.room();
    const { episode, times } = track;
    for (const { stage, start, end } of stageBands(episode.trueStage)) {
      const left = xOf(times[start]!);
      context.fillStyle = stageFill(content.scheme, stage, episode.stages.length);
      context.globalAlpha = 0.7;
      context.fillRect(
        left,
        top,
        Math.max(1, xOf(times[Math.min(end, episode.length)]!) - left),
        mapHeight - 2,
      );
      context.globalAlpha = 1;
    }
    const size = Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, times.length / this.room()))));
    const { mean } = binsOf(episode.trueProgress, size);
    context.strokeStyle = content.colour('progress/true');
    context.beginPath();
    for (let k = 0; k < mean.length; k++)
      context.lineTo(
        xOf(times[Math.min(times.length - 1, k * size)]!),
        top + mapHeight - 3 - Math.min(1, Math.max(0, mean[k]!)) * (mapHeight - 4),
      );
    context.stroke();
    const { from, to } = this.span();
    const left = xOf(from);
    const right = xOf(to);
    if (this.zoom.to !== null) {
      context.fillStyle = ink.veil;
      context.fillRect(gutter, top, left - gutter, mapHeight - 2);
      context.fillRect(right, top, gutter + this.room() - right, mapHeight - 2);
      context.fillStyle = ink.map;
      context.fillRect(left, top, right - left, mapHeight - 2);
    }
    context.strokeStyle = this.zoom.to === null ? ink.zero : ink.mapLine;
    context.strokeRect(left + 0.5, top - 0.5, Math.max(2, right - left - 1), mapHeight - 1);
    const x = xOf(this.time);
    context.fillStyle = ink.strong;
    context.fillRect(x - 0.75, top - 1, 1.5, mapHeight);
  }

  /** What is not played lies under a veil. */
  private drawPoints(context: CanvasRenderingContext2D, content: PlotContent): void {
    const { inPoint, outPoint } = this.points;
    if (inPoint === null && outPoint === null) return;
    const ink = inks[content.scheme];
    const bottom = this.height - axisHeight - mapHeight - 4;
    const right = gutter + this.room();
    const { from, to } = this.span();
    context.fillStyle = ink.veil;
    if (inPoint !== null && inPoint > from)
      context.fillRect(gutter, 2, Math.min(right, this.xOf(inPoint)) - gutter, bottom - 2);
    if (outPoint !== null && outPoint < to) {
      const x = Math.max(gutter, this.xOf(outPoint));
      context.fillRect(x, 2, right - x, bottom - 2);
    }
    context.strokeStyle = ink.warn;
    context.lineWidth = 1.5;
    for (const [time, inward] of [
      [inPoint, 1],
      [outPoint, -1],
    ] as const) {
      if (time === null || time < from || time > to) continue;
      const x = this.xOf(time);
      context.beginPath();
      context.moveTo(x + 5 * inward, 2);
      context.lineTo(x, 2);
      context.lineTo(x, bottom);
      context.lineTo(x + 5 * inward, bottom);
      context.stroke();
    }
    context.lineWidth = 1;
  }

  private drawCursor(context: CanvasRenderingContext2D, content: PlotContent): void {
    const ink = inks[content.scheme];
    const bottom = this.height - axisHeight - mapHeight - 4;
    if (this.hover !== null) {
      const x = this.xOf(this.hover);
      context.strokeStyle = ink.zero;
      context.beginPath();
      context.moveTo(x, 2);
      context.lineTo(x, bottom);
      context.stroke();
    }
    const { from, to } = this.span();
    if (this.time < from - 1e-9 || this.time > to + 1e-9) return;
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
    const lanes = this.lanes(content);
    content.tracks.forEach(({ series, times, position }, row) => {
      const at = position(this.time);
      for (const one of series) {
        const place = lanes[one.lane];
        const isPiled = one.isTerm === true && content.stacked !== null;
        if (!place || one.isBandOnly || isPiled || !isDrawn(one.name, content.hidden)) continue;
        const last = one.values.length - 1;
        const low = Math.min(Math.floor(at + 1e-6), last);
        const high = Math.min(low + 1, last);
        const part = Math.min(1, Math.max(0, at - low));
        const value = one.values[low]! + (one.values[high]! - one.values[low]!) * part;
        if (!Number.isFinite(value)) continue;
        // An episode that is over holds its mark where it ended.
        const dot = Math.min(x, this.xOf(times[last]!));
        context.fillStyle = content.colour(one.name);
        context.strokeStyle = ink.ground;
        context.beginPath();
        if (row === 0) context.arc(dot, this.yOf(place, one.lane, value), 3.2, 0, Math.PI * 2);
        else context.rect(dot - 3, this.yOf(place, one.lane, value) - 3, 6, 6);
        context.fill();
        context.stroke();
      }
    });
  }
}

/** Truth is never taken away. */
export const isDrawn = (name: string, hidden: ReadonlySet<string>): boolean =>
  name === 'progress/true' || !hidden.has(name);
