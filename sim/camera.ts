/**
 * A small software renderer of the bodies of a task: colour, depth and body ids as a camera would see them. One ray a
 * pixel through its middle, exact intersections, nothing but + - * / and square roots, so that a picture is the same to
 * the bit on every machine.
 *
 * All of a picture happens in the camera's frame: x right, y up, z forward, the ray of a pixel is (px, py, 1). So a
 * ray's parameter is the depth along the optical axis. For a body with rotation R and middle c the ray in its frame is
 *   R^T (0 - c) + s R^T (px, py, 1) = o + s (px a + py b + f)
 * with four vectors a body. A body is tried only in the rectangle of pixels that its corners or end spheres span.
 *
 * Shadows fall on level tops of floors and tables: for a body and such a plane, the pixels of the plane inside the
 * rectangle of the body's shadow are traced towards the light.
 *
 * Furniture (floor, table, walls) seen by a camera that stands still is drawn once, shaded, and copied into the next
 * pictures as long as its poses and colours are the same.
 */

import { brightness, drawLook, isFurniture, type Look, lookFields } from './camera/look.ts';
import {
  boxShape,
  capsuleShape,
  createRays,
  cylinderShape,
  enterAll,
  normalAt,
  sphereShape,
} from './camera/rays.ts';
import { defaultViews } from './camera/views.ts';
import { cos, sin } from './engine/math.ts';
import type { CameraView, TaskModel } from './env.ts';
import { type AnySettings, defaultsOf, type Field, type Fields, type Settings } from './fields.ts';

const side = { type: 'integer', default: 64, min: 32, max: 128, unit: 'px' } as const;

/** Everything about a camera but its views. */
export const cameraFields = {
  width: { ...side, help: 'Width of every picture' },
  height: { ...side, help: 'Height of every picture' },
  shadows: {
    type: 'boolean',
    default: true,
    help: 'Bodies cast shadows on the level tops of floor and table',
  },
  ghosts: {
    type: 'choice',
    default: 'tint',
    options: ['tint', 'solid', 'hidden'],
    help: 'Goals and markers: tint colours what is behind them and leaves depth and ids alone; solid is as any body',
  },
  ...lookFields,
} as const satisfies Fields;

export type CameraSettings = Settings<typeof cameraFields>;

/** Pictures of `count` worlds, each kind optional; sizes in numbers. */
export interface Pictures {
  /** [count, views, height, width, 3], sRGB 0..255 */
  readonly rgb?: Uint8Array;
  /** [count, views, height, width], metres along the optical axis (not along the ray); 0 where nothing is. */
  readonly depth?: Float32Array;
  /** [count, views, height, width]: index of the body + 1, 0 where nothing is, bodies + 1 for the occluder. */
  readonly ids?: Uint16Array;
}

export interface Camera {
  /** In the order of the pictures. */
  readonly views: readonly string[];
  readonly width: number;
  readonly height: number;
  readonly settings: CameraSettings;
  /** Arrays of the right size for `count` worlds. */
  pictures(count: number): Required<Pictures>;
  /**
   * Draws the worlds first .. first + count - 1 in all views. states: [worlds * stateDim], for example `BatchEnv.states`;
   * looks: for each drawn world which look it has, 0 .. settings.looks - 1 (all 0 when absent). [count]
   * A world's picture depends on its state and its look alone. Allocates nothing.
   * @throws RangeError on arrays of another size, worlds that are not there, or no such look; nothing is drawn.
   */
  render(states: Float64Array, first: number, count: number, out: Pictures, looks?: ArrayLike<number>): void;
}

export interface CameraOptions {
  /** Which views, in which order; absent: all the task has. */
  readonly views?: readonly string[];
  /** Of `cameraFields`; what is missing has its default. */
  readonly settings?: AnySettings;
  /** Of the looks. */
  readonly seed?: number;
  /** Longest side allowed, px. Observations need 128 at most, pictures for people may be larger. */
  readonly largest?: number;
  /** False: furniture is drawn anew each time; the pixels are the same. */
  readonly cache?: boolean;
}

const defaultNames = ['front', 'side', 'top', 'wrist'];

/** The views of a task: its own, and defaults under the names it has not taken. */
export function viewsOf(model: TaskModel): CameraView[] {
  const own = model.cameras ?? [];
  // Placing defaults plays the task; a model that brings all views is not played.
  if (defaultNames.every((name) => own.some((view) => view.name === name))) return [...own];
  return [...own, ...defaultViews(model).filter(({ name }) => !own.some((view) => view.name === name))];
}

/** Nearer surfaces are not seen, metres. */
const nearest = 0.005;
/** A shadow's caster begins this far from the surface, metres. */
const lift = 1e-4;
/** Highest number of different levels on which shadows fall. */
const mostPlanes = 4;
/** How strongly a goal or marker colours what is behind it. */
const ghostShare = 0.4;
/** Thickness of the occluder, so that it hides no more than its face, and its distance, metres. */
const occluderDepth = 0.0002;
const occluderAt = 0.05;

/** Numbers a body: o a b f (see above), its middle in the camera's frame, the light and the world's up in its own frame. */
const rayStride = 21;
const atA = 3;
const atB = 6;
const atF = 9;
const atMiddle = 12;
const atLight = 15;
const atUp = 18;

interface ViewPlan {
  readonly view: CameraView;
  /** Index of the carrying body, or -1. */
  readonly carrier: number;
  readonly halfHeight: number;
  readonly halfWidth: number;
  /** Ray of column x, of row y. */
  readonly px: Float64Array;
  readonly py: Float64Array;
}

/** What one picture is drawn into. */
interface Canvas {
  readonly depth: Float64Array;
  readonly ids: Uint16Array;
  /** 1 + the level on which a shadow may fall here; 0 elsewhere. */
  readonly planes: Uint8Array;
  readonly shadows: Uint8Array;
}

/** Furniture of one look and view, with what it was drawn from. */
interface Layer extends Canvas {
  readonly rgb: Uint8Array;
  readonly poses: Float32Array;
  readonly colours: Float32Array;
  readonly heights: Float64Array;
  readonly extents: Int32Array;
  planeCount: number;
  isDrawn: boolean;
}

