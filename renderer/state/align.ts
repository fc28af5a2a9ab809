/**
 * Which frame of one episode belongs beside which frame of another: by step, by the stages both go through, or by the path of
 * least distance between the positions of their bodies (dynamic time warping, Sakoe and Chiba 1978). Pure.
 */

import type { BodyInfo } from '../../lab/api.ts';

/** `seconds`: no frames are matched, each episode counts its own seconds. */
export const alignModes = ['seconds', 'step', 'stages', 'path'] as const;
export type AlignMode = (typeof alignModes)[number];

/** What of an opened episode is aligned. */
export interface Alignable {
  readonly bodies: readonly Pick<BodyInfo, 'name' | 'role'>[];
  readonly stages: readonly { readonly id: string; readonly title: string }[];
  /** Seconds per control step. */
  readonly controlDt: number;
  /** Control steps T. */
  readonly length: number;
  /** [T + 1, bodies, 7] */
  readonly poses: ArrayLike<number>;
  /** Each [T + 1]. */
  readonly trueStage: Uint8Array;
  readonly trueSuccess: Uint8Array;
}

/** Matching frames. `from` grows, `to` never falls; between two knots it is linear. */
export interface Alignment {
  readonly from: Float64Array;
  readonly to: Float64Array;
}

/** A moment that both episodes have. */
export interface Anchor {
  readonly from: number;
  readonly to: number;
  readonly title: string;
}

