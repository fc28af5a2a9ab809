/**
 * What a state is made of and what can be done with it, found out from the task model alone: which numbers move which body, whether
 * a state is one that an episode could have, how a grid of values climbs, how far a frame lies from those that were seen.
 */

import type { StateField, TaskModel } from '../sim/env.ts';
import type { ProbeHandle } from './api/probe.ts';

/** As the guard of sim/batch.ts. */
const exploded = 1e4;
/** A unit vector of the state may be this much longer or shorter than 1. */
const unitWithin = 1e-3;

/** `blockVel[1]`, or `step`. */
export function elementName(layout: readonly StateField[], index: number): string {
  const field = layout.find(({ offset, size }) => index >= offset && index < offset + size);
  if (field === undefined) return `number ${index}`;
  return field.size === 1 ? field.name : `${field.name}[${index - field.offset}]`;
}

const isQuaternion = ({ size, unit }: StateField): boolean => size === 4 && unit === 'x, y, z, w';
const isCosSin = ({ size, unit }: StateField): boolean => size === 2 && unit === 'cos, sin';

/** Why no episode has such a row, in words; null where it is sound. state: [.., stateDim] from `o`. */
export function stateProblem(model: TaskModel, state: Float64Array, o = 0): string | null {
  const { stateDim, stateLayout, guardDim = stateDim } = model;
  for (let i = 0; i < stateDim; i++) {
    const value = state[o + i]!;
    if (!Number.isFinite(value)) return `${elementName(stateLayout, i)} is ${value}, wanted a finite number`;
    if (i > 0 && i < guardDim && Math.abs(value) >= exploded)
      return `${elementName(stateLayout, i)} is ${value}, wanted a number below ${exploded} in size: beyond it a world counts as diverged`;
  }
  for (const field of stateLayout) {
    if (!isQuaternion(field) && !isCosSin(field)) continue;
    let square = 0;
    for (let k = 0; k < field.size; k++) square += state[o + field.offset + k]! ** 2;
    if (Math.abs(Math.sqrt(square) - 1) > unitWithin)
      return `${field.name} (${field.unit}) has length ${Math.sqrt(square).toPrecision(4)}, wanted 1: it is a direction`;
  }
  return model.problem?.(state, o) ?? null;
}

// ---------------------------------------------------------------------------------------------------------------------
// Handles

/** By how much an element is changed to see what it does. Poses are float32: smaller changes would be lost in them. */
const nudge = 0.01;
/** Share by which a motion may differ from one to one. */
const slack = 0.02;
/** What moves a body by less than this, metres for one unit, is no handle for it. */
const leastWay = 0.05;

interface Slide {
  readonly body: number;
  /** Metres for one unit of the element. */
  readonly way: readonly [number, number, number];
  /** Where that is one to one along an axis: which, and whether it goes the other way. */
  readonly along: { readonly axis: 0 | 1 | 2; readonly sign: 1 | -1 } | null;
}

interface Turn {
  readonly body: number;
  readonly axis: readonly [number, number, number];
  readonly pivot: readonly [number, number, number];
  /** Metres from the pivot to the body's middle. */
  readonly lever: number;
}

/** Roles by how much one would like to hold on to them. */
const holdable: readonly string[] = [
  'gripper',
  'object',
  'tool',
  'goal',
  'agent',
  'opponent',
  'mate',
  'distractor',
  'fixture',
  'link',
  'wheel',
  'joint',
];

const axisNames = ['x', 'y', 'z'] as const;

