/**
 * What a reward model may perceive of a world: one row of numbers a frame, made of one or several senses side by side.
 * A model never gets the state, the task or the simulator's truth, only such rows, whose senses it names.
 *
 *   observation    the task's own observation vector
 *   objects        hand, movable things and targets in slots that are the same for every task (`objectSlots`), so that a
 *                  model fitted on one task can be used on another
 *   goal           what the state achieves and what is wanted of it, as the task's goal face says: achieved, then desired
 *   seen:VIEW      of the same slots what a camera sees: visible or not, where in the picture, how far away
 *   view:VIEW      the camera's picture, 16 x 16 pixels of red, green, blue in [0, 1]
 */

import { type Camera, type CameraSettings, createCamera } from '../../sim/camera.ts';
import type { Body, TaskModel } from '../../sim/env.ts';

export type SenseId = 'observation' | 'objects' | 'goal' | `seen:${string}` | `view:${string}`;

/** One sense's numbers inside a row. */
export interface LayoutPart {
  readonly sense: SenseId;
  readonly offset: number;
  readonly dim: number;
  /** One name per number. [dim] */
  readonly names: readonly string[];
}

export interface FrameLayout {
  readonly dim: number;
  readonly parts: readonly LayoutPart[];
}

export interface Senses extends FrameLayout {
  readonly ids: readonly SenseId[];
  /**
   * Rows of the worlds first .. first + count - 1. states: [worlds * stateDim] -> out [count, dim] from `offset`.
   * observations [worlds * observationDim]: where they are known already.
   */
  read(
    states: Float64Array,
    first: number,
    count: number,
    out: Float64Array,
    offset: number,
    observations?: Float64Array,
  ): void;
}

export interface SensesOptions {
  /** For `seen` and `view`: lighting, occluder and so on; sizes stay as they are. */
  readonly camera?: Partial<Omit<CameraSettings, 'width' | 'height'>>;
  /** Views that are blocked: nothing is seen, the picture is black. */
  readonly blocked?: readonly string[];
}

/** Things and targets in `objects` and `seen`; what a task does not have is 0. */
export const objectSlots = { things: 4, targets: 2 } as const;
/** Pictures are rendered at this size and averaged down by two. */
const rendered = 32;
/** Pixels a side of `view`. */
export const viewSide = rendered / 2;

/** The observation as a layout, for models of it alone. */
export const observationLayout = (model: TaskModel): FrameLayout => openSenses(model, ['observation']);

/** @throws RangeError on no sense, one that is there twice, one nobody knows, a view or a goal that the task does not have. */
export function openSenses(
  model: TaskModel,
  ids: readonly SenseId[] = ['observation'],
  options: SensesOptions = {},
): Senses {
  if (ids.length === 0) throw new RangeError('Senses: found none, wanted at least one');
  const seen = new Set<SenseId>();
  const readers: Reader[] = [];
  for (const id of ids) {
    if (seen.has(id)) throw new RangeError(`Senses: "${id}" is there twice, wanted once`);
    seen.add(id);
    readers.push(readerOf(model, id, options));
  }
  const parts: LayoutPart[] = [];
  let dim = 0;
  for (const [index, { names }] of readers.entries()) {
    parts.push({ sense: ids[index]!, offset: dim, dim: names.length, names });
    dim += names.length;
  }
  return {
    ids: [...ids],
    dim,
    parts,
    read(states, first, count, out, offset, observations) {
      for (const [index, reader] of readers.entries()) {
        reader.read(states, first, count, out, offset + parts[index]!.offset, dim, observations);
      }
    },
  };
}

interface Reader {
  readonly names: readonly string[];
  /** Writes row n at out[offset + n * stride]. */
  read(
    states: Float64Array,
    first: number,
    count: number,
    out: Float64Array,
    offset: number,
    stride: number,
    observations: Float64Array | undefined,
  ): void;
}

function readerOf(model: TaskModel, id: SenseId, options: SensesOptions): Reader {
  if (id === 'observation') return observationReader(model);
  if (id === 'objects') return objectsReader(model);
  if (id === 'goal') return goalReader(model);
  const [kind, view] = [id.slice(0, id.indexOf(':')), id.slice(id.indexOf(':') + 1)];
  if (kind === 'seen') return seenReader(model, view, options);
  if (kind === 'view') return viewReader(model, view, options);
  throw new RangeError(
    `Senses: unknown sense "${id}"; known: observation, objects, goal, seen:VIEW, view:VIEW`,
  );
}

function observationReader(model: TaskModel): Reader {
  const { dim, names } = model.observationSpace;
  return {
    names,
    read(states, first, count, out, offset, stride, observations) {
      for (let n = 0; n < count; n++) {
        const to = offset + n * stride;
        if (observations === undefined) model.observe(states, (first + n) * model.stateDim, out, to);
        else {
          const from = (first + n) * dim;
          for (let i = 0; i < dim; i++) out[to + i] = observations[from + i]!;
        }
      }
    },
  };
}

