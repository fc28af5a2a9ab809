/** What a camera makes of a scene besides its geometry: light, colours, textures, what stands in the way. */

import { cos, sin } from '../engine/math.ts';
import { createRandom, mixSeed, type Random } from '../engine/random.ts';
import type { Body, BodyRole, Colour } from '../env.ts';
import type { Fields, Settings } from '../fields.ts';

export const lookFields = {
  looks: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 256,
    help: 'How many looks are drawn from the seed; each world is shown in the look it is given',
  },
  lighting: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'How far direction, strength and tint of the light differ between looks',
  },
  colours: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'How far colours of surfaces differ between looks; colours that mean something are left alone',
  },
  background: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'How far the background colour differs between looks',
  },
  texture: {
    type: 'choice',
    default: 'none',
    options: ['none', 'checker', 'noise', 'mixed'],
    help: 'Pattern on surfaces; mixed draws one of the three for each body',
  },
  textured: {
    type: 'choice',
    default: 'furniture',
    options: ['furniture', 'everything'],
    help: 'Which surfaces carry the texture: floor, table and walls, or all bodies',
  },
  occluder: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.5,
    help: 'Share of the picture that a box before the camera hides, at a place drawn for each look',
  },
} as const satisfies Fields;

export type LookSettings = Settings<typeof lookFields>;

export const plain = 0;
export const checker = 1;
export const noise = 2;

/** The box before the camera, in the plane one metre away: middle and half sizes. */
export interface Occluder {
  readonly x: number;
  readonly y: number;
  readonly halfWidth: number;
  readonly halfHeight: number;
}

export interface Look {
  /** Unit vector towards the light, world frame. */
  readonly light: readonly [number, number, number];
  readonly ambient: number;
  readonly strength: number;
  readonly tint: Colour;
  /** 0..255 */
  readonly background: Colour;
  /** r g b in [0, 1] of every body, then of the occluder. [(bodies + 1) * 3] */
  readonly colours: Float64Array;
  /** `plain`, `checker` or `noise` of every body and the occluder. */
  readonly patterns: Uint8Array;
  /** Cells per metre, and how much darker the dark cells are. */
  readonly scales: Float64Array;
  readonly contrasts: Float64Array;
  readonly occluder: Occluder | null;
}

/** sRGB in [0, 1]. */
const roleColours: Readonly<Record<BodyRole, Colour>> = {
  floor: [0.62, 0.64, 0.67],
  table: [0.86, 0.82, 0.75],
  wall: [0.66, 0.7, 0.76],
  link: [0.92, 0.93, 0.95],
  joint: [0.3, 0.34, 0.4],
  gripper: [0.22, 0.53, 0.86],
  wheel: [0.2, 0.22, 0.25],
  agent: [0.22, 0.53, 0.86],
  mate: [0.2, 0.68, 0.79],
  opponent: [0.83, 0.26, 0.5],
  object: [0.93, 0.45, 0.17],
  distractor: [0.6, 0.47, 0.82],
  fixture: [0.74, 0.58, 0.32],
  tool: [0.79, 0.69, 0.16],
  goal: [0.06, 0.72, 0.52],
  marker: [0.33, 0.64, 0.84],
  screen: [0.09, 0.11, 0.14],
};

const backdrop: Colour = [0.85, 0.89, 0.93];
const baseLight: Colour = [0.42, -0.5, 0.76];
const occluderColour: Colour = [0.16, 0.17, 0.19];

/** Bodies that stand still in most tasks; those of one picture are kept for the next. */
export const isFurniture = (role: BodyRole): boolean =>
  role === 'floor' || role === 'table' || role === 'wall';

const unit = (x: number, y: number, z: number): [number, number, number] => {
  const length = Math.sqrt(x * x + y * y + z * z);
  return [x / length, y / length, z / length];
};

/** Each kind of variation has a stream of its own, so that switching one on leaves the others as they were. */
const stream = (seed: number, index: number, kind: number): Random =>
  createRandom(mixSeed(mixSeed(seed, index), kind));

/** Between `from` and a colour drawn from the whole cube. */
function varied(random: Random, from: Colour, share: number): [number, number, number] {
  const mix = (value: number): number => value + share * (random.uniform() - value);
  return [mix(from[0]), mix(from[1]), mix(from[2])];
}