/** What can be taken hold of in this state. Elements are changed one by one, up and down, and the poses looked at. */
export function findHandles(model: TaskModel, state: Float64Array): ProbeHandle[] {
  const { bodies, stateDim, stateLayout, guardDim = stateDim } = model;
  const width = bodies.length * 7;
  const [at, up, down] = [new Float32Array(width), new Float32Array(width), new Float32Array(width)];
  model.poses(state, 0, at, 0);
  const row = state.slice();
  /** Poses after a change of the row; false where no episode has such a row. */
  const look = (change: () => void, out: Float32Array): boolean => {
    row.set(state);
    change();
    try {
      model.poses(row, 0, out, 0);
    } catch {
      return false;
    }
    return out.every(Number.isFinite);
  };
  const movers = new Map<number, Slide[]>();
  const turners = new Map<number, Turn[]>();
  for (let e = 1; e < guardDim; e++) {
    const isSeen =
      look(() => {
        row[e] = state[e]! + nudge;
      }, up) &&
      look(() => {
        row[e] = state[e]! - nudge;
      }, down);
    if (!isSeen || bodies.some(({ role }, body) => role === 'floor' && hasMoved(body, at, up))) continue;
    const [slides, turns]: [Slide[], Turn[]] = [[], []];
    for (let body = 0; body < bodies.length; body++) {
      if (!holdable.includes(bodies[body]!.role)) continue;
      const slide = slideOf(body, at, up, down);
      if (slide !== null) slides.push(slide);
      const turn = turnOf(body, at, up, down);
      if (turn !== null) turns.push(turn);
    }
    if (slides.length > 0) movers.set(e, slides);
    if (turns.length > 0) turners.set(e, turns);
  }

  // Bodies that are moved by the same elements are one thing. Of two elements on one axis the one that moves less is meant.
  const things = new Map<string, { moves: ProbeHandle['moves']; bodies: number[] }>();
  for (let body = 0; body < bodies.length; body++) {
    const moves: ProbeHandle['moves'] = [];
    for (const axis of [0, 1, 2] as const) {
      let best: { element: number; sign: 1 | -1; moved: number } | null = null;
      for (const [element, slides] of movers) {
        const along = slides.find((slide) => slide.body === body)?.along;
        if (along?.axis === axis && (best === null || slides.length < best.moved))
          best = { element, sign: along.sign, moved: slides.length };
      }
      if (best !== null) moves.push({ axis: axisNames[axis], element: best.element, sign: best.sign });
    }
    if (moves.length === 0) continue;
    const key = moves.map(({ axis, element, sign }) => `${axis}${element}${sign}`).join(' ');
    const thing = things.get(key);
    if (thing) thing.bodies.push(body);
    else things.set(key, { moves, bodies: [body] });
  }
  const found: ProbeHandle[] = [];
  const taken = new Set<number>();
  const rank = (body: number): number => {
    const place = holdable.indexOf(bodies[body]!.role);
    return place < 0 ? holdable.length : place;
  };
  for (const { moves, bodies: members } of things.values()) {
    const held = members.reduce((best, body) => (rank(body) < rank(best) ? body : best));
    const turn = vectorTurn(held) ?? upright(held);
    if (turn) taken.add(turn.element);
    found.push({
      id: `move/${held}`,
      title: bodies[held]!.name,
      body: held,
      bodies: members,
      moves,
      slide: null,
      turn,
      places: null,
    });
  }
  // Who goes along with another thing in every way is no thing of its own.
  const handles = found.filter((handle, i) => {
    const own = handle.moves.map(({ element }) => element);
    return !found.some(
      (other, j) =>
        i !== j &&
        own.every((element) => other.moves.some((move) => move.element === element)) &&
        (other.moves.length > own.length || rank(other.body) < rank(handle.body) || j < i),
    );
  });

  // What slides along another line, or not metre by metre: a drawer that stands askew, a cart on its rail.
  for (const [element, slides] of movers) {
    const unit = stateLayout.find(({ offset, size }) => element >= offset && element < offset + size)?.unit;
    if (slides.some(({ along }) => along !== null) || turners.has(element) || unit !== 'm') continue;
    const held = slides.reduce((best, slide) => (rank(slide.body) < rank(best.body) ? slide : best));
    handles.push({
      id: `slide/${element}`,
      title: `${bodies[held.body]!.name}: ${elementName(stateLayout, element)}`,
      body: held.body,
      bodies: slides.map(({ body }) => body),
      moves: [],
      slide: { element, way: [...held.way] },
      turn: null,
      places: null,
    });
  }

  // Joints: each turned body belongs to the element that turns the fewest, held where the lever is longest.
  const joints = new Map<number, Turn[]>();
  for (let body = 0; body < bodies.length; body++) {
    let best: { element: number; turn: Turn; moved: number } | null = null;
    for (const [element, turns] of turners) {
      const turn = turns.find((one) => one.body === body);
      if (turn && (best === null || turns.length < best.moved)) best = { element, turn, moved: turns.length };
    }
    if (best === null || taken.has(best.element)) continue;
    const known = joints.get(best.element);
    if (known) known.push(best.turn);
    else joints.set(best.element, [best.turn]);
  }
  for (const [element, turns] of joints) {
    const held = turns.reduce((best, turn) => (turn.lever > best.lever ? turn : best));
    handles.push({
      id: `turn/${element}`,
      title: `${bodies[held.body]!.name}: ${elementName(stateLayout, element)}`,
      body: held.body,
      bodies: turns.map(({ body }) => body),
      moves: [],
      slide: null,
      turn: { kind: 'angle', element, axis: [...held.axis], pivot: [...held.pivot], sign: 1 },
      places: null,
    });
  }
  handles.push(...placed(model, state));
  return handles.sort((a, b) => rank(a.body) - rank(b.body));

  /** A quaternion or a heading of the state that turns this body about the vertical. */
  function vectorTurn(body: number): ProbeHandle['turn'] {
    for (const field of stateLayout) {
      const kind = isQuaternion(field) ? 'quaternion' : isCosSin(field) ? 'cosSin' : null;
      if (kind === null || field.offset >= guardDim) continue;
      const isSeen =
        look(() => turnVector(row, kind, field.offset, nudge), up) &&
        look(() => turnVector(row, kind, field.offset, -nudge), down);
      if (!isSeen) continue;
      const turn = turnOf(body, at, up, down);
      if (turn === null || Math.abs(turn.axis[2]) < 1 - slack) continue;
      return {
        kind,
        element: field.offset,
        axis: [0, 0, 1],
        pivot: [...turn.pivot],
        sign: Math.sign(turn.axis[2]),
      };
    }
    return null;
  }

  /** An angle of the state that turns this body, not one that is a joint of its own. */
  function upright(body: number): ProbeHandle['turn'] {
    for (const [element, turns] of turners) {
      const turn = turns.find((one) => one.body === body);
      if (turn === undefined || turn.lever > 1e-3 || Math.abs(turn.axis[2]) < 1 - slack) continue;
      return { kind: 'angle', element, axis: [...turn.axis], pivot: [...turn.pivot], sign: 1 };
    }
    return null;
  }
}