function goalReader(model: TaskModel): Reader {
  const { goals } = model;
  if (goals === undefined)
    throw new RangeError(`Senses: task ${model.id} has no goals, so there is no sense "goal"`);
  return {
    names: [
      ...goals.names.map((name) => `achieved/${name}`),
      ...goals.names.map((name) => `desired/${name}`),
    ],
    read(states, first, count, out, offset, stride) {
      for (let n = 0; n < count; n++) {
        const from = (first + n) * model.stateDim;
        goals.achieved(states, from, out, offset + n * stride);
        goals.desired(states, from, out, offset + n * stride + goals.dim);
      }
    },
  };
}

/** Which bodies stand for the hand, for each thing and for each target. Indices into `model.bodies`. */
interface Slots {
  readonly hand: readonly number[];
  /** Each a thing; the first body of a thing made of several stands for it. */
  readonly things: readonly number[];
  readonly targets: readonly number[];
}

/** `drawer2` is a part of `drawer`; `block2` beside `block1` is a thing of its own. */
function isPart({ name }: Body, bodies: readonly Body[]): boolean {
  const base = name.replace(/\d+$/, '');
  return base !== name && bodies.some((other) => other.name === base);
}

export function slotsOf({ bodies }: TaskModel): Slots {
  const ofRoles = (...roles: readonly Body['role'][]): number[] =>
    bodies.flatMap((body, index) => (roles.includes(body.role) && !isPart(body, bodies) ? [index] : []));
  const grippers = ofRoles('gripper');
  const goals = ofRoles('goal');
  return {
    hand: grippers.length > 0 ? grippers : ofRoles('agent').slice(0, 1),
    things: ofRoles('object', 'tool').slice(0, objectSlots.things),
    targets: [...goals, ...ofRoles('fixture')].slice(0, objectSlots.targets),
  };
}

const xyz = (name: string): string[] => [`${name}.x`, `${name}.y`, `${name}.z`];

/** The hand's middle and how far its fingers are apart; then a thing a slot, then a target a slot. */
function objectsReader(model: TaskModel): Reader {
  const { hand, things, targets } = slotsOf(model);
  const names = ['hand', ...xyz('handPos'), 'handOpening'];
  for (let s = 0; s < objectSlots.things; s++) {
    const name = `thing${s + 1}`;
    names.push(name, ...xyz(`${name}Pos`), ...xyz(`${name}Up`), ...xyz(`${name}FromHand`));
  }
  for (let s = 0; s < objectSlots.targets; s++) {
    const name = `target${s + 1}`;
    names.push(name, ...xyz(`${name}Pos`), ...xyz(`${name}FromThing1`));
  }
  const poses = new Float32Array(model.bodies.length * 7);
  return {
    names,
    read(states, first, count, out, offset, stride) {
      for (let n = 0; n < count; n++) {
        model.poses(states, (first + n) * model.stateDim, poses, 0);
        let to = offset + n * stride;
        out.fill(0, to, to + names.length);
        let [hx, hy, hz] = [0, 0, 0];
        for (const body of hand) {
          hx += poses[body * 7]! / hand.length;
          hy += poses[body * 7 + 1]! / hand.length;
          hz += poses[body * 7 + 2]! / hand.length;
        }
        if (hand.length > 0) {
          out[to] = 1;
          out[to + 1] = hx;
          out[to + 2] = hy;
          out[to + 3] = hz;
          // The fingers come last; a hand of one body has none.
          if (hand.length > 1) out[to + 4] = distance(poses, hand.at(-2)!, hand.at(-1)!);
        }
        to += 5;
        for (let s = 0; s < objectSlots.things; s++, to += 10) {
          const body = things[s];
          if (body === undefined) continue;
          const p = body * 7;
          const [qx, qy, qz, qw] = [poses[p + 3]!, poses[p + 4]!, poses[p + 5]!, poses[p + 6]!];
          out[to] = 1;
          for (let k = 0; k < 3; k++) out[to + 1 + k] = poses[p + k]!;
          // R e_z
          out[to + 4] = 2 * (qx * qz + qw * qy);
          out[to + 5] = 2 * (qy * qz - qw * qx);
          out[to + 6] = 1 - 2 * (qx * qx + qy * qy);
          out[to + 7] = poses[p]! - hx;
          out[to + 8] = poses[p + 1]! - hy;
          out[to + 9] = poses[p + 2]! - hz;
        }
        // Where there is no thing (reach), targets are told from the hand.
        const from =
          things[0] === undefined ? [hx, hy, hz] : [0, 1, 2].map((k) => poses[things[0]! * 7 + k]!);
        for (let s = 0; s < objectSlots.targets; s++, to += 7) {
          const body = targets[s];
          if (body === undefined) continue;
          out[to] = 1;
          for (let k = 0; k < 3; k++) {
            out[to + 1 + k] = poses[body * 7 + k]!;
            out[to + 4 + k] = poses[body * 7 + k]! - from[k]!;
          }
        }
      }
    },
  };
}

