/** A field of values in the scene: heat map with lines of equal value, arrows uphill, a surface of one value, and its colour bar. */

import * as three from 'three';
import { differenceRgb, progressRgb, type Scheme } from '../state/colours.ts';
import { levelsOf, tidy } from '../state/edits.ts';
import type { FieldChoice, FieldFound } from '../state/probe.ts';
import { isolines, isosurface } from './isolines.ts';
import type { StageLayer } from './layer.ts';

/** Arrows along each axis. */
const arrowsAcross = 12;
const contours = 8;

/** A field's value as a colour, linear RGB. Differences are pale at zero, whatever their range. */
export function fieldRgb(
  field: Pick<FieldFound, 'low' | 'high' | 'minus'>,
  value: number,
): [number, number, number] {
  const { low, high, minus } = field;
  if (minus !== null) return differenceRgb(value / Math.max(Math.abs(low), Math.abs(high), 1e-12));
  return progressRgb(high > low ? (value - low) / (high - low) : 0.5);
}

/** Ends of the colour bar. */
export function barOf({ low, high, minus }: Pick<FieldFound, 'low' | 'high' | 'minus'>): {
  low: number;
  high: number;
} {
  const most = Math.max(Math.abs(low), Math.abs(high), 1e-12);
  return minus === null ? { low, high } : { low: -most, high: most };
}

/** For style sheets, left to right. */
export function barCss(field: Pick<FieldFound, 'low' | 'high' | 'minus'>): string {
  const { low, high } = barOf(field);
  const stops = Array.from({ length: 9 }, (_, i) => {
    const [r, g, b] = fieldRgb(field, low + ((high - low) * i) / 8);
    return `color(srgb-linear ${r.toFixed(3)} ${g.toFixed(3)} ${b.toFixed(3)})`;
  });
  return `linear-gradient(90deg, ${stops.join(', ')})`;
}

/** sRGB, 8 bits, transparent where there is no value: the first slice. [height, width, 4] */
export function fieldPixels(field: FieldFound, alpha = 255): Uint8ClampedArray<ArrayBuffer> {
  const { width, height, values } = field;
  const out = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    const rgb = fieldRgb(field, value);
    for (let k = 0; k < 3; k++) {
      const c = rgb[k]!;
      out[i * 4 + k] = 255 * (c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055);
    }
    out[i * 4 + 3] = alpha;
  }
  return out;
}

export class FieldLayer implements StageLayer {
  readonly object = new three.Group();
  private readonly legend: HTMLElement;
  private readonly ink = new three.LineBasicMaterial({ transparent: true, opacity: 0.75, depthWrite: false });
  private readonly edge = new three.LineBasicMaterial({ transparent: true, opacity: 0.5, depthWrite: false });
  private readonly arrowInk = new three.LineBasicMaterial({
    transparent: true,
    opacity: 0.9,
    depthWrite: false,
  });
  private drawn: three.Object3D[] = [];
  private last: readonly unknown[] = [];

  /** @param host takes the colour bar. */
  constructor(host: HTMLElement) {
    this.legend = document.createElement('div');
    this.legend.className = 'probe-legend';
    this.legend.hidden = true;
    this.legend.dataset['testid'] = 'field-legend';
    host.append(this.legend);
  }

  /** Whether anything is drawn otherwise than before. `flat`: a slice; `solid`: in three dimensions. */
  show(flat: FieldFound | null, solid: FieldFound | null, choice: FieldChoice, title: string): boolean {
    const wanted = [
      flat,
      solid,
      choice.map,
      choice.lines,
      choice.arrows,
      choice.surface,
      choice.level,
      title,
    ];
    if (wanted.every((one, i) => one === this.last[i])) return false;
    this.last = wanted;
    this.clear();
    if (flat?.place) {
      if (choice.map) this.add(mapOf(flat));
      this.add(outlineOf(flat, this.edge));
      if (choice.lines) this.add(linesOf(flat, this.ink));
      if (choice.arrows) this.add(arrowsOf(flat, this.arrowInk));
    }
    if (solid?.place && choice.surface) this.add(surfaceOf(solid, choice.level));
    this.explain(flat?.place ? flat : null, title);
    return true;
  }