/** Combinations of numbers that are tried for one thing at most. */
const mostPlaces = 4096;

/** Whom a number that chooses a place is the place of, where it has not their name. */
const placeable: readonly string[] = ['agent', 'object', 'tool', 'fixture', 'distractor'];

/** Things on a grid: what a number with a list of values puts somewhere else, and all places where an episode could have it. */
function placed(model: TaskModel, state: Float64Array): ProbeHandle[] {
  const { bodies, stateLayout } = model;
  const choices = stateLayout.flatMap(({ name, offset, size, unit }) => {
    const most = size === 1 ? /^0 \.\. (\d+)$/.exec(unit)?.[1] : undefined;
    return most === undefined ? [] : [{ name, element: offset, count: Number(most) + 1 }];
  });
  const at = new Float32Array(bodies.length * 7);
  model.poses(state, 0, at, 0);
  const row = state.slice();
  const out = new Float32Array(at.length);
  const look = (elements: readonly number[], values: readonly number[]): boolean => {
    row.set(state);
    for (const [k, element] of elements.entries()) row[element] = values[k]!;
    if (stateProblem(model, row) !== null) return false;
    model.poses(row, 0, out, 0);
    return true;
  };

  // 1. who is put elsewhere by which number
  const owners = new Map<number, { elements: number[]; counts: number[]; bodies: Set<number> }>();
  for (const { name, element, count } of choices) {
    const moved = new Set<number>();
    for (let value = 0; value < count; value++) {
      if (!look([element], [value])) continue;
      for (let body = 0; body < bodies.length; body++) if (hasMoved(body, at, out)) moved.add(body);
    }
    const rank = (body: number): number => {
      if (bodies[body]!.name === name) return -1;
      const place = placeable.indexOf(bodies[body]!.role);
      return place < 0 ? placeable.length : place;
    };
    const [held] = [...moved].sort((a, b) => rank(a) - rank(b) || a - b);
    if (held === undefined || rank(held) === placeable.length) continue;
    const owner = owners.get(held) ?? { elements: [], counts: [], bodies: new Set<number>() };
    owners.set(held, owner);
    owner.elements.push(element);
    owner.counts.push(count);
    for (const body of moved) owner.bodies.add(body);
  }

  // 2. all places of each
  const handles: ProbeHandle[] = [];
  for (const [held, { elements, counts, bodies: members }] of owners) {
    const combinations = counts.reduce((product, count) => product * count, 1);
    if (combinations > mostPlaces) continue;
    const list: NonNullable<ProbeHandle['places']>['list'] = [];
    for (let n = 0; n < combinations; n++) {
      let rest = n;
      const values = counts.map((count) => {
        const value = rest % count;
        rest = Math.floor(rest / count);
        return value;
      });
      if (look(elements, values)) list.push({ values, at: [...out.subarray(held * 7, held * 7 + 3)] });
    }
    if (list.length < 2) continue;
    handles.push({
      id: `place/${held}`,
      title: bodies[held]!.name,
      body: held,
      bodies: [...members],
      moves: [],
      slide: null,
      turn: null,
      places: { elements, list },
    });
  }
  return handles;
}

