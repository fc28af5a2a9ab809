/** Arithmetic of edited states: moving and turning what a handle holds, typing numbers, where a field lies in the world. Pure. */

import type { ProbeHandle, ProbeOpened, ProbeRange } from '../../lab/api.ts';

export type Layout = ProbeOpened['layout'];
export type Axis = 'x' | 'y' | 'z';
export type Point = readonly [number, number, number];

export const axes: readonly Axis[] = ['x', 'y', 'z'];

/** `block.pos[0]`, or `tool.x`. */
export function elementName(layout: Layout, index: number): string {
  const field = layout.find(({ offset, size }) => index >= offset && index < offset + size);
  if (!field) return `number ${index}`;
  return field.size === 1 ? field.name : `${field.name}[${index - field.offset}]`;
}

export const unitOf = (layout: Layout, index: number): string =>
  layout.find(({ offset, size }) => index >= offset && index < offset + size)?.unit ?? '';

/** The state after a body was moved by so many metres along x y z; axes along which it cannot go stay. */
export function moved(state: readonly number[], handle: ProbeHandle, by: Point): number[] {
  const out = [...state];
  for (const { axis, element, sign } of handle.moves) out[element]! += sign * by[axes.indexOf(axis)]!;
  if (handle.slide) {
    const { element, way } = handle.slide;
    // The part of the move that lies along the line.
    const square = way.reduce((sum, part) => sum + part * part, 0);
    out[element]! += way.reduce((sum, part, k) => sum + part * by[k]!, 0) / square;
  }
  return out;
}

/** The state in which a thing of places stands at the one of number `index`. */
function standing(state: readonly number[], { places }: ProbeHandle, index: number): number[] {
  const out = [...state];
  const place = places?.list[index];
  if (places && place) for (const [k, element] of places.elements.entries()) out[element] = place.values[k]!;
  return out;
}

const between = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!);

/** The state after a thing of places was laid down at a point: at the nearest of its places. */
export function laid(state: readonly number[], handle: ProbeHandle, point: Point): number[] {
  const list = handle.places?.list ?? [];
  let nearest = 0;
  for (const [i, { at }] of list.entries())
    if (between(at, point) < between(list[nearest]!.at, point)) nearest = i;
  return standing(state, handle, nearest);
}

/** Number of the place at which a thing stands; -1 where it is none of its places. */
const placeOf = (state: readonly number[], { places }: ProbeHandle): number =>
  places?.list.findIndex(({ values }) => values.every((value, k) => value === state[places.elements[k]!])) ??
  -1;

/** To the next place that lies that way, within 45 degrees of it; as it was where none does. `way`: of unit length. */
export function stepped(state: readonly number[], handle: ProbeHandle, way: Point): number[] {
  const list = handle.places?.list ?? [];
  const here = list[placeOf(state, handle)]?.at;
  if (!here) return [...state];
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, { at }] of list.entries()) {
    const [x, y] = [at[0]! - here[0]!, at[1]! - here[1]!];
    const along = x * way[0] + y * way[1];
    const aside = Math.abs(x * way[1] - y * way[0]);
    // Poses are float32.
    if (along < 1e-4 || aside > along + 1e-4) continue;
    // Straight on rather than aside, where both are about as near.
    const cost = along + 2 * aside;
    if (cost < least) [best, least] = [i, cost];
  }
  return best < 0 ? [...state] : standing(state, handle, best);
}

/** To the next (1) or previous (-1) of its places, round and round. */
export function cycled(state: readonly number[], handle: ProbeHandle, direction: 1 | -1): number[] {
  const count = handle.places?.list.length ?? 0;
  return count === 0
    ? [...state]
    : standing(state, handle, (placeOf(state, handle) + direction + count) % count);
}

/** The state after a body was turned by so many radians about its axis; as it was where nothing turns it. */
export function turned(state: readonly number[], { turn }: ProbeHandle, angle: number): number[] {
  const out = [...state];
  if (!turn) return out;
  const { kind, element: o } = turn;
  const by = turn.sign * angle;
  if (kind === 'angle') out[o]! += by;
  else if (kind === 'cosSin') {
    const [c, s] = [out[o]!, out[o + 1]!];
    out[o] = c * Math.cos(by) - s * Math.sin(by);
    out[o + 1] = c * Math.sin(by) + s * Math.cos(by);
  } else {
    // (0, 0, sin, cos) q
    const [x, y, z, w] = [out[o]!, out[o + 1]!, out[o + 2]!, out[o + 3]!];
    const [a, b] = [Math.cos(by / 2), Math.sin(by / 2)];
    out[o] = a * x - b * y;
    out[o + 1] = a * y + b * x;
    out[o + 2] = a * z + b * w;
    out[o + 3] = a * w - b * z;
  }
  return out;
}