  scheme(scheme: Scheme): void {
    // Lines lie on the colours of the map, not on the ground.
    this.ink.color.set('#10151c');
    this.edge.color.set(scheme === 'dark' ? '#d8dde5' : '#1d2530');
    this.arrowInk.color.set('#10151c');
  }

  dispose(): void {
    this.clear();
    this.ink.dispose();
    this.edge.dispose();
    this.arrowInk.dispose();
    this.legend.remove();
  }

  private add(node: three.Object3D): void {
    this.drawn.push(node);
    this.object.add(node);
  }

  private clear(): void {
    for (const node of this.drawn) {
      this.object.remove(node);
      if (
        !(node instanceof three.Mesh || node instanceof three.LineSegments || node instanceof three.LineLoop)
      )
        continue;
      node.geometry.dispose();
      if (!(node instanceof three.Mesh)) continue;
      const material = node.material as three.MeshBasicMaterial;
      material.map?.dispose();
      material.dispose();
    }
    this.drawn = [];
  }

  private explain(field: FieldFound | null, title: string): void {
    this.legend.hidden = !field;
    if (!field) return;
    const { low, high } = barOf(field);
    const bar = document.createElement('div');
    bar.className = 'probe-bar';
    bar.style.background = barCss(field);
    const ends = document.createElement('div');
    ends.className = 'probe-bar-ends';
    for (const end of [low, high]) {
      const text = document.createElement('span');
      text.textContent = tidy(end);
      ends.append(text);
    }
    const name = document.createElement('div');
    name.className = 'probe-legend-title';
    name.textContent = title;
    this.legend.replaceChildren(name, bar, ends);
  }
}

type Placed = NonNullable<FieldFound['place']>;

/** A point of the grid, in grid units, in the world. */
function inWorld({ corner, ways }: Placed, counts: readonly number[], at: readonly number[]): three.Vector3 {
  const out = new three.Vector3(...corner);
  ways.forEach((way, a) => {
    out.addScaledVector(new three.Vector3(...way), at[a]! / Math.max(1, counts[a]! - 1));
  });
  return out;
}

const countsOf = ({ width, height, depth }: FieldFound): number[] => [width, height, depth];

/** What lies in the plane of the map is lifted off it by this much, metres, so that it is seen. */
const lift = 0.0015;

function normalOf({ ways }: Placed): three.Vector3 {
  const normal = new three.Vector3(...ways[0]!).cross(new three.Vector3(...ways[1]!)).normalize();
  // Up, or towards the viewer of a side view.
  return normal.z < 0 || (normal.z === 0 && normal.y > 0) ? normal.negate() : normal;
}

function mapOf(field: FieldFound): three.Mesh {
  const { width, height } = field;
  const counts = countsOf(field);
  const geometry = new three.BufferGeometry();
  const corners = [
    [0, 0],
    [width - 1, 0],
    [width - 1, height - 1],
    [0, height - 1],
  ].map((at) => inWorld(field.place!, counts, [...at, 0]));
  geometry.setFromPoints(corners);
  // The outer values lie on the edge, in the middle of their pixels.
  const [u, v] = [0.5 / width, 0.5 / height];
  geometry.setAttribute('uv', new three.Float32BufferAttribute([u, v, 1 - u, v, 1 - u, 1 - v, u, 1 - v], 2));
  geometry.setIndex([0, 1, 2, 0, 2, 3]);
  const texture = new three.DataTexture(fieldPixels(field), width, height, three.RGBAFormat);
  texture.colorSpace = three.SRGBColorSpace;
  texture.magFilter = three.LinearFilter;
  texture.needsUpdate = true;
  const mesh = new three.Mesh(
    geometry,
    new three.MeshBasicMaterial({
      map: texture,
      transparent: true,
      opacity: 0.82,
      side: three.DoubleSide,
      depthWrite: false,
      toneMapped: false,
      polygonOffset: true,
      polygonOffsetFactor: -1,
      polygonOffsetUnits: -2,
    }),
  );
  mesh.renderOrder = 1;
  return mesh;
}