/** Turns a direction of the state about the vertical by an angle, in place. */
export function turnVector(
  state: Float64Array,
  kind: 'quaternion' | 'cosSin',
  offset: number,
  angle: number,
): void {
  if (kind === 'cosSin') {
    const [c, s] = [state[offset]!, state[offset + 1]!];
    const [a, b] = [Math.cos(angle), Math.sin(angle)];
    state[offset] = c * a - s * b;
    state[offset + 1] = c * b + s * a;
    return;
  }
  // (0, 0, sin, cos) q
  const [x, y, z, w] = [state[offset]!, state[offset + 1]!, state[offset + 2]!, state[offset + 3]!];
  const [a, b] = [Math.cos(angle / 2), Math.sin(angle / 2)];
  state[offset] = a * x - b * y;
  state[offset + 1] = a * y + b * x;
  state[offset + 2] = a * z + b * w;
  state[offset + 3] = a * w - b * z;
}

const hasMoved = (body: number, from: Float32Array, to: Float32Array): boolean => {
  for (let k = body * 7; k < body * 7 + 7; k++) if (from[k] !== to[k]) return true;
  return false;
};

/** How a body goes along with an element in a straight line, without turning; null where it does not. */
function slideOf(body: number, at: Float32Array, up: Float32Array, down: Float32Array): Slide | null {
  const p = body * 7;
  const way: [number, number, number] = [0, 0, 0];
  for (const axis of [0, 1, 2] as const) {
    const plus = (up[p + axis]! - at[p + axis]!) / nudge;
    const minus = (at[p + axis]! - down[p + axis]!) / nudge;
    if (Math.abs(plus - minus) > slack) return null;
    way[axis] = (plus + minus) / 2;
  }
  if (Math.hypot(...way) < leastWay) return null;
  for (let k = 3; k < 7; k++) if (Math.abs(up[p + k]! - at[p + k]!) > slack * nudge) return null;
  const axis = ([0, 1, 2] as const).find(
    (k) =>
      Math.abs(Math.abs(way[k]) - 1) < slack &&
      way.every((part, other) => other === k || Math.abs(part) < slack),
  );
  const along = axis === undefined ? null : ({ axis, sign: way[axis] > 0 ? 1 : -1 } as const);
  return { body, way, along };
}

/** About which line a body turns, radian by radian. */
function turnOf(body: number, at: Float32Array, up: Float32Array, down: Float32Array): Turn | null {
  const plus = rotationOf(body, at, up);
  const minus = rotationOf(body, at, down);
  const size = Math.hypot(...plus) / nudge;
  if (Math.abs(size - 1) > slack) return null;
  for (let k = 0; k < 3; k++) if (Math.abs(plus[k]! + minus[k]!) > slack * nudge) return null;
  const [ax, ay, az] = [
    plus[0] / (nudge * size),
    plus[1] / (nudge * size),
    plus[2] / (nudge * size),
  ] as const;
  const p = body * 7;
  // d = a x r for one radian, so r = d x a: from the pivot to the body's middle.
  const [dx, dy, dz] = [0, 1, 2].map((k) => (up[p + k]! - down[p + k]!) / (2 * nudge)) as [
    number,
    number,
    number,
  ];
  const r = [dy * az - dz * ay, dz * ax - dx * az, dx * ay - dy * ax] as const;
  return {
    body,
    axis: [ax, ay, az],
    pivot: [at[p]! - r[0], at[p + 1]! - r[1], at[p + 2]! - r[2]],
    lever: Math.hypot(...r),
  };
}

/** The rotation from one pose to another as axis x angle, for small angles. */
function rotationOf(body: number, from: Float32Array, to: Float32Array): [number, number, number] {
  const q = body * 7 + 3;
  const [ax, ay, az, aw] = [-from[q]!, -from[q + 1]!, -from[q + 2]!, from[q + 3]!];
  const [bx, by, bz, bw] = [to[q]!, to[q + 1]!, to[q + 2]!, to[q + 3]!];
  // b a*
  const w = bw * aw - bx * ax - by * ay - bz * az;
  const scale = w < 0 ? -2 : 2;
  return [
    scale * (bw * ax + bx * aw + by * az - bz * ay),
    scale * (bw * ay + by * aw + bz * ax - bx * az),
    scale * (bw * az + bz * aw + bx * ay - by * ax),
  ];
}

// ---------------------------------------------------------------------------------------------------------------------
// Grids