/** Look number `index` of a seed. tangents: half width and half height of the picture one metre away. */
export function drawLook(
  bodies: readonly Body[],
  settings: LookSettings,
  seed: number,
  index: number,
  tangents: readonly [number, number],
): Look {
  const light = stream(seed, index, 0);
  const { lighting } = settings;
  const turn = lighting * light.uniform(-Math.PI, Math.PI);
  const sink = 1 - 0.6 * lighting * light.uniform();
  const [c, s] = [cos(turn), sin(turn)];
  const direction = unit(
    c * baseLight[0] - s * baseLight[1],
    s * baseLight[0] + c * baseLight[1],
    baseLight[2] * sink,
  );
  const ambient = 0.5 + 0.2 * lighting * light.uniform(-1, 1);
  const strength = 0.56 * (1 + 0.5 * lighting * light.uniform(-1, 1));
  const tint: Colour = [
    1 + 0.15 * lighting * light.uniform(-1, 1),
    1 + 0.15 * lighting * light.uniform(-1, 1),
    1 + 0.15 * lighting * light.uniform(-1, 1),
  ];

  const behind = varied(stream(seed, index, 1), backdrop, settings.background);

  const paint = stream(seed, index, 2);
  const pattern = stream(seed, index, 3);
  const count = bodies.length + 1;
  const colours = new Float64Array(count * 3);
  const patterns = new Uint8Array(count);
  const scales = new Float64Array(count);
  const contrasts = new Float64Array(count);
  for (let k = 0; k < count; k++) {
    const body = bodies[k];
    const drawn = varied(paint, body ? roleColours[body.role] : occluderColour, 0.8 * settings.colours);
    colours.set(body?.colour ?? drawn, k * 3);
    scales[k] = pattern.uniform(8, 24);
    contrasts[k] = pattern.uniform(0.25, 0.6);
    const pick = pattern.integer(3);
    if (body && (settings.textured === 'everything' || isFurniture(body.role))) {
      patterns[k] =
        settings.texture === 'mixed'
          ? pick
          : settings.texture === 'checker'
            ? checker
            : settings.texture === 'noise'
              ? noise
              : plain;
    }
  }

  const place = stream(seed, index, 4);
  // The same share of width and height; wholly inside the picture, wherever it is.
  const share = Math.sqrt(settings.occluder);
  const across = (1 - share) * place.uniform(-1, 1);
  const up = (1 - share) * place.uniform(-1, 1);
  return {
    light: direction,
    ambient,
    strength,
    tint,
    background: [255 * behind[0], 255 * behind[1], 255 * behind[2]],
    colours,
    patterns,
    scales,
    contrasts,
    occluder:
      share > 0
        ? {
            x: across * tangents[0],
            y: up * tangents[1],
            halfWidth: share * tangents[0],
            halfHeight: share * tangents[1],
          }
        : null,
  };
}

/** A number in [0, 1) that belongs to one cell of the lattice. */
function cellValue(x: number, y: number, z: number): number {
  let h = Math.imul(x, 0x8da6b343) ^ Math.imul(y, 0xd8163841) ^ Math.imul(z, 0xcb1ab31f);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 4294967296;
}

/** Trilinear between the cells' values, eased at both ends. */
function smoothNoise(x: number, y: number, z: number): number {
  const cx = Math.floor(x);
  const cy = Math.floor(y);
  const cz = Math.floor(z);
  const ease = (t: number): number => t * t * (3 - 2 * t);
  const u = ease(x - cx);
  const v = ease(y - cy);
  const w = ease(z - cz);
  const edge = (iy: number, iz: number): number => {
    const a = cellValue(cx, iy, iz);
    return a + u * (cellValue(cx + 1, iy, iz) - a);
  };
  const low = edge(cy, cz) + v * (edge(cy + 1, cz) - edge(cy, cz));
  const high = edge(cy, cz + 1) + v * (edge(cy + 1, cz + 1) - edge(cy, cz + 1));
  return low + w * (high - low);
}

/** Faces lie at round numbers; their pattern must not hang on the last bit of a coordinate. */
const shift = 0.37;

/** Brightness in [1 - contrast, 1] of body k's solid pattern at a point in the body's frame, metres. */
export function brightness({ patterns, scales, contrasts }: Look, k: number, point: Float64Array): number {
  const pattern = patterns[k]!;
  if (pattern === plain) return 1;
  const scale = scales[k]!;
  const contrast = contrasts[k]!;
  const u = point[0]! * scale + shift;
  const v = point[1]! * scale + shift;
  const w = point[2]! * scale + shift;
  if (pattern === checker) {
    const sum = Math.floor(u) + Math.floor(v) + Math.floor(w);
    return sum % 2 === 0 ? 1 : 1 - contrast;
  }
  return 1 - contrast * (0.7 * smoothNoise(u, v, w) + 0.3 * smoothNoise(3 * u, 3 * v, 3 * w));
}
