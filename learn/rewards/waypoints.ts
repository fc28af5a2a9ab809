// KAGI: Affordance-Guided Reinforcement Learning via Visual Prompting, https://arxiv.org/abs/2407.10341
/**
 * Progress along marked points: the hand goes to the thing, then the thing goes to its target. Points come from a person,
 * from the path of a demonstration, or from a vision model that is shown the scene; one of them is enough.
 *
 *   w_0 .. w_N    the way of this episode: w_0 is where its mover stood at the start
 *   i             the segment w_i -> w_{i+1} that is nearest to the mover p
 *   progress      (i + 1 - d(p, w_{i+1}) / d(w_i, w_{i+1})) / N, held in [0, 1)
 *   success       1 while the thing lies within `radius` of its last point or its target: it overrides whatever the points say
 *
 * So that points marked in one scene serve in every other, they are kept relative to it:
 *   hand x y z    metres from the thing; x towards the target, y to the left of that, z up
 *   thing f h     a share f of the straight way from the thing's start to its target, h metres above it
 * A task without a movable thing has the hand itself as its thing.
 *
 * Ours differs from the paper: its kernel was not found in a text, so this one is our own choice; the classifier of success
 * is the distance of the thing to where it should come to rest; places are poses of objects, not pixels.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { openModel, packModel } from './bytes.ts';
import { throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel, type FrameScorer } from './model.ts';
import { enlarged } from './parts/picture.ts';
import type { FrameLayout } from './senses.ts';
import type { Demonstration, FitContext, Judge, LearnedReward, Picture, RewardModel } from './types.ts';

const fields = {
  from: {
    type: 'choice',
    default: 'demonstration',
    options: ['demonstration', 'person', 'endpoint'],
    help: 'Who marks the points: the path of the demonstrations, a person (points), or the vision model that is set as endpoint',
  },
  points: {
    type: 'text',
    default: '',
    longest: 2000,
    help: 'Points of a person, in order, for example: hand -0.06 0 0.02; thing 0.5 0; thing 1 0',
  },
  handPoints: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 20,
    help: 'Points of the hand that are taken from demonstrations; the last one is where the thing begins to move',
  },
  thingPoints: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 20,
    help: 'Points of the thing that are taken from demonstrations; the last one is its target',
  },
  moved: {
    type: 'number',
    default: 0.01,
    min: 0.001,
    max: 0.2,
    unit: 'm',
    help: 'A thing this far from where it started is on its way: the points of the hand are behind it',
  },
  radius: {
    type: 'number',
    default: 0.03,
    min: 0.001,
    max: 0.5,
    unit: 'm',
    help: 'Distance of the thing to its last point, or to its target, that counts as success',
  },
} as const satisfies Fields;

type WaypointSettings = Settings<typeof fields>;

const title = 'Waypoint model';
const magic = 'rl-wayp1';

/** In the frame of the scene (see above). */
export type Waypoint =
  | { readonly mover: 'hand'; readonly x: number; readonly y: number; readonly z: number }
  | { readonly mover: 'thing'; readonly share: number; readonly height: number };

type Point = readonly [number, number, number];

export const waypoints: LearnedReward = {
  kind: 'learned',
  id: 'waypoints',
  title: 'Waypoints (KAGI)',
  summary:
    'Progress along a few marked points, by a person, a demonstration or a vision model: hand to thing, thing to target; success overrides.',
  source: 'https://arxiv.org/abs/2407.10341',
  fields,
  causal: true,
  // A person's points need none, and say so; the path and the picture of the endpoint come from one.
  leastDemonstrations: 1,
  senses: (settings) =>
    settings['from'] === 'endpoint' ? ['objects', `seen:${view}`, `view:${view}`] : ['objects'],
  workload: () => ({ networks: [], updateRows: 0, actRows: 0 }),
  fit,
  load,
};

/** What the endpoint is shown: the table from above, where a place in the picture is a place on the table. */
const view = 'top';

// ---------------------------------------------------------------------------------------------------------------------
// Places in a frame