export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** Units of each axis between two points. */
  readonly spacing: readonly number[];
}

/** Change of the value for one unit of each axis, by central differences; 0 beside what is not a number. [.., axes] */
export function gradientOf(values: Float32Array, { width, height, depth, spacing }: Grid): Float32Array {
  const axes = depth > 1 ? 3 : 2;
  const out = new Float32Array(values.length * axes);
  const counts = [width, height, depth];
  const strides = [1, width, width * height];
  for (let i = 0; i < values.length; i++) {
    for (let a = 0; a < axes; a++) {
      const stride = strides[a]!;
      const place = Math.floor(i / stride) % counts[a]!;
      const low = place > 0 ? i - stride : i;
      const high = place < counts[a]! - 1 ? i + stride : i;
      const slope = (values[high]! - values[low]!) / (((high - low) / stride) * spacing[a]!);
      out[i * axes + a] = Number.isFinite(slope) ? slope : 0;
    }
  }
  return out;
}

/** Least and largest of what is a number; null where nothing is. */
export function rangeOf(values: ArrayLike<number>): { low: number; high: number } | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? { low, high } : null;
}

// ---------------------------------------------------------------------------------------------------------------------
// Distance from what was seen

/** Frames that a model was fitted on, in its own units, and how far they lie from each other. */
export class Neighbours {
  readonly dim: number;
  readonly count: number;
  readonly #mean: Float64Array;
  readonly #scale: Float64Array;
  /** Normalised. [count, dim] */
  readonly #rows: Float32Array;
  /** Of a sample of frames: distance to the nearest frame of another episode, ascending. */
  readonly #own: Float64Array;
  readonly #z: Float64Array;
  /** The nearest row of the last question: that of the next one is often the same, and rules out the others at once. */
  #last = 0;

  /**
   * @param frames [count, dim]; @param episodes which episode each is of, ascending. Nothing of an episode counts as a neighbour of
   * itself, since the frame before is always near; with a single episode it does.
   */
  constructor(
    frames: Float64Array,
    episodes: ArrayLike<number>,
    { mean, scale }: { readonly mean: Float64Array; readonly scale: Float64Array },
    samples = 300,
  ) {
    this.dim = mean.length;
    this.count = frames.length / this.dim;
    this.#mean = mean;
    this.#scale = scale;
    this.#z = new Float64Array(this.dim);
    this.#rows = new Float32Array(frames.length);
    for (let i = 0; i < frames.length; i++)
      this.#rows[i] = (frames[i]! - mean[i % this.dim]!) / scale[i % this.dim]!;
    const isOne = this.count === 0 || episodes[0] === episodes[this.count - 1];
    const own: number[] = [];
    const every = Math.max(1, Math.floor(this.count / samples));
    for (let n = 0; n < this.count; n += every) {
      for (let d = 0; d < this.dim; d++) this.#z[d] = this.#rows[n * this.dim + d]!;
      const squares = this.#nearest((m) => (isOne ? m !== n : episodes[m] !== episodes[n]));
      if (Number.isFinite(squares)) own.push(Math.sqrt(squares / this.dim));
    }
    this.#own = Float64Array.from(own).sort();
  }

  /** Root mean square over the frame's numbers, in their deviations. */
  distance(frames: Float64Array, offset: number): number {
    for (let d = 0; d < this.dim; d++) this.#z[d] = (frames[offset + d]! - this.#mean[d]!) / this.#scale[d]!;
    return Math.sqrt(this.#nearest(null) / this.dim);
  }

  /** Share of training frames that are nearer to their nearest one than this. */
  quantile(distance: number): number {
    let low = 0;
    let high = this.#own.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#own[middle]! < distance) low = middle + 1;
      else high = middle;
    }
    return this.#own.length === 0 ? Number.NaN : low / this.#own.length;
  }

  /** Least sum of squares from `#z`. */
  #nearest(counts: ((row: number) => boolean) | null): number {
    const { dim, count } = this;
    const rows = this.#rows;
    const z = this.#z;
    let best = Number.POSITIVE_INFINITY;
    const look = (n: number): void => {
      const o = n * dim;
      let sum = 0;
      for (let d = 0; d < dim && sum < best; d++) {
        const difference = z[d]! - rows[o + d]!;
        sum += difference * difference;
      }
      if (!(sum < best) || (counts !== null && !counts(n))) return;
      best = sum;
      this.#last = n;
    };
    if (count > 0) look(this.#last);
    for (let n = 0; n < count; n++) look(n);
    return best;
  }
}