/** Of the last knot whose `xs` is not beyond x, in [0, xs.length - 2]. */
function segmentOf(xs: Float64Array, x: number): number {
  let low = 0;
  let high = xs.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (xs[middle]! <= x) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The frame beside frame `x` of the first episode. */
export function frameBeside({ from, to }: Alignment, x: number): number {
  if (from.length === 1) return to[0]!;
  const k = segmentOf(from, x);
  const part = Math.min(1, Math.max(0, (x - from[k]!) / (from[k + 1]! - from[k]!)));
  return to[k]! + part * (to[k + 1]! - to[k]!);
}

/** The first frame of the first episode beside which frame `y` of the other one stands. */
export function firstBeside({ from, to }: Alignment, y: number): number {
  if (y <= to[0]!) return from[0]!;
  let low = 0;
  let high = to.length - 1;
  if (y > to[high]!) return from[high]!;
  // The first knot that reaches y.
  while (low < high) {
    const middle = (low + high) >> 1;
    if (to[middle]! >= y) high = middle;
    else low = middle + 1;
  }
  const part = (y - to[low - 1]!) / (to[low]! - to[low - 1]!);
  return from[low - 1]! + part * (from[low]! - from[low - 1]!);
}

/** As players read it, on a clock that counts the seconds of the first episode. */
export function mapOf(
  alignment: Alignment,
  controlDt: number,
): { frameAt(time: number): number; timeAt(frame: number): number } {
  return {
    frameAt: (time) => frameBeside(alignment, time / controlDt),
    timeAt: (frame) => firstBeside(alignment, frame) * controlDt,
  };
}

export function alignBySteps(a: Alignable, b: Alignable): Alignment {
  const last = Math.max(a.length, b.length, 1);
  return { from: Float64Array.of(0, last), to: Float64Array.of(0, last) };
}

/** When each stage is entered for the first time, and success begins; what is there from frame 0 on is no moment. */
function milestones(episode: Alignable): Map<string, { frame: number; title: string }> {
  const found = new Map<string, { frame: number; title: string }>();
  const seen = new Set<number>([episode.trueStage[0] ?? 0]);
  for (let frame = 1; frame <= episode.length; frame++) {
    const stage = episode.trueStage[frame]!;
    if (seen.has(stage)) continue;
    seen.add(stage);
    const { id, title } = episode.stages[stage] ?? { id: String(stage), title: `stage ${stage}` };
    found.set(`stage ${id}`, { frame, title });
  }
  const success = episode.trueSuccess.indexOf(1);
  if (success > 0) found.set('success', { frame: success, title: 'Success' });
  return found;
}

/**
 * Linear between the moments at which both enter a stage for the first time, and from the last of them to the ends. Where stages
 * come in another order, the longest series of them that both have is kept. An episode that goes on after the other one's last frame
 * goes on at its own pace.
 */
export function alignByStages(a: Alignable, b: Alignable): { alignment: Alignment; anchors: Anchor[] } {
  const others = milestones(b);
  const common: Anchor[] = [...milestones(a)].flatMap(([key, { frame, title }]) => {
    const other = others.get(key);
    return other ? [{ from: frame, to: other.frame, title }] : [];
  });
  common.sort((one, other) => one.from - other.from || one.to - other.to);
  const anchors = longestRise(common);
  const knots: [number, number][] = [[0, 0], ...anchors.map(({ from, to }): [number, number] => [from, to])];
  const [lastFrom, lastTo] = knots.at(-1)!;
  if (lastFrom < a.length) knots.push([a.length, b.length]);
  else if (lastTo < b.length)
    knots.push([lastFrom + ((b.length - lastTo) * b.controlDt) / a.controlDt, b.length]);
  return {
    alignment: {
      from: Float64Array.from(knots, ([from]) => from),
      to: Float64Array.from(knots, ([, to]) => to),
    },
    anchors,
  };
}

/** The longest part in which both columns grow. */
function longestRise(anchors: readonly Anchor[]): Anchor[] {
  const best: Anchor[][] = [];
  for (const anchor of anchors) {
    const before = best
      .filter((series) => series.at(-1)!.from < anchor.from && series.at(-1)!.to < anchor.to)
      .reduce<Anchor[]>((longest, series) => (series.length > longest.length ? series : longest), []);
    best.push([...before, anchor]);
  }
  return best.reduce<Anchor[]>((longest, series) => (series.length > longest.length ? series : longest), []);
}

/** What two frames are compared by, in parts of the room that it takes up in both episodes together. */
export interface Course {
  /** [T + 1, width] */
  readonly rows: Float64Array;
  readonly width: number;
  readonly frames: number;
}

/** Pairs of sets of bodies, of the one episode and of the other, that stand for each other. */
type Group = readonly [readonly number[], readonly number[]];

/** More than this, and the mean of each role stands for its bodies. */
const mostBodies = 8;

/**
 * The two courses by the same columns; null where the episodes have nothing in common. Where both have a goal it is distances: of
 * each object to the goal and to the hand, or of the hand to the goal. Starts and goals lie elsewhere in every episode, and a block
 * that rests at its goal is the same moment of the task wherever that is. Without a goal it is the positions themselves.
 */
export function coursesOf(a: Alignable, b: Alignable): readonly [Course, Course] | null {
  const objects = commonBodies(a, b, ['object']);
  const hands = together(a, b, ['gripper', 'agent']);
  const goals = together(a, b, ['goal']);
  const moved = objects.length > 0 ? objects : hands;
  if (goals.length > 0 && moved.length > 0) {
    const pairs: (readonly [Group, Group])[] = [
      ...moved.map((group) => [group, goals[0]!] as const),
      ...(objects.length > 0 && hands.length > 0 ? objects.map((group) => [hands[0]!, group] as const) : []),
    ];
    return scaled([0, 1].map((w) => pairs.map(([one, other]) => distances(w ? b : a, one[w]!, other[w]!))));
  }
  const placed = [...objects, ...hands];
  // Where nobody does the task (a pendulum) it is whatever moves.
  const rest = placed.length > 0 ? placed : commonBodies(a, b, ['link', 'tool', 'mate', 'opponent', 'wheel']);
  if (rest.length === 0) return null;
  return scaled([0, 1].map((w) => rest.flatMap((group) => axesOf(meanPositions(w ? b : a, group[w]!)))));
}

/** Columns side by side, divided by the diagonal of the box that they take up. */
function scaled(columns: readonly (readonly Float64Array[])[]): readonly [Course, Course] {
  const ranges = columns[0]!.map((_, k) => {
    const all = columns.map((parts) => parts[k]!);
    const low = Math.min(
      ...all.map((column) => column.reduce((x, y) => Math.min(x, y), Number.POSITIVE_INFINITY)),
    );
    const high = Math.max(
      ...all.map((column) => column.reduce((x, y) => Math.max(x, y), Number.NEGATIVE_INFINITY)),
    );
    return high - low;
  });
  const scale = Math.hypot(...ranges) || 1;
  const [one, other] = columns.map((parts): Course => {
    const width = parts.length;
    const frames = parts[0]!.length;
    const rows = new Float64Array(frames * width);
    parts.forEach((column, k) => {
      for (let t = 0; t < frames; t++) rows[t * width + k] = column[t]! / scale;
    });
    return { rows, width, frames };
  });
  return [one!, other!];
}

const membersOf = ({ bodies }: Alignable, roles: readonly BodyInfo['role'][]): number[] =>
  bodies.flatMap(({ role }, i) => (roles.includes(role) ? [i] : []));

/** All bodies of some roles as one group; none where one of the episodes has none. */
function together(a: Alignable, b: Alignable, roles: readonly BodyInfo['role'][]): Group[] {
  const group = [membersOf(a, roles), membersOf(b, roles)] as const;
  return group.every((members) => members.length > 0) ? [group] : [];
}

/** The bodies of some roles that both have by name, else, or of more than a few, all of a role together. */
function commonBodies(a: Alignable, b: Alignable, roles: readonly BodyInfo['role'][]): Group[] {
  const named = membersOf(a, roles).flatMap((i) => {
    const { name, role } = a.bodies[i]!;
    const j = b.bodies.findIndex((body) => body.name === name && body.role === role);
    return j >= 0 ? [[[i], [j]] as const] : [];
  });
  if (named.length > 0 && named.length <= mostBodies) return named;
  return roles.flatMap((role) => together(a, b, [role]));
}

/** Mean position of a set of bodies. [T + 1, 3] */
export function meanPositions(
  { bodies, poses, length }: Pick<Alignable, 'bodies' | 'poses' | 'length'>,
  group: readonly number[],
): Float64Array {
  const rows = new Float64Array((length + 1) * 3);
  for (let t = 0; t <= length; t++) {
    for (let axis = 0; axis < 3; axis++) {
      let sum = 0;
      for (const i of group) sum += poses[(t * bodies.length + i) * 7 + axis]!;
      rows[t * 3 + axis] = sum / group.length;
    }
  }
  return rows;
}

/** Between the means of two sets of bodies. [T + 1] */
function distances(episode: Alignable, one: readonly number[], other: readonly number[]): Float64Array {
  const a = meanPositions(episode, one);
  const b = meanPositions(episode, other);
  return Float64Array.from({ length: episode.length + 1 }, (_, t) =>
    Math.hypot(a[t * 3]! - b[t * 3]!, a[t * 3 + 1]! - b[t * 3 + 1]!, a[t * 3 + 2]! - b[t * 3 + 2]!),
  );
}

/** [T + 1, 3] to three columns. */
const axesOf = (positions: Float64Array): Float64Array[] =>
  [0, 1, 2].map((axis) => positions.filter((_, i) => i % 3 === axis));

/** Distance of frame i of one course and frame j of the other. */
export function distanceOf(a: Course, b: Course, i: number, j: number): number {
  const { width } = a;
  let sum = 0;
  for (let k = 0; k < width; k++) {
    const d = a.rows[i * width + k]! - b.rows[j * width + k]!;
    sum += d * d;
  }
  return Math.sqrt(sum);
}

export interface Warping {
  readonly alignment: Alignment;
  /** Pairs (frame, frame) from both first to both last frames. [pairs, 2] */
  readonly path: Int32Array;
  /** Mean distance along the path, in parts of the common room. */
  readonly meanDistance: number;
}

/** Beyond so many cells only a band around the straight line is searched. */
const mostCells = 4_000_000;
/** Half the band, as a part of the longer episode. */
const bandPart = 0.1;

/** Frames that a path may stray from the straight line between the ends; infinite where all are searched. */
export function bandOf(n: number, m: number): number {
  return n * m <= mostCells ? Number.POSITIVE_INFINITY : Math.ceil(bandPart * Math.max(n, m));
}

const both = 0;
const first = 1;
const second = 2;

/**
 * The path of least summed distance from both first to both last frames, on which neither goes back. Where two ways cost the same,
 * both go on together. A generator, so that a long one can be worked off in pieces: it gives way after each frame of the first.
 */
export function* warp(a: Course, b: Course, band = bandOf(a.frames, b.frames)): Generator<void, Warping> {
  const n = a.frames;
  const m = b.frames;
  // Wide enough that the straight line itself, which moves by m / n a row, stays in the band.
  const half = Math.min(m, Math.max(band, Math.ceil(m / n) + 1));
  const slope = n > 1 ? (m - 1) / (n - 1) : 0;
  const width = Math.min(m, 2 * half + 1);
  /** First column of row i. */
  const startOf = (i: number): number => Math.min(m - width, Math.max(0, Math.round(i * slope) - half));
  const ways = new Uint8Array(n * width);
  let above = new Float64Array(m).fill(Number.POSITIVE_INFINITY);
  let row = new Float64Array(m).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < n; i++) {
    const start = startOf(i);
    row.fill(Number.POSITIVE_INFINITY, Math.max(0, start - width), Math.min(m, start + 2 * width));
    for (let j = start; j < start + width; j++) {
      const diagonal = i > 0 && j > 0 ? above[j - 1]! : i === 0 && j === 0 ? 0 : Number.POSITIVE_INFINITY;
      const up = i > 0 ? above[j]! : Number.POSITIVE_INFINITY;
      const left = j > start ? row[j - 1]! : Number.POSITIVE_INFINITY;
      let least = diagonal;
      let way = both;
      if (up < least) {
        least = up;
        way = first;
      }
      if (left < least) {
        least = left;
        way = second;
      }
      row[j] = least + distanceOf(a, b, i, j);
      ways[i * width + j - start] = way;
    }
    [above, row] = [row, above];
    yield;
  }
  const pairs: number[] = [];
  let i = n - 1;
  let j = m - 1;
  for (;;) {
    pairs.push(j, i);
    if (i === 0 && j === 0) break;
    const way = ways[i * width + j - startOf(i)]!;
    if (way !== second) i--;
    if (way !== first) j--;
  }
  const path = Int32Array.from(pairs).reverse();
  return { alignment: alignmentOf(path, n), path, meanDistance: above[m - 1]! / (path.length / 2) };
}

/** One frame beside each frame of the first: the middle of those that the path gives it, at the ends the ends. */
function alignmentOf(path: Int32Array, n: number): Alignment {
  const from = Float64Array.from({ length: n }, (_, i) => i);
  const to = new Float64Array(n);
  for (let p = 0; p < path.length; ) {
    const i = path[p]!;
    const low = path[p + 1]!;
    let high = low;
    for (; p < path.length && path[p] === i; p += 2) high = path[p + 1]!;
    to[i] = i === 0 && n > 1 ? low : i === n - 1 ? high : (low + high) / 2;
  }
  return { from, to };
}

/** All of it at once. */
export function warpNow(a: Course, b: Course, band?: number): Warping {
  const work = warp(a, b, band);
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