/** Where hand, thing and target stand in a row of the sense `objects`. */
interface Places {
  readonly hand: number;
  readonly thing: number;
  readonly target: number;
  readonly hasThing: number;
  readonly hasTarget: number;
}

function placesOf({ parts }: FrameLayout): Places {
  const part = parts.find(({ sense }) => sense === 'objects');
  if (part === undefined) throw new RangeError(`${title}: found no sense "objects" in the frames`);
  const at = (name: string): number => part.offset + part.names.indexOf(name);
  return {
    hand: at('handPos.x'),
    thing: at('thing1Pos.x'),
    target: at('target1Pos.x'),
    hasThing: at('thing1'),
    hasTarget: at('target1'),
  };
}

const point = (frames: ArrayLike<number>, at: number): Point => [
  frames[at]!,
  frames[at + 1]!,
  frames[at + 2]!,
];
const minus = (a: Point, b: Point): Point => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const plus = (a: Point, b: Point, share = 1): Point => [
  a[0] + share * b[0],
  a[1] + share * b[1],
  a[2] + share * b[2],
];
const dot = (a: Point, b: Point): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const length3 = (a: Point): number => Math.sqrt(dot(a, a));
const between = (a: Point, b: Point): number => length3(minus(a, b));

/** Level direction from thing to target; along x where the target is straight above. */
function heading(thing: Point, target: Point): readonly [number, number] {
  const [x, y] = minus(target, thing);
  const size = Math.sqrt(x * x + y * y);
  return size < 1e-6 ? [1, 0] : [x / size, y / size];
}

/** A waypoint as a place in the world. `start`: where the thing stood at the start of the episode. */
function placed(waypoint: Waypoint, thing: Point, start: Point, target: Point): Point {
  if (waypoint.mover === 'hand') {
    const [cx, cy] = heading(thing, target);
    const { x, y, z } = waypoint;
    return plus(thing, [cx * x - cy * y, cy * x + cx * y, z]);
  }
  const [x, y, z] = plus(start, minus(target, start), waypoint.share);
  return [x, y, z + waypoint.height];
}

/** The waypoint that stands at this place. */
function handWaypoint(hand: Point, thing: Point, target: Point): Waypoint {
  const [cx, cy] = heading(thing, target);
  const [dx, dy, dz] = minus(hand, thing);
  return { mover: 'hand', x: cx * dx + cy * dy, y: cx * dy - cy * dx, z: dz };
}

function thingWaypoint(place: Point, start: Point, target: Point): Waypoint {
  const way = minus(target, start);
  const share = dot(minus(place, start), way) / Math.max(dot(way, way), 1e-12);
  return { mover: 'thing', share, height: place[2] - plus(start, way, share)[2] };
}

// ---------------------------------------------------------------------------------------------------------------------
// Where points come from