function distance(poses: Float32Array, a: number, b: number): number {
  const [p, q] = [a * 7, b * 7];
  const [x, y, z] = [poses[p]! - poses[q]!, poses[p + 1]! - poses[q + 1]!, poses[p + 2]! - poses[q + 2]!];
  return Math.sqrt(x * x + y * y + z * z);
}

function openCamera(model: TaskModel, view: string, { camera = {} }: SensesOptions): Camera {
  return createCamera(model, {
    views: [view],
    settings: { ...camera, width: rendered, height: rendered },
  });
}

/** Of the hand, each thing and each target: visible (share of the picture), x and y in [-1, 1], depth in metres. */
function seenReader(model: TaskModel, view: string, options: SensesOptions): Reader {
  // Targets are often ghosts, which a camera does not tell from what is behind them.
  const camera = openCamera(model, view, { ...options, camera: { ghosts: 'solid', ...options.camera } });
  const isBlocked = options.blocked?.includes(view) ?? false;
  const { hand, things, targets } = slotsOf(model);
  const slots: (readonly number[])[] = [
    hand,
    ...Array.from({ length: objectSlots.things }, (_, s) => wholeOf(model, things[s])),
    ...Array.from({ length: objectSlots.targets }, (_, s) => wholeOf(model, targets[s])),
  ];
  const titles = [
    'hand',
    ...Array.from({ length: objectSlots.things }, (_, s) => `thing${s + 1}`),
    ...Array.from({ length: objectSlots.targets }, (_, s) => `target${s + 1}`),
  ];
  /** Slot of each id in the picture, -1 where none. */
  const slotOf = new Int32Array(model.bodies.length + 2).fill(-1);
  for (const [slot, bodies] of slots.entries()) for (const body of bodies) slotOf[body + 1] = slot;
  const { ids, depth } = camera.pictures(1);
  const pixels = rendered * rendered;
  return {
    names: titles.flatMap((title) => [`${title}Seen`, `${title}X`, `${title}Y`, `${title}Depth`]),
    read(states, first, count, out, offset, stride) {
      for (let n = 0; n < count; n++) {
        const to = offset + n * stride;
        out.fill(0, to, to + slots.length * 4);
        if (isBlocked) continue;
        camera.render(states, first + n, 1, { ids, depth });
        for (let i = 0; i < pixels; i++) {
          const slot = slotOf[ids[i]!]!;
          if (slot < 0) continue;
          const at = to + slot * 4;
          out[at] = out[at]! + 1;
          out[at + 1] = out[at + 1]! + ((i % rendered) + 0.5) / (rendered / 2) - 1;
          out[at + 2] = out[at + 2]! + 1 - (Math.floor(i / rendered) + 0.5) / (rendered / 2);
          out[at + 3] = out[at + 3]! + depth[i]!;
        }
        for (let at = to; at < to + slots.length * 4; at += 4) {
          const hits = out[at]!;
          if (hits === 0) continue;
          out[at] = hits / pixels;
          for (let k = 1; k < 4; k++) out[at + k] = out[at + k]! / hits;
        }
      }
    },
  };
}

/** A thing and its further parts. */
function wholeOf({ bodies }: TaskModel, index: number | undefined): number[] {
  if (index === undefined) return [];
  const { name } = bodies[index]!;
  return bodies.flatMap((body, at) => (at === index || body.name.replace(/\d+$/, '') === name ? [at] : []));
}

function viewReader(model: TaskModel, view: string, options: SensesOptions): Reader {
  const camera = openCamera(model, view, options);
  const isBlocked = options.blocked?.includes(view) ?? false;
  const { rgb } = camera.pictures(1);
  const names: string[] = [];
  for (let y = 0; y < viewSide; y++)
    for (let x = 0; x < viewSide; x++) for (const c of ['red', 'green', 'blue']) names.push(`${c}.${x}.${y}`);
  return {
    names,
    read(states, first, count, out, offset, stride) {
      for (let n = 0; n < count; n++) {
        let to = offset + n * stride;
        if (isBlocked) {
          out.fill(0, to, to + names.length);
          continue;
        }
        camera.render(states, first + n, 1, { rgb });
        const line = rendered * 3;
        for (let y = 0; y < viewSide; y++) {
          for (let x = 0; x < viewSide; x++) {
            for (let c = 0; c < 3; c++) {
              const at = 2 * y * line + 2 * x * 3 + c;
              out[to++] = (rgb[at]! + rgb[at + 3]! + rgb[at + line]! + rgb[at + line + 3]!) / (4 * 255);
            }
          }
        }
      }
    },
  };
}