function outlineOf(field: FieldFound, material: three.LineBasicMaterial): three.LineLoop {
  const { width, height } = field;
  const corners = [
    [0, 0],
    [width - 1, 0],
    [width - 1, height - 1],
    [0, height - 1],
  ].map((at) => inWorld(field.place!, countsOf(field), [...at, 0]));
  const loop = new three.LineLoop(new three.BufferGeometry().setFromPoints(corners), material);
  loop.renderOrder = 2;
  return loop;
}

function linesOf(field: FieldFound, material: three.LineBasicMaterial): three.LineSegments {
  const { width, height, values, low, high } = field;
  const flat = isolines(values, width, height, levelsOf(low, high, contours));
  const up = normalOf(field.place!).multiplyScalar(lift);
  const points: three.Vector3[] = [];
  for (let k = 0; k < flat.length; k += 2)
    points.push(inWorld(field.place!, countsOf(field), [flat[k]!, flat[k + 1]!, 0]).add(up));
  const lines = new three.LineSegments(new three.BufferGeometry().setFromPoints(points), material);
  lines.renderOrder = 2;
  return lines;
}

/** Uphill, as long as the slope is steep: the steepest fill their square of the raster. */
function arrowsOf(field: FieldFound, material: three.LineBasicMaterial): three.LineSegments {
  const { width, height, gradient, axes, place } = field;
  const counts = countsOf(field);
  const normal = normalOf(place!);
  const up = normal.clone().multiplyScalar(2 * lift);
  const ways = place!.ways.map((way) => new three.Vector3(...way));
  const room = Math.min(ways[0]!.length() / arrowsAcross, ways[1]!.length() / arrowsAcross) * 0.9;
  const found: { at: three.Vector3; slope: three.Vector3 }[] = [];
  let steepest = 0;
  for (let j = 0; j < arrowsAcross; j++) {
    for (let i = 0; i < arrowsAcross; i++) {
      const x = Math.round(((i + 0.5) / arrowsAcross) * (width - 1));
      const y = Math.round(((j + 0.5) / arrowsAcross) * (height - 1));
      const slope = new three.Vector3();
      // Change of the value for one metre: the element may run against the axis.
      ways.slice(0, 2).forEach((way, a) => {
        const { from, to } = axes[a]!;
        const perMetre = (gradient[(y * width + x) * 2 + a]! * (to - from)) / way.length();
        slope.addScaledVector(way.clone().normalize(), perMetre);
      });
      steepest = Math.max(steepest, slope.length());
      found.push({ at: inWorld(place!, counts, [x, y, 0]).add(up), slope });
    }
  }
  const points: three.Vector3[] = [];
  for (const { at, slope } of found) {
    // Square roots, so that gentle slopes are seen beside steep ones.
    const length = steepest > 0 ? room * Math.sqrt(slope.length() / steepest) : 0;
    if (length < room * 0.08) continue;
    const way = slope.clone().normalize();
    const side = way.clone().cross(normal);
    const tip = at.clone().addScaledVector(way, length / 2);
    const tail = at.clone().addScaledVector(way, -length / 2);
    const barb = (sign: number): three.Vector3 =>
      tip
        .clone()
        .addScaledVector(way, -0.32 * length)
        .addScaledVector(side, sign * 0.18 * length);
    points.push(tail, tip, tip, barb(1), tip, barb(-1));
  }
  const arrows = new three.LineSegments(new three.BufferGeometry().setFromPoints(points), material);
  arrows.renderOrder = 4;
  return arrows;
}

function surfaceOf(field: FieldFound, level: number): three.Mesh {
  const { width, height, depth, values, low, high } = field;
  const value = low + (high - low) * level;
  const flat = isosurface(values, width, height, depth, value);
  const points: three.Vector3[] = [];
  for (let k = 0; k < flat.length; k += 3)
    points.push(inWorld(field.place!, countsOf(field), [flat[k]!, flat[k + 1]!, flat[k + 2]!]));
  const geometry = new three.BufferGeometry().setFromPoints(points);
  geometry.computeVertexNormals();
  const [r, g, b] = fieldRgb(field, value);
  const mesh = new three.Mesh(
    geometry,
    new three.MeshStandardMaterial({
      color: new three.Color().setRGB(r, g, b),
      roughness: 0.7,
      transparent: true,
      opacity: 0.5,
      side: three.DoubleSide,
      depthWrite: false,
    }),
  );
  mesh.renderOrder = 3;
  return mesh;
}
