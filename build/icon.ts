/** Draws the app's icon, build/icon.png: a progress curve that climbs through the bands of three stages. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';

type Colour = readonly [red: number, green: number, blue: number];

const size = 512;
const night: Colour = [17, 20, 28];
const bands: readonly Colour[] = [
  [30, 41, 66],
  [28, 62, 88],
  [24, 92, 98],
];
const line: Colour = [110, 231, 183];
const goal: Colour = [253, 224, 71];

/** Smooth step from 0 to 1 over one pixel around 0: the edge of a shape, antialiased. */
const edge = (distance: number): number => Math.min(1, Math.max(0, 0.5 - distance));

/** Distance to a rounded square centred in the picture; negative inside. */
function tile(x: number, y: number): number {
  const half = size * 0.47;
  const radius = size * 0.21;
  const dx = Math.abs(x - size / 2) - half + radius;
  const dy = Math.abs(y - size / 2) - half + radius;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - radius;
}

/** Progress at a share of the time: three climbs with a rest after each. */
function progress(t: number): number {
  const climbs = 3;
  const stage = Math.min(climbs - 1, Math.floor(t * climbs));
  const within = t * climbs - stage;
  const eased = within * within * within * (within * (within * 6 - 15) + 10);
  return (stage + eased) / climbs;
}

/** Points of the curve in pixels, close enough to be drawn as discs. */
const curve = Array.from({ length: 400 }, (_, i) => {
  const t = i / 399;
  return { x: size * (0.19 + 0.6 * t), y: size * (0.78 - 0.54 * progress(t)) };
});
const end = curve.at(-1)!;

function mix(under: Colour, over: Colour, share: number): Colour {
  const at = (i: 0 | 1 | 2): number => under[i] + (over[i] - under[i]) * share;
  return [at(0), at(1), at(2)];
}

function pixel(x: number, y: number): readonly number[] {
  const top = size * 0.24;
  const bottom = size * 0.78;
  let colour = night;
  const band = Math.floor(((bottom - y) / (bottom - top)) * bands.length);
  const inBands = x > size * 0.12 && x < size * 0.88;
  if (inBands && band >= 0 && band < bands.length) colour = bands[band]!;
  const near = curve.reduce(
    (least, point) => Math.min(least, Math.hypot(point.x - x, point.y - y)),
    Infinity,
  );
  colour = mix(colour, line, 0.28 * Math.max(0, 1 - near / 44) ** 2);
  colour = mix(colour, line, edge(near - 12));
  const toEnd = Math.hypot(end.x - x, end.y - y);
  colour = mix(colour, night, edge(toEnd - 38));
  colour = mix(colour, goal, edge(toEnd - 28));
  return [...colour.map(Math.round), Math.round(255 * edge(tile(x, y)))];
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

/** A PNG of 8-bit RGBA; `pixelAt` is asked for the centre of each pixel. */
export function encodePng(
  width: number,
  height: number,
  pixelAt: (x: number, y: number) => readonly number[],
): Buffer {
  const rows = Buffer.alloc(height * (1 + width * 4));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rows.set(pixelAt(x + 0.5, y + 0.5), y * (1 + width * 4) + 1 + x * 4);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a channel, colour with alpha, the only compression, filter and interlace there are.
  header.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', new Uint8Array()),
  ]);
}

export const drawIcon = (): Buffer => encodePng(size, size, pixel);

if (import.meta.main) writeFileSync(join(import.meta.dirname, 'icon.png'), drawIcon());