/** Text of a person or a vision model. @throws RangeError naming the point that cannot be read. */
export function parseWaypoints(text: string, whose: string): Waypoint[] {
  const found: Waypoint[] = [];
  for (const [index, line] of text
    .split(/[;\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .entries()) {
    const [mover, ...words] = line.split(/[\s,]+/);
    const numbers = words.map(Number);
    const wanted = mover === 'hand' ? 3 : mover === 'thing' ? 2 : 0;
    if (wanted === 0 || numbers.length !== wanted || !numbers.every(Number.isFinite)) {
      throw new RangeError(
        `${whose}, point ${index + 1}: found "${line}", wanted "hand x y z" or "thing share height" in numbers`,
      );
    }
    const [a, b, c] = numbers as [number, number, number];
    if (mover === 'hand' && found.at(-1)?.mover === 'thing') {
      throw new RangeError(
        `${whose}, point ${index + 1}: found a point of the hand after one of the thing, wanted the hand's first`,
      );
    }
    found.push(mover === 'hand' ? { mover, x: a, y: b, z: c } : { mover: 'thing', share: a, height: b });
  }
  if (!found.some(({ mover }) => mover === 'thing')) {
    throw new RangeError(`${whose}: found ${found.length} points and none of the thing, wanted at least one`);
  }
  return found;
}

interface Seen {
  readonly hand: Point;
  readonly thing: Point;
  readonly target: Point;
}

/** Without a thing (reach) the hand is the thing: there is no way of the hand before it. */
function seenAt(frames: Float64Array, row: number, dim: number, places: Places): Seen {
  const at = row * dim;
  const hand = point(frames, at + places.hand);
  return {
    hand,
    thing: frames[at + places.hasThing] === 1 ? point(frames, at + places.thing) : hand,
    target: point(frames, at + places.target),
  };
}

/** Evenly in time from the start to `contact`, then from there to the end: mean over the demonstrations. */
function fromDemonstrations(
  demonstrations: readonly Demonstration[],
  { handPoints, thingPoints, moved }: WaypointSettings,
  dim: number,
  places: Places,
): Waypoint[] {
  const succeeded = demonstrations.filter(({ success }) => success);
  if (succeeded.length === 0) {
    throw new RangeError(
      `${title}: found no success among ${demonstrations.length} demonstrations (first: episode ${demonstrations[0]!.id}), wanted at least one to follow`,
    );
  }
  const hands = Array.from({ length: handPoints }, () => [0, 0, 0]);
  const things = Array.from({ length: thingPoints }, () => [0, 0]);
  let withHand = 0;
  for (const { id, frames, length } of succeeded) {
    const start = seenAt(frames, 0, dim, places);
    const hasThing = frames[places.hasThing] === 1;
    let contact = 0;
    while (contact <= length && between(seenAt(frames, contact, dim, places).thing, start.thing) <= moved)
      contact++;
    if (contact > length) {
      throw new RangeError(
        `Episode ${id}: its thing never moves ${moved} m, wanted a demonstration that moves it`,
      );
    }
    // The task is over where the thing first is where it ends: what comes after is rest.
    const end = seenAt(frames, length, dim, places).thing;
    let arrival = contact;
    while (arrival < length && between(seenAt(frames, arrival, dim, places).thing, end) > moved) arrival++;
    if (hasThing) {
      withHand++;
      for (let n = 0; n < handPoints; n++) {
        const { hand, thing, target } = seenAt(
          frames,
          Math.round((contact * (n + 1)) / handPoints),
          dim,
          places,
        );
        const { x, y, z } = handWaypoint(hand, thing, target) as Extract<Waypoint, { mover: 'hand' }>;
        for (const [k, value] of [x, y, z].entries()) hands[n]![k]! += value;
      }
    }
    for (let n = 0; n < thingPoints; n++) {
      const { thing, target } = seenAt(
        frames,
        Math.round(contact + ((arrival - contact) * (n + 1)) / thingPoints),
        dim,
        places,
      );
      const { share, height } = thingWaypoint(thing, start.thing, target) as Extract<
        Waypoint,
        { mover: 'thing' }
      >;
      things[n]![0]! += share;
      things[n]![1]! += height;
    }
  }
  return [
    ...(withHand === 0
      ? []
      : hands.map(
          ([x, y, z]): Waypoint => ({
            mover: 'hand',
            x: x! / withHand,
            y: y! / withHand,
            z: z! / withHand,
          }),
        )),
    ...things.map(
      ([share, height]): Waypoint => ({
        mover: 'thing',
        share: share! / succeeded.length,
        height: height! / succeeded.length,
      }),
    ),
  ];
}

/** Cells a side of the grid that is drawn over the picture, and pixels a cell. */
const cells = 16;
const cellPixels = 24;

/** The small picture enlarged, one cell a pixel, with the lines of the grid. */
function gridPicture(frames: Float64Array, at: number): Picture {
  const picture = enlarged(frames, at, cells * cellPixels);
  const { width, height, rgb } = picture;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      if (x % cellPixels === 0 || y % cellPixels === 0)
        rgb.fill(40, (y * width + x) * 3, (y * width + x + 1) * 3);
  }
  return picture;
}

const prompt = (hasThing: boolean): string =>
  [
    `The picture shows a table from above under a grid of ${cells} x ${cells} cells. Columns are counted from the left, rows from the top, both from 0; fractions are allowed.`,
    hasThing
      ? 'A robot hand has to bring the object to the marked target. Say where the hand should go so that it can begin to move the object, then along which places the object should travel.'
      : 'A robot hand has to go to the marked target. Say along which places it should travel.',
    'Answer with nothing but one place a line, in order:',
    ...(hasThing ? ['hand COLUMN ROW CENTIMETRES_ABOVE_THE_TABLE'] : []),
    'thing COLUMN ROW CENTIMETRES_ABOVE_THE_TABLE',
    'The last line must be the target.',
  ].join('\n');

/**
 * Shows the first frame of a demonstration to the vision model, and turns the cells of its answer into places: the map
 * from picture to table is fitted to where the things of the demonstrations were seen.
 */
async function fromEndpoint(
  judge: Judge | undefined,
  demonstrations: readonly Demonstration[],
  { layout, signal }: FitContext,
  places: Places,
): Promise<{ found: Waypoint[]; answer: string }> {
  if (judge === undefined) {
    throw new RangeError(
      `${title}: from is "endpoint" and none is set; set one (lab endpoint --set model=NAME) or take from=demonstration`,
    );
  }
  const { frames, id } = demonstrations[0]!;
  const picture = layout.parts.find(({ sense }) => sense === `view:${view}`)!;
  const { hand, thing, target } = seenAt(frames, 0, layout.dim, places);
  const hasThing = frames[places.hasThing] === 1;
  const answer = await judge.ask(
    { prompt: prompt(hasThing), pictures: [gridPicture(frames, picture.offset)] },
    signal,
  );
  const toTable = pictureToTable(demonstrations, layout, places);
  const found: Waypoint[] = [];
  for (const line of answer.split('\n').map((text) => text.trim())) {
    if (line === '') continue;
    const [mover, ...words] = line.split(/[\s,]+/);
    const numbers = words.map(Number);
    if (!['hand', 'thing'].includes(mover!) || numbers.length !== 3 || !numbers.every(Number.isFinite)) {
      throw new RangeError(
        `${judge.name} on episode ${id}: answered "${line}", wanted lines like "thing 7.5 3 4" (cell and centimetres)`,
      );
    }
    const [column, row, centimetres] = numbers as [number, number, number];
    const [x, y] = toTable((2 * column) / cells - 1, 1 - (2 * row) / cells);
    const place: Point = [x, y, centimetres / 100];
    found.push(
      mover === 'hand'
        ? handWaypoint(place, thing, target)
        : thingWaypoint(place, hasThing ? thing : hand, target),
    );
  }
  // Order and completeness are checked where a person's points are.
  parseWaypoints(wordsOf(found), judge.name);
  return { found, answer };
}

const wordsOf = (found: readonly Waypoint[]): string =>
  found
    .map((waypoint) =>
      waypoint.mover === 'hand'
        ? `hand ${waypoint.x} ${waypoint.y} ${waypoint.z}`
        : `thing ${waypoint.share} ${waypoint.height}`,
    )
    .join('; ');

/**
 * Least squares, x = a u + b v + c and the same for y, over all frames in which thing or target are seen: a camera that
 * looks straight down on things of one height is such a map.
 */
function pictureToTable(
  demonstrations: readonly Demonstration[],
  { dim, parts }: FrameLayout,
  places: Places,
): (u: number, v: number) => readonly [number, number] {
  const seen = parts.find(({ sense }) => sense === `seen:${view}`)!;
  const at = (name: string): number => seen.offset + seen.names.indexOf(name);
  const pairs = [
    { share: at('thing1Seen'), place: places.thing },
    { share: at('target1Seen'), place: places.target },
    { share: at('handSeen'), place: places.hand },
  ];
  // Normal equations: [u v 1]^T [u v 1] and [u v 1]^T [x y].
  const m = new Float64Array(9);
  const right = new Float64Array(6);
  for (const { frames, length } of demonstrations) {
    for (let t = 0; t <= length; t++) {
      for (const { share, place } of pairs) {
        const from = t * dim;
        if (!(frames[from + share]! > 0)) continue;
        const row = [frames[from + share + 1]!, frames[from + share + 2]!, 1];
        for (let i = 0; i < 3; i++) {
          for (let j = 0; j < 3; j++) m[3 * i + j]! += row[i]! * row[j]!;
          right[2 * i]! += row[i]! * frames[from + place]!;
          right[2 * i + 1]! += row[i]! * frames[from + place + 1]!;
        }
      }
    }
  }
  const inverse = inverse3(m);
  if (inverse === undefined) {
    throw new RangeError(
      `${title}: the camera "${view}" sees too little of hand, thing and target in ${demonstrations.length} demonstrations (first: episode ${demonstrations[0]!.id}) to tell where a cell lies`,
    );
  }
  const solved = (column: number): number[] =>
    [0, 1, 2].map((i) => [0, 1, 2].reduce((sum, j) => sum + inverse[3 * i + j]! * right[2 * j + column]!, 0));
  const [xs, ys] = [solved(0), solved(1)];
  return (u, v) => [xs[0]! * u + xs[1]! * v + xs[2]!, ys[0]! * u + ys[1]! * v + ys[2]!];
}

/** By cofactors; undefined where the rows do not span the plane. */
function inverse3(m: Float64Array): Float64Array | undefined {
  const cofactor = (i: number, j: number): number => {
    const [r, s] = [(i + 1) % 3, (i + 2) % 3];
    const [c, d] = [(j + 1) % 3, (j + 2) % 3];
    return m[3 * r + c]! * m[3 * s + d]! - m[3 * r + d]! * m[3 * s + c]!;
  };
  const determinant = [0, 1, 2].reduce((sum, j) => sum + m[j]! * cofactor(0, j), 0);
  const scale = m[0]! * m[4]! * m[8]!;
  if (!(Math.abs(determinant) > 1e-9 * Math.max(scale, 1e-12))) return undefined;
  return Float64Array.from({ length: 9 }, (_, n) => cofactor(n % 3, Math.floor(n / 3)) / determinant);
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting: no gradient, only points

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const settings = Object.freeze({ ...defaultsOf(fields), ...given }) as WaypointSettings;
  throwIfAborted(context.signal);
  const { layout, frameDim } = context;
  const places = placesOf(layout);
  if (settings.from !== 'person' || demonstrations.length > 0) checkEpisodes(demonstrations, frameDim);
  for (const { id, frames } of demonstrations) {
    if (frames[places.hasTarget] !== 1)
      throw new RangeError(`Episode ${id}: found no target body in its task, wanted a place to go to`);
  }
  let found: Waypoint[];
  let answer = '';
  if (settings.from === 'person') found = parseWaypoints(settings.points, `${title}: points`);
  else if (settings.from === 'demonstration')
    found = fromDemonstrations(demonstrations, settings, frameDim, places);
  else ({ found, answer } = await fromEndpoint(context.judge, demonstrations, context, places));
  // In use it needs no picture: only what it was marked on had one.
  const objects = layout.parts.find(({ sense }) => sense === 'objects')!;
  const spec: ModelSpec = {
    settings,
    stages: context.stages,
    frameDim: objects.dim,
    layout: { dim: objects.dim, parts: [{ ...objects, offset: 0 }] },
    waypoints: found,
    marked: settings.from === 'endpoint' ? `${context.judge!.name}: ${answer}` : settings.from,
  };
  context.onProgress({ done: 1, total: 1, metrics: {} });
  return {
    model: createModel(spec),
    metrics: {
      'waypoints/hand': found.filter(({ mover }) => mover === 'hand').length,
      'waypoints/thing': found.filter(({ mover }) => mover === 'thing').length,
      demonstrations: demonstrations.length,
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// The model

interface ModelSpec {
  readonly settings: WaypointSettings;
  readonly stages: readonly string[];
  readonly frameDim: number;
  readonly layout: FrameLayout;
  readonly waypoints: readonly Waypoint[];
  /** Who marked them, for the model's card. */
  readonly marked: string;
}

/** Share of the way along w_0 .. w_N at the mover p, by the kernel above; the segment is the nearest one. */
export function along(p: Point, way: readonly Point[]): { value: number; segment: number } {
  const segments = way.length - 1;
  let nearest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < segments; i++) {
    const [a, b] = [way[i]!, way[i + 1]!];
    const line = minus(b, a);
    const share = Math.min(1, Math.max(0, dot(minus(p, a), line) / Math.max(dot(line, line), 1e-12)));
    const distance = between(p, plus(a, line, share));
    // Of equals the later: a joint counts as reached.
    if (distance > least + 1e-12) continue;
    least = distance;
    nearest = i;
  }
  const [a, b] = [way[nearest]!, way[nearest + 1]!];
  const inside = 1 - between(p, b) / Math.max(between(a, b), 1e-6);
  // Not-a-number stays not-a-number, so that a broken frame shows.
  return { value: nearest + Math.min(1, Math.max(0, inside)), segment: nearest };
}

/** Below 1, which success alone gives. */
const almost = 0.999;

function createScorer({ settings, frameDim, layout, waypoints: marked }: ModelSpec): FrameScorer {
  const places = placesOf(layout);
  const hands = marked.filter(({ mover }) => mover === 'hand');
  const things = marked.filter(({ mover }) => mover === 'thing');
  const last = things.at(-1)!;
  return {
    // Where hand and thing stood at the start.
    memory: 6,
    extras: ['waypoint', 'distance', 'success'],
    begin(frames, offset, memory, at) {
      const { hand, thing } = seenAt(frames.subarray(offset, offset + frameDim), 0, frameDim, places);
      memory.set(hand, at);
      memory.set(thing, at + 3);
    },
    run(frames, offset, rows, memory, memoryOffset, out) {
      for (let row = 0; row < rows; row++) {
        const at = offset + row * frameDim;
        const kept = memoryOffset + row * 6;
        const { hand, thing, target } = seenAt(frames.subarray(at, at + frameDim), 0, frameDim, places);
        const start: Point = point(memory, kept + 3);
        const hasThing = frames[at + places.hasThing] === 1;
        const before = hasThing ? hands : [];
        const N = before.length + things.length;
        const isOnItsWay = before.length === 0 || between(thing, start) > settings.moved;
        const { value, segment } = isOnItsWay
          ? along(thing, [start, ...things.map((waypoint) => placed(waypoint, thing, start, target))])
          : along(hand, [
              point(memory, kept),
              ...before.map((waypoint) => placed(waypoint, thing, start, target)),
            ]);
        const done = (isOnItsWay ? before.length : 0) + value;
        const distance = Math.min(between(thing, placed(last, thing, start, target)), between(thing, target));
        const isSuccess = distance <= settings.radius;
        out.progress[row] = isSuccess ? 1 : Math.min(almost, done / N);
        out.extras['waypoint']![row] = (isOnItsWay ? before.length : 0) + segment + 1;
        out.extras['distance']![row] = distance;
        out.extras['success']![row] = isSuccess ? 1 : 0;
      }
    },
  };
}

function createModel(spec: ModelSpec): RewardModel {
  const { settings, stages, frameDim, layout, waypoints: found, marked } = spec;
  return createRewardModel({
    method: 'waypoints',
    title,
    senses: layout.parts.map(({ sense }) => sense),
    frameDim,
    stages,
    ...(settings.from === 'endpoint' ? { learnedFrom: marked } : {}),
    scorer: () => createScorer(spec),
    save: () =>
      packModel(magic, {
        header: { settings, stages, frameDim, layout, waypoints: found, marked },
        weights: new Float32Array(0),
      }),
  });
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { frameDim, stages } = saved;
  const { layout, waypoints: found, marked } = saved.header as unknown as ModelSpec;
  if (!Array.isArray(found) || !Array.isArray(layout?.parts)) {
    throw new RangeError(
      `${title}: found header keys ${Object.keys(saved.header).join(', ')}, wanted settings, stages, frameDim, layout, waypoints`,
    );
  }
  parseWaypoints(wordsOf(found), title);
  return createModel({
    settings: Object.freeze({ ...defaultsOf(fields), ...saved.settings }) as WaypointSettings,
    stages,
    frameDim,
    layout,
    waypoints: found,
    marked: String(marked),
  });
}
