/** One picture of the stage as it is written to a file: ground, views side by side, and what is burnt in. */

import { paintTags } from '../stage/names.ts';
import type { StageView } from '../stage/view.ts';
import { stageViews } from '../stage/views.ts';
import type { Scheme } from '../state/colours.ts';
import { palette } from '../state/layout.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { frameIn, positionIn, type SlotName, usePlayers } from '../state/players.ts';
import type { Rect } from './plan.ts';

export interface Burnt {
  /** Run, episode, seed and time in the corner. */
  readonly title: boolean;
  /** Rings and numbers of true and learned progress beside the tool. */
  readonly progress: boolean;
  /** Bars of the reward terms. */
  readonly terms: boolean;
  /** The names that are on screen. */
  readonly names: boolean;
}

export interface Composition {
  readonly slots: readonly SlotName[];
  readonly cells: readonly Rect[];
  readonly width: number;
  readonly height: number;
  readonly scheme: Scheme;
  readonly transparent: boolean;
  readonly burnt: Burnt;
}

type Context = CanvasRenderingContext2D;

const colours = {
  dark: {
    sky: ['#3c4755', '#27303b', '#1a2028'],
    line: '#0d1014',
    card: 'rgba(23, 27, 33, 0.82)',
    text: '#d8dde5',
    dim: '#a9b3c2',
    ring: '#3a424f',
    truth: '#2fc39a',
    learned: '#f2a33a',
  },
  light: {
    sky: ['#ffffff', '#eef1f4', '#dde2e8'],
    line: '#c9d0d8',
    card: 'rgba(255, 255, 255, 0.86)',
    text: '#1d2530',
    dim: '#586473',
    ring: '#ccd3db',
    truth: '#00805c',
    learned: '#b86a00',
  },
} as const;

/** Draws the moment of the clock. The views are released by whoever called, after the last picture. */
export function compose(context: Context, plan: Composition, time: number): void {
  const look = colours[plan.scheme];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, plan.width, plan.height);
  if (!plan.transparent) {
    context.fillStyle = look.line;
    context.fillRect(0, 0, plan.width, plan.height);
  }
  plan.slots.forEach((name, i) => {
    const cell = plan.cells[i]!;
    const view = stageViews.get(name);
    const { loaded } = usePlayers.getState()[name];
    context.save();
    context.beginPath();
    context.rect(cell.x, cell.y, cell.width, cell.height);
    context.clip();
    context.translate(cell.x, cell.y);
    if (!plan.transparent) sky(context, cell, look.sky);
    if (view) {
      const picture = view.capture(positionIn(name, time), cell.width, cell.height);
      context.drawImage(picture, 0, 0, cell.width, cell.height);
      if (loaded) burn(context, plan, cell, view, loaded, name, time);
    }
    context.restore();
  });
}

export function release(slots: readonly SlotName[]): void {
  for (const name of slots) stageViews.get(name)?.release();
}

function sky(context: Context, { width, height }: Rect, stops: readonly string[]): void {
  context.save();
  context.translate(width / 2, height * 0.35);
  context.scale(0.95 * width, 0.9 * height);
  const gradient = context.createRadialGradient(0, 0, 0, 0, 0, 1);
  gradient.addColorStop(0, stops[0]!);
  gradient.addColorStop(0.55, stops[1]!);
  gradient.addColorStop(1, stops[2]!);
  context.fillStyle = gradient;
  context.fillRect(-1, -1, 2, 2);
  context.restore();
}