const newCanvas = (pixels: number): Canvas => ({
  depth: new Float64Array(pixels),
  ids: new Uint16Array(pixels),
  planes: new Uint8Array(pixels),
  shadows: new Uint8Array(pixels),
});

function checkField(name: string, field: Field, value: unknown): void {
  const refuse = (wanted: string): never => {
    throw new RangeError(`camera: ${name} is ${JSON.stringify(value) ?? String(value)}, wanted ${wanted}`);
  };
  if (field.type === 'boolean' && typeof value !== 'boolean') refuse('true or false');
  if (field.type === 'choice' && !field.options.includes(value as string)) {
    refuse(`one of ${field.options.join(', ')}`);
  }
  if (field.type === 'number' || field.type === 'integer') {
    const isFine = typeof value === 'number' && value >= field.min && value <= field.max;
    const isWhole = field.type === 'number' || Number.isInteger(value);
    if (!isFine || !isWhole) {
      const kind = field.type === 'integer' ? 'a whole number' : 'a number';
      refuse(`${kind} from ${field.min} to ${field.max}${field.unit ? ` ${field.unit}` : ''}`);
    }
  }
}

/** @throws RangeError naming the field. */
function checkedSettings(given: AnySettings, largest: number): CameraSettings {
  const settings: Record<string, unknown> = { ...defaultsOf(cameraFields), ...given };
  for (const [name, value] of Object.entries(settings)) {
    const field = (cameraFields as Fields)[name];
    if (field === undefined) {
      throw new RangeError(`camera: unknown setting ${name}; known: ${Object.keys(cameraFields).join(', ')}`);
    }
    const isSide = name === 'width' || name === 'height';
    checkField(name, isSide && field.type === 'integer' ? { ...field, max: largest } : field, value);
  }
  return Object.freeze(settings) as CameraSettings;
}

/** @throws RangeError on an unknown view, a setting out of range, or a view carried by no body. */
export function createCamera(model: TaskModel, options: CameraOptions = {}): Camera {
  const settings = checkedSettings(options.settings ?? {}, options.largest ?? side.max);
  const all = viewsOf(model);
  const names = options.views ?? all.map(({ name }) => name);
  if (names.length === 0) throw new RangeError('camera: found no views, wanted at least one');
  const { width, height } = settings;
  const plans = names.map((name): ViewPlan => {
    const view = all.find((known) => known.name === name);
    if (view === undefined) {
      const known = all.map((other) => other.name).join(', ');
      throw new RangeError(`camera: unknown view "${name}"; ${model.id} has ${known}`);
    }
    const carrier = view.body === undefined ? -1 : model.bodies.findIndex((body) => body.name === view.body);
    if (view.body !== undefined && carrier < 0) {
      throw new RangeError(`camera: view ${name} is carried by "${view.body}", ${model.id} has no such body`);
    }
    const halfHeight = sin(view.fieldOfView / 2) / cos(view.fieldOfView / 2);
    const halfWidth = (halfHeight * width) / height;
    return {
      view,
      carrier,
      halfHeight,
      halfWidth,
      px: Float64Array.from({ length: width }, (_, x) => (((x + 0.5) / width) * 2 - 1) * halfWidth),
      py: Float64Array.from({ length: height }, (_, y) => (1 - ((y + 0.5) / height) * 2) * halfHeight),
    };
  });
  return new SoftwareCamera(model, settings, plans, options.seed ?? 0, options.cache ?? true);
}

class SoftwareCamera implements Camera {
  readonly views: readonly string[];
  readonly width: number;
  readonly height: number;
  readonly settings: CameraSettings;

  readonly #model: TaskModel;
  readonly #plans: readonly ViewPlan[];
  /** [view][look] */
  readonly #looks: readonly (readonly Look[])[];
  readonly #layers: readonly (readonly Layer[])[];
  readonly #canvas: Canvas;
  /** One row of rays, and the pixels they belong to. */
  readonly #pencil: ReturnType<typeof createRays>;
  readonly #pixels: Int32Array;

  // Per item: the bodies, then the occluder.
  readonly #shapes: Uint8Array;
  /** Half extents, or radius and half length. [items * 3] */
  readonly #sizes: Float64Array;
  readonly #rays: Float64Array;
  /** In which picture the item's rays were filled in last, and which is drawn now. */
  readonly #stamps: Uint32Array;
  #stamp = 0;
  /** Drawn first, drawn after it, drawn as a tint. */
  readonly #furniture: Uint16Array;
  readonly #movers: Uint16Array;
  readonly #ghosts: Uint16Array;
  /** Furniture on which shadows may fall. */
  readonly #receives: Uint8Array;

  readonly #poses: Float32Array;
  readonly #given: Float32Array;
  readonly #colours: Float64Array;
  /** Position, then right, up and forward, in the world's frame. */
  readonly #frame = new Float64Array(12);
  /** First and last column, first and last row. */
  readonly #rect = new Int32Array(4);
  readonly #span = new Float64Array(4);
  readonly #shear = new Float64Array(5);
  /** Middle and three half edges of a box, and its corners. */
  readonly #solid = new Float64Array(12);
  readonly #corners = new Float64Array(24);
  /** Ray and depth of the pixel at work, then what it meets. */
  readonly #sight = new Float64Array(3);
  readonly #point = new Float64Array(3);
  readonly #normal = new Float64Array(3);
  readonly #rgb = new Float64Array(3);
  /** Heights of the level tops in the picture, and the rectangles of pixels in which they are. */
  readonly #levels = new Float64Array(mostPlanes);
  readonly #extents = new Int32Array(mostPlanes * 4);
  #levelCount = 0;