/** The state with one number typed. The others of a direction (quaternion; cosine and sine) make room for it. */
export function typed(state: readonly number[], layout: Layout, index: number, value: number): number[] {
  const out = [...state];
  const field = layout.find(({ offset, size }) => index >= offset && index < offset + size);
  const isDirection =
    field !== undefined &&
    ((field.size === 4 && field.unit === 'x, y, z, w') || (field.size === 2 && field.unit === 'cos, sin'));
  if (!isDirection || !Number.isFinite(value)) {
    out[index] = value;
    return out;
  }
  const own = Math.max(-1, Math.min(1, value));
  let rest = 0;
  for (let k = field.offset; k < field.offset + field.size; k++) if (k !== index) rest += out[k]! ** 2;
  const left = 1 - own * own;
  for (let k = field.offset; k < field.offset + field.size; k++) {
    if (k === index) out[k] = own;
    // Nothing to scale: all that is left goes into the last of the others.
    else if (rest > 1e-12) out[k] = out[k]! * Math.sqrt(left / rest);
  }
  if (rest <= 1e-12) {
    const other = index === field.offset + field.size - 1 ? field.offset : field.offset + field.size - 1;
    out[other] = Math.sqrt(left);
  }
  return out;
}

export interface StateGroup {
  readonly title: string;
  readonly fields: Layout;
}

/** Fields of one thing together (`block.pos`, `block.vel`), what belongs to nothing last; what the engine keeps for itself apart. */
export function groupsOf(layout: Layout, guardDim: number): { groups: StateGroup[]; engine: Layout } {
  const open = layout.filter(({ offset }) => offset < guardDim);
  const stem = (name: string): string => (name.includes('.') ? name.slice(0, name.indexOf('.')) : '');
  const groups = [...Map.groupBy(open, ({ name }) => stem(name))].map(([title, fields]) => ({
    title,
    fields,
  }));
  const named = groups.filter(({ title }) => title !== '');
  const rest = groups.filter(({ title }) => title === '');
  return {
    groups: [...named, ...rest.map(({ fields }) => ({ title: 'episode', fields }))],
    engine: layout.filter(({ offset }) => offset >= guardDim),
  };
}

/** How far one step of a number goes, by its unit. */
export function stepOf(unit: string): number {
  if (unit === 'steps' || /\.\./.test(unit)) return 1;
  if (unit.startsWith('rad') || unit === 'x, y, z, w' || unit === 'cos, sin') return 0.05;
  if (unit === 'm') return 0.01;
  return 0.05;
}

/** Half of the range that a sweep or a field first goes over, by the unit. */
export function reachOf(unit: string): number {
  if (unit === 'rad') return Math.PI;
  if (unit === 'm') return 0.25;
  if (unit === 'm/s') return 1;
  if (unit === 'rad/s') return 8;
  if (unit === 'x, y, z, w' || unit === 'cos, sin') return 0.1;
  return 1;
}

/** Largest of the whole numbers from 0 on among which a number with this unit chooses; null of other units. */
export function lastChoice(unit: string): number | null {
  const last = /^0 \.\. (\d+)$/.exec(unit)?.[1];
  return last === undefined ? null : Number(last);
}

/** As many digits as one can use, and no trailing zeros. */
export const tidy = (value: number): string => {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(2);
  return String(Number(value.toFixed(4)));
};

/** Where a grid lies in the world: the corner of its first value, and the ways along its axes to the last. */
export interface FieldPlace {
  readonly corner: Point;
  readonly ways: readonly Point[];
}

/**
 * Where the values of a field belong, in metres; null where an axis moves nothing one to one (angles, speeds). `at`: where the held
 * body is in this state.
 */
export function fieldPlace(
  state: readonly number[],
  handle: ProbeHandle | undefined,
  at: Point,
  ranges: readonly ProbeRange[],
): FieldPlace | null {
  if (!handle) return null;
  const corner: [number, number, number] = [...at];
  const ways: Point[] = [];
  for (const { element, from, to } of ranges) {
    const move = handle.moves.find((one) => one.element === element);
    if (!move) return null;
    const k = axes.indexOf(move.axis);
    corner[k] = corner[k]! + move.sign * (from - state[element]!);
    const way: [number, number, number] = [0, 0, 0];
    way[k] = move.sign * (to - from);
    ways.push(way);
  }
  return { corner, ways };
}

/** Values at which lines of equal value are drawn: round, about `count` of them, none at the ends. */
export function levelsOf(low: number, high: number, count: number): number[] {
  const span = high - low;
  if (!(span > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = ([1, 2, 5].find((factor) => factor * power >= span / count) ?? 10) * power;
  const levels: number[] = [];
  for (let i = Math.ceil(low / step); i * step < high; i++) {
    if (i * step > low) levels.push(Number((i * step).toPrecision(12)));
  }
  return levels;
}