function burn(
  context: Context,
  { burnt, scheme, slots }: Composition,
  cell: Rect,
  view: StageView,
  loaded: LoadedEpisode,
  name: SlotName,
  time: number,
): void {
  const look = colours[scheme];
  // As large as in a window whose stage is 640 pixels wide, but never too small to be read.
  const unit = Math.max(0.8, Math.min(cell.width / 640, cell.height / 360));
  const frame = frameIn(name, time);
  const card = (x: number, y: number, width: number, height: number, radius: number): void => {
    context.fillStyle = look.card;
    context.beginPath();
    context.roundRect(x, y, width, height, radius);
    context.fill();
  };
  const font = (size: number, weight = 400): void => {
    context.font = `${weight} ${size * unit}px system-ui, sans-serif`;
  };
  if (burnt.names)
    paintTags(context, view.tags(positionIn(name, time)), cell.width, cell.height, unit, scheme === 'dark');

  if (burnt.title) {
    const { runName, id, seed, task } = loaded.episode;
    const first = `${slots.length > 1 ? `${name.toUpperCase()}  ` : ''}${runName}`;
    const stage = loaded.stages[loaded.trueStage[frame] ?? 0]?.title ?? '';
    const second = `${task} · episode ${id} · seed ${seed} · ${(frame * loaded.controlDt).toFixed(2)} s · ${stage}`;
    font(13, 600);
    const width = context.measureText(first).width;
    font(11);
    card(
      8 * unit,
      8 * unit,
      Math.max(width, context.measureText(second).width) + 16 * unit,
      40 * unit,
      6 * unit,
    );
    context.textBaseline = 'middle';
    context.fillStyle = look.dim;
    context.fillText(second, 16 * unit, 37 * unit);
    font(13, 600);
    context.fillStyle = look.text;
    context.fillText(first, 16 * unit, 20 * unit);
  }

  const tool = burnt.progress ? view.toolInPicture() : null;
  if (tool) {
    const truth = loaded.trueProgress[frame] ?? 0;
    const learned = loaded.learned[0]?.values[frame];
    const height = 44 * unit;
    font(11, 600);
    const text = learned === undefined ? 'true 0.00' : 'learned 0.00';
    const width = height + context.measureText(text).width + 14 * unit;
    const at = { x: tool.x * cell.width, y: tool.y * cell.height };
    const fits = at.x + 14 * unit + width < cell.width - 6 * unit;
    const x = Math.max(6 * unit, fits ? at.x + 14 * unit : at.x - 14 * unit - width);
    const y = Math.max(6 * unit, at.y - 50 * unit);
    card(x, y, width, height, height / 2);
    const ring = (radius: number, share: number, colour: string): void => {
      const middle = [x + height / 2, y + height / 2] as const;
      context.lineWidth = 3.6 * unit;
      for (const [part, stroke] of [
        [1, look.ring],
        [Math.min(1, Math.max(0, share)), colour],
      ] as const) {
        if (part === 0) continue;
        context.strokeStyle = stroke;
        context.beginPath();
        context.arc(...middle, radius * unit, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * part);
        context.stroke();
      }
    };
    ring(17, truth, look.truth);
    if (learned !== undefined) ring(12, learned, look.learned);
    context.textBaseline = 'middle';
    const line = (text: string, row: number, colour: string, weight: number): void => {
      font(11, weight);
      context.fillStyle = colour;
      context.fillText(text, x + height + 2 * unit, y + height / 2 + row * unit);
    };
    line(`true ${truth.toFixed(2)}`, learned === undefined ? 0 : -7, look.truth, 600);
    if (learned !== undefined) line(`learned ${learned.toFixed(2)}`, 7, look.learned, 400);
  }

  if (burnt.terms && loaded.terms.length > 0) {
    const terms = loaded.terms.slice(0, 6);
    let largest = 1e-9;
    for (const { product } of terms)
      for (let k = 0; k < product.length; k++) largest = Math.max(largest, Math.abs(product[k]!));
    const row = 17 * unit;
    font(11);
    const label = Math.min(
      0.3 * cell.width,
      Math.max(...terms.map(({ id }) => context.measureText(id).width)),
    );
    const bar = 90 * unit;
    const height = row * terms.length + 10 * unit;
    const x = 8 * unit;
    const y = cell.height - height - 8 * unit;
    const numbers = 44 * unit;
    card(x, y, label + bar + numbers + 28 * unit, height, 6 * unit);
    terms.forEach(({ id, product }, i) => {
      const value = product[frame];
      const middle = y + 5 * unit + row * (i + 0.5);
      const zero = x + label + 16 * unit;
      context.fillStyle = look.text;
      context.textBaseline = 'middle';
      context.fillText(id, x + 8 * unit, middle, label);
      context.fillStyle = look.ring;
      context.fillRect(zero, middle - 3 * unit, bar, 6 * unit);
      context.fillStyle = palette.colour(`reward/${id}`, scheme);
      context.globalAlpha = value !== undefined && value < 0 ? 0.5 : 1;
      context.fillRect(zero, middle - 3 * unit, (bar * Math.abs(value ?? 0)) / largest, 6 * unit);
      context.globalAlpha = 1;
      context.fillStyle = look.dim;
      context.fillText(value === undefined ? '–' : value.toFixed(2), zero + bar + 6 * unit, middle);
    });
  }
}