  constructor(
    model: TaskModel,
    settings: CameraSettings,
    plans: readonly ViewPlan[],
    seed: number,
    caches: boolean,
  ) {
    this.#model = model;
    this.#plans = plans;
    this.settings = settings;
    this.width = settings.width;
    this.height = settings.height;
    this.views = plans.map(({ view }) => view.name);
    const { bodies } = model;
    const items = bodies.length + 1;
    const pixels = this.width * this.height;
    this.#looks = plans.map(({ halfWidth, halfHeight }) =>
      Array.from({ length: settings.looks }, (_, index) =>
        drawLook(bodies, settings, seed, index, [halfWidth, halfHeight]),
      ),
    );
    this.#canvas = newCanvas(pixels);
    this.#pencil = createRays(this.width);
    this.#pixels = new Int32Array(this.width);
    this.#shapes = new Uint8Array(items);
    this.#sizes = new Float64Array(items * 3);
    this.#rays = new Float64Array(items * rayStride);
    this.#stamps = new Uint32Array(items);
    this.#receives = new Uint8Array(items);
    const furniture: number[] = [];
    const movers: number[] = [];
    const ghosts: number[] = [];
    bodies.forEach(({ shape, role }, k) => {
      if (shape.type === 'box') {
        this.#shapes[k] = boxShape;
        this.#sizes.set([shape.size[0] / 2, shape.size[1] / 2, shape.size[2] / 2], k * 3);
      } else if (shape.type === 'sphere') {
        this.#shapes[k] = sphereShape;
        this.#sizes.set([shape.radius, 0, 0], k * 3);
      } else {
        this.#shapes[k] = shape.type === 'capsule' ? capsuleShape : cylinderShape;
        this.#sizes.set([shape.radius, shape.length / 2, 0], k * 3);
      }
      this.#receives[k] = role === 'floor' || role === 'table' ? 1 : 0;
      const isGhost = role === 'goal' || role === 'marker';
      if (isGhost && settings.ghosts === 'hidden') return;
      (isGhost && settings.ghosts === 'tint' ? ghosts : isFurniture(role) ? furniture : movers).push(k);
    });
    if (settings.occluder > 0) furniture.push(bodies.length);
    this.#shapes[bodies.length] = boxShape;
    this.#furniture = Uint16Array.from(furniture);
    this.#movers = Uint16Array.from(movers);
    this.#ghosts = Uint16Array.from(ghosts);
    this.#poses = new Float32Array(bodies.length * 7);
    this.#given = new Float32Array(bodies.length * 3).fill(Number.NaN);
    this.#colours = new Float64Array(items * 3);
    this.#layers = plans.map(({ carrier }) =>
      Array.from({ length: caches && carrier < 0 ? settings.looks : 0 }, () => ({
        ...newCanvas(pixels),
        rgb: new Uint8Array(pixels * 3),
        poses: new Float32Array(furniture.length * 7),
        colours: new Float32Array(furniture.length * 3),
        heights: new Float64Array(mostPlanes),
        extents: new Int32Array(mostPlanes * 4),
        planeCount: 0,
        isDrawn: false,
      })),
    );
  }

  pictures(count: number): Required<Pictures> {
    const pixels = count * this.#plans.length * this.width * this.height;
    return {
      rgb: new Uint8Array(pixels * 3),
      depth: new Float32Array(pixels),
      ids: new Uint16Array(pixels),
    };
  }

  render(states: Float64Array, first: number, count: number, out: Pictures, looks?: ArrayLike<number>): void {
    this.#check(states, first, count, out, looks);
    const model = this.#model;
    const pixels = this.width * this.height;
    for (let w = 0; w < count; w++) {
      const o = (first + w) * model.stateDim;
      model.poses(states, o, this.#poses, 0);
      model.colours?.(states, o, this.#given, 0);
      const look = looks === undefined ? 0 : looks[w]!;
      for (let v = 0; v < this.#plans.length; v++) {
        this.#picture(v, look, out, (w * this.#plans.length + v) * pixels);
      }
    }
  }

  #check(
    states: Float64Array,
    first: number,
    count: number,
    out: Pictures,
    looks: ArrayLike<number> | undefined,
  ): void {
    const dim = this.#model.stateDim;
    const worlds = states.length / dim;
    if (!Number.isInteger(worlds)) {
      throw new RangeError(
        `camera: found ${states.length} state numbers, wanted a multiple of ${dim} (${this.#model.id})`,
      );
    }
    const isThere = Number.isInteger(first) && Number.isInteger(count) && first >= 0 && count >= 0;
    if (!isThere || first + count > worlds) {
      throw new RangeError(
        `camera: found ${count} worlds from ${first} on, wanted some of the ${worlds} that there are`,
      );
    }
    const shape = `${count} worlds x ${this.#plans.length} views x ${this.height} x ${this.width}`;
    const pixels = count * this.#plans.length * this.width * this.height;
    const wantSize = (
      name: string,
      array: ArrayLike<number> | undefined,
      size: number,
      more: string,
    ): void => {
      if (array !== undefined && array.length !== size) {
        throw new RangeError(`camera: ${name} has ${array.length} numbers, wanted ${size} (${shape}${more})`);
      }
    };
    wantSize('rgb', out.rgb, pixels * 3, ' x 3');
    wantSize('depth', out.depth, pixels, '');
    wantSize('ids', out.ids, pixels, '');
    if (looks === undefined) return;
    if (looks.length !== count) {
      throw new RangeError(`camera: looks has ${looks.length} numbers, wanted ${count}, one a world`);
    }
    for (let w = 0; w < count; w++) {
      const look = looks[w]!;
      if (!Number.isInteger(look) || look < 0 || look >= this.settings.looks) {
        throw new RangeError(
          `camera: look of world ${w} is ${look}, wanted a whole number from 0 to ${this.settings.looks - 1}`,
        );
      }
    }
  }

  /** One view of the world whose poses are in `#poses`. at: the picture's first pixel in the arrays of `out`. */
  #picture(v: number, lookIndex: number, out: Pictures, at: number): void {
    const plan = this.#plans[v]!;
    const look = this.#looks[v]![lookIndex]!;
    const layer = this.#layers[v]![lookIndex];
    const canvas = this.#canvas;
    this.#stamp = (this.#stamp + 1) >>> 0;
    this.#paint(look);
    this.#stand(plan);
    if (layer === undefined) {
      this.#drawFurniture(plan, look, canvas);
    } else {
      if (!this.#isCurrent(layer)) this.#drawLayer(plan, look, layer);
      canvas.depth.set(layer.depth);
      canvas.ids.set(layer.ids);
      canvas.planes.set(layer.planes);
      canvas.shadows.set(layer.shadows);
      this.#levels.set(layer.heights);
      this.#extents.set(layer.extents);
      this.#levelCount = layer.planeCount;
    }
    const movers = this.#movers;
    for (let i = 0; i < movers.length; i++) {
      this.#place(movers[i]!, look);
      this.#draw(movers[i]!, plan, canvas);
    }
    if (this.settings.shadows) {
      for (let i = 0; i < movers.length; i++) this.#castShadow(movers[i]!, plan, canvas);
    }
    if (out.rgb !== undefined) {
      this.#shade(plan, look, canvas, out.rgb, at, layer);
      this.#tint(plan, look, canvas, out.rgb, at);
    }
    const pixels = this.width * this.height;
    if (out.ids !== undefined) out.ids.set(canvas.ids, at);
    if (out.depth !== undefined) {
      const { depth } = canvas;
      const { depth: metres } = out;
      for (let i = 0; i < pixels; i++) {
        const s = depth[i]!;
        metres[at + i] = s === Number.POSITIVE_INFINITY ? 0 : s;
      }
    }
  }

  /** The colours of this look, with what the task's state says on top. */
  #paint(look: Look): void {
    const colours = this.#colours;
    colours.set(look.colours);
    if (this.#model.colours === undefined) return;
    const given = this.#given;
    for (let i = 0; i < given.length; i++) {
      const value = given[i]!;
      if (!Number.isNaN(value)) colours[i] = value;
    }
  }

  /** Position and axes of a camera in the world. */
  #stand({ view, carrier }: ViewPlan): void {
    const frame = this.#frame;
    const [px, py, pz] = view.position;
    const [tx, ty, tz] = view.target;
    let fx = tx - px;
    let fy = ty - py;
    let fz = tz - pz;
    // Straight down there is no level direction to the right of z: up is the y of the world, or of the carrier.
    let ux = 0;
    let uy = 1;
    let uz = 0;
    frame[0] = px;
    frame[1] = py;
    frame[2] = pz;
    if (carrier >= 0) {
      const poses = this.#poses;
      const c = carrier * 7;
      if (view.turns !== false) {
        this.#turn(c, fx, fy, fz, 3);
        fx = frame[3]!;
        fy = frame[4]!;
        fz = frame[5]!;
        this.#turn(c, 0, 1, 0, 3);
        ux = frame[3]!;
        uy = frame[4]!;
        uz = frame[5]!;
        this.#turn(c, px, py, pz, 0);
      }
      for (let axis = 0; axis < 3; axis++) frame[axis]! += poses[c + axis]!;
    }
    const length = Math.sqrt(fx * fx + fy * fy + fz * fz);
    fx /= length;
    fy /= length;
    fz /= length;
    // Right = forward x z.
    let rx = fy;
    let ry = -fx;
    let rz = 0;
    let size = Math.sqrt(rx * rx + ry * ry);
    if (size < 1e-6) {
      rx = fy * uz - fz * uy;
      ry = fz * ux - fx * uz;
      rz = fx * uy - fy * ux;
      size = Math.sqrt(rx * rx + ry * ry + rz * rz);
    }
    rx /= size;
    ry /= size;
    rz /= size;
    frame[3] = rx;
    frame[4] = ry;
    frame[5] = rz;
    frame[6] = ry * fz - rz * fy;
    frame[7] = rz * fx - rx * fz;
    frame[8] = rx * fy - ry * fx;
    frame[9] = fx;
    frame[10] = fy;
    frame[11] = fz;
  }

  /** Writes a vector, turned by the pose at c, into `#frame` from `at` on. */
  #turn(c: number, x: number, y: number, z: number, at: number): void {
    const frame = this.#frame;
    const qx = this.#poses[c + 3]!;
    const qy = this.#poses[c + 4]!;
    const qz = this.#poses[c + 5]!;
    const qw = this.#poses[c + 6]!;
    const s = 2 / (qx * qx + qy * qy + qz * qz + qw * qw);
    // v + s q x (q x v + w v), with q the vector part.
    const tx = qy * z - qz * y + qw * x;
    const ty = qz * x - qx * z + qw * y;
    const tz = qx * y - qy * x + qw * z;
    frame[at] = x + s * (qy * tz - qz * ty);
    frame[at + 1] = y + s * (qz * tx - qx * tz);
    frame[at + 2] = z + s * (qx * ty - qy * tx);
  }

  /** Fills in the numbers of one item in the camera's frame. */
  #place(k: number, look: Look): void {
    this.#stamps[k] = this.#stamp;
    const rays = this.#rays;
    const frame = this.#frame;
    const r = k * rayStride;
    const poses = this.#poses;
    if (k === this.#model.bodies.length) {
      this.#placeOccluder(look);
      return;
    }
    const p = k * 7;
    const qx = poses[p + 3]!;
    const qy = poses[p + 4]!;
    const qz = poses[p + 5]!;
    const qw = poses[p + 6]!;
    // Poses are float32: the quaternion's length is one to 1e-7 only.
    const s = 2 / (qx * qx + qy * qy + qz * qz + qw * qw);
    const dx = poses[p]! - frame[0]!;
    const dy = poses[p + 1]! - frame[1]!;
    const dz = poses[p + 2]! - frame[2]!;
    for (let axis = 0; axis < 3; axis++) {
      // Column `axis` of R: the body's own axis in the world.
      let cx: number;
      let cy: number;
      let cz: number;
      if (axis === 0) {
        cx = 1 - s * (qy * qy + qz * qz);
        cy = s * (qx * qy + qw * qz);
        cz = s * (qx * qz - qw * qy);
      } else if (axis === 1) {
        cx = s * (qx * qy - qw * qz);
        cy = 1 - s * (qx * qx + qz * qz);
        cz = s * (qy * qz + qw * qx);
      } else {
        cx = s * (qx * qz + qw * qy);
        cy = s * (qy * qz - qw * qx);
        cz = 1 - s * (qx * qx + qy * qy);
      }
      rays[r + axis] = -(cx * dx + cy * dy + cz * dz);
      rays[r + atA + axis] = cx * frame[3]! + cy * frame[4]! + cz * frame[5]!;
      rays[r + atB + axis] = cx * frame[6]! + cy * frame[7]! + cz * frame[8]!;
      rays[r + atF + axis] = cx * frame[9]! + cy * frame[10]! + cz * frame[11]!;
      rays[r + atLight + axis] = cx * look.light[0] + cy * look.light[1] + cz * look.light[2];
      rays[r + atUp + axis] = cz;
      rays[r + atMiddle + axis] =
        frame[3 + 3 * axis]! * dx + frame[4 + 3 * axis]! * dy + frame[5 + 3 * axis]! * dz;
    }
  }

  #placeOccluder({ occluder, light }: Look): void {
    if (occluder === null) return;
    const k = this.#model.bodies.length;
    const rays = this.#rays;
    const frame = this.#frame;
    const r = k * rayStride;
    rays.fill(0, r, r + rayStride);
    const x = occluder.x * occluderAt;
    const y = occluder.y * occluderAt;
    const z = occluderAt + occluderDepth / 2;
    for (let axis = 0; axis < 3; axis++) {
      rays[r + atA + axis] = axis === 0 ? 1 : 0;
      rays[r + atB + axis] = axis === 1 ? 1 : 0;
      rays[r + atF + axis] = axis === 2 ? 1 : 0;
      const middle = axis === 0 ? x : axis === 1 ? y : z;
      rays[r + axis] = -middle;
      rays[r + atMiddle + axis] = middle;
      rays[r + atLight + axis] =
        frame[3 + 3 * axis]! * light[0] + frame[4 + 3 * axis]! * light[1] + frame[5 + 3 * axis]! * light[2];
    }
    this.#sizes[k * 3] = occluder.halfWidth * occluderAt;
    this.#sizes[k * 3 + 1] = occluder.halfHeight * occluderAt;
    this.#sizes[k * 3 + 2] = occluderDepth / 2;
  }

  /**
   * Sets the span to that of a box, or of its shadow: `#solid` holds its middle and its three half edges in the camera's
   * frame. What lies before the near plane is spanned by the corners before it and the points where edges cross it.
   * False when nothing does.
   */
  #spanSolid(): boolean {
    const solid = this.#solid;
    const corners = this.#corners;
    const span = this.#span;
    this.#emptySpan();
    let isBefore = false;
    for (let corner = 0; corner < 8; corner++) {
      const sx = corner & 1 ? 1 : -1;
      const sy = corner & 2 ? 1 : -1;
      const sz = corner & 4 ? 1 : -1;
      const z = solid[2]! + sx * solid[5]! + sy * solid[8]! + sz * solid[11]!;
      corners[corner * 3] = solid[0]! + sx * solid[3]! + sy * solid[6]! + sz * solid[9]!;
      corners[corner * 3 + 1] = solid[1]! + sx * solid[4]! + sy * solid[7]! + sz * solid[10]!;
      corners[corner * 3 + 2] = z;
      if (z < nearest) continue;
      isBefore = true;
      this.#widen(corners[corner * 3]! / z, corners[corner * 3 + 1]! / z);
    }
    if (!isBefore) return false;
    for (let from = 0; from < 7; from++) {
      const fromZ = corners[from * 3 + 2]!;
      for (let bit = 1; bit < 8; bit *= 2) {
        const to = from | bit;
        const toZ = corners[to * 3 + 2]!;
        if (fromZ < nearest === toZ < nearest) continue;
        const share = (nearest - fromZ) / (toZ - fromZ);
        const x = corners[from * 3]! + share * (corners[to * 3]! - corners[from * 3]!);
        const y = corners[from * 3 + 1]! + share * (corners[to * 3 + 1]! - corners[from * 3 + 1]!);
        this.#widen(x / nearest, y / nearest);
      }
    }
    return span[0]! <= span[1]!;
  }

  #widen(u: number, v: number): void {
    const span = this.#span;
    if (u < span[0]!) span[0] = u;
    if (u > span[1]!) span[1] = u;
    if (v < span[2]!) span[2] = v;
    if (v > span[3]!) span[3] = v;
  }

  /** Widens the span by a sphere's silhouette; false where the camera is inside or beside it. */
  #spanSphere(x: number, y: number, z: number, radius: number): boolean {
    if (z <= radius + nearest) return false;
    // Tangents from the origin to the circle in the plane of one axis and z.
    const under = z * z - radius * radius;
    const rootX = radius * Math.sqrt(x * x + under);
    const rootY = radius * Math.sqrt(y * y + under);
    this.#widen((x * z - rootX) / under, (y * z - rootY) / under);
    this.#widen((x * z + rootX) / under, (y * z + rootY) / under);
    return true;
  }

  #emptySpan(): void {
    const span = this.#span;
    span[0] = Number.POSITIVE_INFINITY;
    span[1] = Number.NEGATIVE_INFINITY;
    span[2] = Number.POSITIVE_INFINITY;
    span[3] = Number.NEGATIVE_INFINITY;
  }

  /** Turns the span into the rectangle of pixels whose middles may lie in it; false when there are none. */
  #rectOfSpan({ halfWidth, halfHeight }: ViewPlan): boolean {
    const { width, height } = this;
    const rect = this.#rect;
    const span = this.#span;
    // Half a pixel of slack each way.
    const left = Math.floor((span[0]! / halfWidth + 1) * 0.5 * width - 0.5);
    const right = Math.ceil((span[1]! / halfWidth + 1) * 0.5 * width - 0.5);
    const top = Math.floor((1 - span[3]! / halfHeight) * 0.5 * height - 0.5);
    const bottom = Math.ceil((1 - span[2]! / halfHeight) * 0.5 * height - 0.5);
    if (right < 0 || bottom < 0 || left >= width || top >= height) return false;
    rect[0] = left < 0 ? 0 : left;
    rect[1] = right >= width ? width - 1 : right;
    rect[2] = top < 0 ? 0 : top;
    rect[3] = bottom >= height ? height - 1 : bottom;
    return true;
  }

  /**
   * The rectangle of pixels in which an item can be seen, or its shadow on a level: then every point p of the item moves
   * to p - h l, with h its height over the level and l the light's direction per metre of rise. Points below the level
   * move upwards, so that the shadow of a body that stands in the level begins where the body does. `#shear` holds h of
   * the middle, l, and how many times as long as wide a sphere's shadow is.
   */
  #rectOf(k: number, plan: ViewPlan): boolean {
    const shear = this.#shear;
    const height = shear[0]!;
    const lx = shear[1]!;
    const ly = shear[2]!;
    const lz = shear[3]!;
    const wide = shear[4]!;
    const rays = this.#rays;
    const sizes = this.#sizes;
    const solid = this.#solid;
    const r = k * rayStride;
    const shape = this.#shapes[k]!;
    const a = sizes[k * 3]!;
    const b = shape === sphereShape ? 0 : sizes[k * 3 + 1]!;
    const x = rays[r + atMiddle]! - height * lx;
    const y = rays[r + atMiddle + 1]! - height * ly;
    const z = rays[r + atMiddle + 2]! - height * lz;
    if (shape !== boxShape) {
      // The body's z axis; a cylinder lies inside the capsule of its radius.
      const tilt = rays[r + atUp + 2]!;
      const ex = b * (rays[r + atA + 2]! - tilt * lx);
      const ey = b * (rays[r + atB + 2]! - tilt * ly);
      const ez = b * (rays[r + atF + 2]! - tilt * lz);
      this.#emptySpan();
      const isBefore =
        this.#spanSphere(x + ex, y + ey, z + ez, a * wide) &&
        this.#spanSphere(x - ex, y - ey, z - ez, a * wide);
      if (isBefore) return this.#rectOfSpan(plan);
    }
    // A box, or the box round a body beside the camera.
    const hx = a;
    const hy = shape === boxShape ? b : a;
    const hz = shape === boxShape ? sizes[k * 3 + 2]! : shape === cylinderShape ? b : a + b;
    for (let axis = 0; axis < 3; axis++) {
      const half = axis === 0 ? hx : axis === 1 ? hy : hz;
      const tilt = rays[r + atUp + axis]!;
      solid[3 + axis * 3] = half * (rays[r + atA + axis]! - tilt * lx);
      solid[4 + axis * 3] = half * (rays[r + atB + axis]! - tilt * ly);
      solid[5 + axis * 3] = half * (rays[r + atF + axis]! - tilt * lz);
    }
    solid[0] = x;
    solid[1] = y;
    solid[2] = z;
    return this.#spanSolid() && this.#rectOfSpan(plan);
  }

  /** The rectangle of pixels in which an item can be seen. */
  #rectSeen(k: number, plan: ViewPlan): boolean {
    this.#shear.fill(0);
    this.#shear[4] = 1;
    return this.#rectOf(k, plan);
  }

  /** Traces columns left .. right of a row into item k; `#pencil.enters` then starts at `left`. */
  #traceRow(k: number, { px, py }: ViewPlan, row: number, left: number, right: number): void {
    const { ox, oy, oz, dx, dy, dz } = this.#pencil;
    const rays = this.#rays;
    const sizes = this.#sizes;
    const r = k * rayStride;
    const v = py[row]!;
    const x = rays[r]!;
    const y = rays[r + 1]!;
    const z = rays[r + 2]!;
    const ax = rays[r + atA]!;
    const ay = rays[r + atA + 1]!;
    const az = rays[r + atA + 2]!;
    const bx = v * rays[r + atB]! + rays[r + atF]!;
    const by = v * rays[r + atB + 1]! + rays[r + atF + 1]!;
    const bz = v * rays[r + atB + 2]! + rays[r + atF + 2]!;
    const n = right - left + 1;
    for (let i = 0; i < n; i++) {
      const u = px[left + i]!;
      ox[i] = x;
      oy[i] = y;
      oz[i] = z;
      dx[i] = u * ax + bx;
      dy[i] = u * ay + by;
      dz[i] = u * az + bz;
    }
    enterAll(this.#shapes[k]!, this.#pencil, n, sizes, k * 3);
  }

  /** Depth test of one item against everything drawn so far. */
  #draw(k: number, plan: ViewPlan, { depth, ids, planes, shadows }: Canvas): void {
    if (!this.#rectSeen(k, plan)) return;
    const rect = this.#rect;
    const { enters } = this.#pencil;
    const left = rect[0]!;
    const right = rect[1]!;
    for (let row = rect[2]!; row <= rect[3]!; row++) {
      this.#traceRow(k, plan, row, left, right);
      const start = row * this.width + left;
      const n = right - left + 1;
      for (let i = 0; i < n; i++) {
        const s = enters[i]!;
        if (s >= nearest && s < depth[start + i]!) {
          depth[start + i] = s;
          ids[start + i] = k + 1;
          planes[start + i] = 0;
          shadows[start + i] = 0;
        }
      }
    }
  }

  /** The furniture alone, with its shadows. */
  #drawFurniture(plan: ViewPlan, look: Look, canvas: Canvas): void {
    const furniture = this.#furniture;
    canvas.depth.fill(Number.POSITIVE_INFINITY);
    canvas.ids.fill(0);
    canvas.planes.fill(0);
    canvas.shadows.fill(0);
    for (let i = 0; i < furniture.length; i++) {
      this.#place(furniture[i]!, look);
      this.#draw(furniture[i]!, plan, canvas);
    }
    this.#levelCount = 0;
    if (!this.settings.shadows) return;
    this.#markLevels(plan, canvas);
    for (let i = 0; i < furniture.length; i++) this.#castShadow(furniture[i]!, plan, canvas);
  }

  /** Finds the level tops in the picture on which shadows can fall. */
  #markLevels({ px, py }: ViewPlan, { depth, ids, planes }: Canvas): void {
    const { width } = this;
    const pixels = width * this.height;
    const frame = this.#frame;
    const rays = this.#rays;
    const levels = this.#levels;
    const extents = this.#extents;
    const normal = this.#normal;
    const sight = this.#sight;
    for (let i = 0; i < pixels; i++) {
      const k = ids[i]! - 1;
      if (k < 0 || this.#receives[k] === 0) continue;
      const column = i % width;
      const row = (i - column) / width;
      sight[0] = px[column]!;
      sight[1] = py[row]!;
      sight[2] = depth[i]!;
      this.#hit(k);
      const r = k * rayStride + atUp;
      if (normal[0]! * rays[r]! + normal[1]! * rays[r + 1]! + normal[2]! * rays[r + 2]! < 0.999) continue;
      const height = frame[2]! + sight[2]! * (sight[0]! * frame[5]! + sight[1]! * frame[8]! + frame[11]!);
      let level = 0;
      while (level < this.#levelCount && Math.abs(levels[level]! - height) > 1e-4) level++;
      if (level === mostPlanes) continue;
      if (level === this.#levelCount) {
        levels[level] = height;
        this.#levelCount++;
        extents[level * 4] = column;
        extents[level * 4 + 1] = column;
        extents[level * 4 + 2] = row;
      }
      if (column < extents[level * 4]!) extents[level * 4] = column;
      if (column > extents[level * 4 + 1]!) extents[level * 4 + 1] = column;
      // Rows come in order.
      extents[level * 4 + 3] = row;
      planes[i] = level + 1;
    }
  }

  /** Finds local point and normal of item k on the ray (u, v, 1) at depth s; `#sight` holds u v s. */
  #hit(k: number): void {
    const rays = this.#rays;
    const point = this.#point;
    const u = this.#sight[0]!;
    const v = this.#sight[1]!;
    const s = this.#sight[2]!;
    const r = k * rayStride;
    for (let axis = 0; axis < 3; axis++) {
      point[axis] =
        rays[r + axis]! + s * (u * rays[r + atA + axis]! + v * rays[r + atB + axis]! + rays[r + atF + axis]!);
    }
    normalAt(this.#shapes[k]!, point, this.#sizes, k * 3, this.#normal);
  }

  /** Marks the pixels of level tops from which item k hides the light. */
  #castShadow(k: number, plan: ViewPlan, { depth, planes, shadows }: Canvas): void {
    // The occluder hangs on the camera, it is not in the world.
    if (k === this.#model.bodies.length) return;
    const { px, py } = plan;
    const { width } = this;
    const { ox, oy, oz, dx, dy, dz, enters } = this.#pencil;
    const pixels = this.#pixels;
    const rays = this.#rays;
    const sizes = this.#sizes;
    const rect = this.#rect;
    const extents = this.#extents;
    const r = k * rayStride;
    const lx = rays[r + atLight]!;
    const ly = rays[r + atLight + 1]!;
    const lz = rays[r + atLight + 2]!;
    const rise = lx * rays[r + atUp]! + ly * rays[r + atUp + 1]! + lz * rays[r + atUp + 2]!;
    for (let level = 0; level < this.#levelCount; level++) {
      if (!this.#rectOfShadow(k, plan, this.#levels[level]!, rise)) continue;
      const left = Math.max(rect[0]!, extents[level * 4]!);
      const right = Math.min(rect[1]!, extents[level * 4 + 1]!);
      const top = Math.max(rect[2]!, extents[level * 4 + 2]!);
      const bottom = Math.min(rect[3]!, extents[level * 4 + 3]!);
      const x = rays[r]!;
      const y = rays[r + 1]!;
      const z = rays[r + 2]!;
      const ax = rays[r + atA]!;
      const ay = rays[r + atA + 1]!;
      const az = rays[r + atA + 2]!;
      for (let row = top; row <= bottom; row++) {
        const v = py[row]!;
        const bx = v * rays[r + atB]! + rays[r + atF]!;
        const by = v * rays[r + atB + 1]! + rays[r + atF + 1]!;
        const bz = v * rays[r + atB + 2]! + rays[r + atF + 2]!;
        let n = 0;
        for (let column = left; column <= right; column++) {
          const i = row * width + column;
          if (planes[i] !== level + 1 || shadows[i] !== 0) continue;
          const u = px[column]!;
          const s = depth[i]!;
          pixels[n] = i;
          ox[n] = x + s * (u * ax + bx);
          oy[n] = y + s * (u * ay + by);
          oz[n] = z + s * (u * az + bz);
          dx[n] = lx;
          dy[n] = ly;
          dz[n] = lz;
          n++;
        }
        if (n === 0) continue;
        enterAll(this.#shapes[k]!, this.#pencil, n, sizes, k * 3);
        for (let i = 0; i < n; i++) {
          const to = enters[i]!;
          if (to > lift && to !== Number.POSITIVE_INFINITY) shadows[pixels[i]!] = 1;
        }
      }
    }
  }

  /** The rectangle that the shadow of item k on a level can touch; false also where the item is below it. */
  #rectOfShadow(k: number, plan: ViewPlan, level: number, rise: number): boolean {
    const rays = this.#rays;
    const frame = this.#frame;
    const sizes = this.#sizes;
    const r = k * rayStride;
    const shape = this.#shapes[k]!;
    // Height of the middle over the level, and how far the body reaches up from there.
    const height =
      frame[2]! +
      rays[r + atMiddle]! * frame[5]! +
      rays[r + atMiddle + 1]! * frame[8]! +
      rays[r + atMiddle + 2]! * frame[11]! -
      level;
    const a = sizes[k * 3]!;
    const b = sizes[k * 3 + 1]!;
    const c = sizes[k * 3 + 2]!;
    const reach =
      shape === boxShape
        ? a * Math.abs(rays[r + atUp]!) +
          b * Math.abs(rays[r + atUp + 1]!) +
          c * Math.abs(rays[r + atUp + 2]!)
        : shape === sphereShape
          ? a
          : a + b * Math.abs(rays[r + atUp + 2]!);
    if (height + reach < lift) return false;
    const shear = this.#shear;
    shear[0] = height;
    shear[1] = this.#inCamera(r, atA, atLight) / rise;
    shear[2] = this.#inCamera(r, atB, atLight) / rise;
    shear[3] = this.#inCamera(r, atF, atLight) / rise;
    shear[4] = 1 / rise;
    return this.#rectOf(k, plan);
  }

  /** A component in the camera's frame of a vector that is kept in the frame of the item at r. */
  #inCamera(r: number, axis: number, vector: number): number {
    const rays = this.#rays;
    return (
      rays[r + axis]! * rays[r + vector]! +
      rays[r + axis + 1]! * rays[r + vector + 1]! +
      rays[r + axis + 2]! * rays[r + vector + 2]!
    );
  }

  /** Writes the colour of item k, 0..255, where the ray (u, v, 1) meets it at depth s; `#sight` holds u v s. */
  #colour(look: Look, k: number, isShadowed: boolean): void {
    // Furniture that came with the layer was not needed in this picture until now.
    if (this.#stamps[k] !== this.#stamp) this.#place(k, look);
    this.#hit(k);
    const rays = this.#rays;
    const normal = this.#normal;
    const colours = this.#colours;
    const rgb = this.#rgb;
    const r = k * rayStride + atLight;
    const facing = normal[0]! * rays[r]! + normal[1]! * rays[r + 1]! + normal[2]! * rays[r + 2]!;
    const direct = isShadowed || facing < 0 ? 0 : facing;
    // A trace of light from behind keeps the dark sides apart.
    const fill = facing < 0 ? -0.12 * facing : 0;
    const power = (look.ambient + look.strength * direct + fill) * brightness(look, k, this.#point);
    for (let channel = 0; channel < 3; channel++) {
      const value = 255 * colours[k * 3 + channel]! * power * look.tint[channel]!;
      rgb[channel] = value > 255 ? 255 : value;
    }
  }

  /** Colours of all pixels; those that still show the layer's furniture in the layer's light are copied. */
  #shade(
    { px, py }: ViewPlan,
    look: Look,
    { depth, ids, shadows }: Canvas,
    out: Uint8Array,
    at: number,
    layer: Layer | undefined,
  ): void {
    const { width, height } = this;
    const rgb = this.#rgb;
    const sight = this.#sight;
    const [red, green, blue] = look.background;
    let i = 0;
    let to = at * 3;
    if (layer !== undefined) out.set(layer.rgb, to);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, i++, to += 3) {
        const id = ids[i]!;
        if (layer !== undefined && id === layer.ids[i] && shadows[i] === layer.shadows[i]) continue;
        if (id === 0) {
          out[to] = red + 0.5;
          out[to + 1] = green + 0.5;
          out[to + 2] = blue + 0.5;
          continue;
        }
        sight[0] = px[column]!;
        sight[1] = py[row]!;
        sight[2] = depth[i]!;
        this.#colour(look, id - 1, shadows[i] === 1);
        out[to] = rgb[0]! + 0.5;
        out[to + 1] = rgb[1]! + 0.5;
        out[to + 2] = rgb[2]! + 0.5;
      }
    }
  }

  /** Goals and markers colour what is behind them. */
  #tint(plan: ViewPlan, look: Look, { depth }: Canvas, out: Uint8Array, at: number): void {
    const ghosts = this.#ghosts;
    const { px, py } = plan;
    const { width } = this;
    const { enters } = this.#pencil;
    const rect = this.#rect;
    const rgb = this.#rgb;
    const sight = this.#sight;
    for (let g = 0; g < ghosts.length; g++) {
      const k = ghosts[g]!;
      this.#place(k, look);
      if (!this.#rectSeen(k, plan)) continue;
      const left = rect[0]!;
      for (let row = rect[2]!; row <= rect[3]!; row++) {
        this.#traceRow(k, plan, row, left, rect[1]!);
        for (let column = left; column <= rect[1]!; column++) {
          const s = enters[column - left]!;
          const i = row * width + column;
          if (!(s >= nearest && s < depth[i]!)) continue;
          sight[0] = px[column]!;
          sight[1] = py[row]!;
          sight[2] = s;
          this.#colour(look, k, false);
          for (let channel = 0; channel < 3; channel++) {
            const to = (at + i) * 3 + channel;
            out[to] = out[to]! + ghostShare * (rgb[channel]! - out[to]!) + 0.5;
          }
        }
      }
    }
  }

  /** Whether a layer was drawn from the furniture as it stands now. */
  #isCurrent(layer: Layer): boolean {
    if (!layer.isDrawn) return false;
    const furniture = this.#furniture;
    const poses = this.#poses;
    const given = this.#given;
    const bodies = this.#model.bodies.length;
    for (let i = 0; i < furniture.length; i++) {
      const k = furniture[i]!;
      if (k === bodies) continue;
      for (let n = 0; n < 7; n++) if (layer.poses[i * 7 + n] !== poses[k * 7 + n]) return false;
      if (this.#model.colours === undefined) continue;
      for (let n = 0; n < 3; n++) {
        if (!Object.is(layer.colours[i * 3 + n], given[k * 3 + n])) return false;
      }
    }
    return true;
  }

  #drawLayer(plan: ViewPlan, look: Look, layer: Layer): void {
    this.#drawFurniture(plan, look, layer);
    layer.heights.set(this.#levels);
    layer.extents.set(this.#extents);
    layer.planeCount = this.#levelCount;
    this.#shade(plan, look, layer, layer.rgb, 0, undefined);
    const furniture = this.#furniture;
    const bodies = this.#model.bodies.length;
    for (let i = 0; i < furniture.length; i++) {
      const k = furniture[i]!;
      if (k === bodies) continue;
      for (let n = 0; n < 7; n++) layer.poses[i * 7 + n] = this.#poses[k * 7 + n]!;
      for (let n = 0; n < 3; n++) layer.colours[i * 3 + n] = this.#given[k * 3 + n]!;
    }
    layer.isDrawn = true;
  }
}
