/**
 * Handles on what can be moved: buttons over the picture, each where its body is. Dragging goes in the plane of the table, with Shift
 * up and down, with Alt about the vertical; arrow keys, Page up and down, Q and E nudge the one that has the focus.
 */

import * as three from 'three';
import type { ProbeHandle } from '../../lab/api.ts';
import { type Axis, cycled, laid, moved, type Point, stepped, turned } from '../state/edits.ts';
import type { StageLayer } from './layer.ts';
import type { StageView } from './view.ts';

export interface HandleEvents {
  /** A hand is on it; `before` is the state that the edit began with. */
  onState(state: readonly number[]): void;
  /** The edit is done. */
  onDone(title: string, before: readonly number[]): void;
  onFocus(handle: ProbeHandle | null): void;
}

/** Metres of one press of a key; with Shift five times that. */
const nudge = 0.01;
/** Radians. */
const nudgeTurn = Math.PI / 36;
/** Milliseconds after which nudges that follow each other are one edit. */
const nudgePause = 600;
/** Metres from where it was taken: beyond that the plane is seen edge on, and a pixel means anything. */
const farthest = 3;

const unit: Readonly<Record<Axis, Point>> = { x: [1, 0, 0], y: [0, 1, 0], z: [0, 0, 1] };

/** How a hand moves what it holds. */
export type Grip = 'plane' | 'up' | 'turn';

export interface Grab {
  readonly handle: ProbeHandle;
  readonly grip: Grip;
  /** Where the body was. */
  readonly at: Point;
  readonly ray: three.Ray;
  readonly state: readonly number[];
}

/** The state for where the pointer is now; null where the ray says nothing. Pure. */
export function dragged({ handle, grip, at, ray: first, state }: Grab, ray: three.Ray): number[] | null {
  const has = (axis: Axis): boolean => handle.moves.some((move) => move.axis === axis);
  const from = new three.Vector3(...at);
  if (handle.places) {
    const level = new three.Vector3(0, 0, 1);
    const a = onPlane(first, from, level);
    const b = onPlane(ray, from, level);
    if (!a || !b || b.distanceTo(a) > farthest) return null;
    const to = from.add(b.sub(a));
    return laid(state, handle, [to.x, to.y, to.z]);
  }
  if (grip === 'turn' || (handle.moves.length === 0 && !handle.slide)) {
    if (!handle.turn) return null;
    const pivot = new three.Vector3(...(handle.turn.pivot as unknown as Point));
    const axis = new three.Vector3(...(handle.turn.axis as unknown as Point));
    const a = onPlane(first, pivot, axis)?.sub(pivot);
    const b = onPlane(ray, pivot, axis)?.sub(pivot);
    if (!a || !b || a.length() < 1e-4 || b.length() < 1e-4) return null;
    return turned(state, handle, Math.atan2(a.clone().cross(b).dot(axis), a.dot(b)));
  }
  const line = handle.slide
    ? new three.Vector3(...(handle.slide.way as unknown as Point)).normalize()
    : grip === 'up' && has('z')
      ? new three.Vector3(0, 0, 1)
      : null;
  const ways = handle.moves
    .map(({ axis }) => axis)
    .filter((axis) => axis !== 'z' || !(has('x') && has('y')))
    .map((axis) => new three.Vector3(...unit[axis]));
  const along = line ?? (ways.length === 1 ? ways[0]! : null);
  const normal = along ? null : ways[0]!.clone().cross(ways[1]!).normalize();
  const a = along ? onLine(first, from, along) : onPlane(first, from, normal!);
  const b = along ? onLine(ray, from, along) : onPlane(ray, from, normal!);
  if (!a || !b) return null;
  const by = b.sub(a);
  if (by.length() > farthest) return null;
  return moved(state, handle, [by.x, by.y, by.z]);
}

function onPlane(ray: three.Ray, point: three.Vector3, normal: three.Vector3): three.Vector3 | null {
  const slant = ray.direction.dot(normal);
  if (Math.abs(slant) < 0.02) return null;
  const t = point.clone().sub(ray.origin).dot(normal) / slant;
  return t > 0 ? ray.at(t, new three.Vector3()) : null;
}

/** The point of a line that is nearest to the ray. */
function onLine(ray: three.Ray, point: three.Vector3, way: three.Vector3): three.Vector3 | null {
  const across = ray.direction.dot(way);
  const square = 1 - across * across;
  if (square < 1e-3) return null;
  const between = point.clone().sub(ray.origin);
  const t = (across * between.dot(ray.direction) - between.dot(way)) / square;
  return point.clone().addScaledVector(way, t);
}

export class HandleLayer implements StageLayer {
  readonly object = new three.Group();
  private readonly view: StageView;
  private readonly host: HTMLElement;
  private readonly events: HandleEvents;
  private readonly stopPutting: () => void;
  private readonly buttons = new Map<string, HTMLButtonElement>();
  private handles: readonly ProbeHandle[] = [];
  private poses: readonly number[] = [];
  private state: readonly number[] = [];
  private grab: Grab | null = null;
  private before: readonly number[] | null = null;
  private nudging: ReturnType<typeof setTimeout> | undefined;

  constructor(view: StageView, host: HTMLElement, events: HandleEvents) {
    this.view = view;
    this.events = events;
    this.host = document.createElement('div');
    this.host.className = 'probe-handles';
    this.host.setAttribute('role', 'group');
    this.host.setAttribute('aria-label', 'What can be moved');
    host.append(this.host);
    this.stopPutting = view.onPicture(() => this.put());
  }

  /** poses: [bodies, 7] of this state. */
  show(handles: readonly ProbeHandle[], poses: readonly number[], state: readonly number[]): void {
    this.handles = handles;
    this.poses = poses;
    this.state = state;
    for (const [id, button] of this.buttons) {
      if (handles.some((handle) => handle.id === id)) continue;
      button.remove();
      this.buttons.delete(id);
    }
    for (const handle of handles) if (!this.buttons.has(handle.id)) this.make(handle);
    this.put();
  }

  dispose(): void {
    this.finish();
    this.stopPutting();
    this.host.remove();
  }

  private make(handle: ProbeHandle): void {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = isTurner(handle) ? 'probe-handle turns' : 'probe-handle';
    button.dataset['handle'] = handle.title;
    button.setAttribute('aria-label', `${handle.title}: ${howTo(handle)}`);
    const name = document.createElement('span');
    name.textContent = handle.title;
    button.append(name);
    const current = (): ProbeHandle => this.handles.find(({ id }) => id === handle.id) ?? handle;
    button.addEventListener('pointerdown', (event) => this.take(current(), button, event));
    button.addEventListener('pointermove', (event) => this.move(event));
    for (const end of ['pointerup', 'pointercancel'] as const)
      button.addEventListener(end, () => this.finish());
    button.addEventListener('keydown', (event) => this.key(current(), event));
    button.addEventListener('focus', () => this.events.onFocus(current()));
    button.addEventListener('blur', () => this.events.onFocus(null));
    this.host.append(button);
    this.buttons.set(handle.id, button);
  }

  private at({ body }: ProbeHandle): Point {
    return [this.poses[body * 7]!, this.poses[body * 7 + 1]!, this.poses[body * 7 + 2]!];
  }

  /** Buttons to where their bodies are seen. */
  private put(): void {
    const { clientWidth: width, clientHeight: height } = this.view.canvas;
    for (const handle of this.handles) {
      const button = this.buttons.get(handle.id)!;
      const seen = this.view.project(...this.at(handle));
      const isSeen = seen !== null && seen.x > 0 && seen.x < 1 && seen.y > 0 && seen.y < 1;
      button.style.visibility = isSeen ? '' : 'hidden';
      if (seen)
        button.style.transform = `translate(${(seen.x * width).toFixed(1)}px, ${(seen.y * height).toFixed(1)}px)`;
    }
  }

  private ray(event: PointerEvent): three.Ray {
    const box = this.view.canvas.getBoundingClientRect();
    return this.view.rayAt(event.clientX - box.left, event.clientY - box.top).clone();
  }

  private take(handle: ProbeHandle, button: HTMLButtonElement, event: PointerEvent): void {
    if (event.button !== 0) return;
    this.finish();
    button.setPointerCapture(event.pointerId);
    this.view.holdCamera(true);
    this.before = this.state;
    this.grab = { handle, grip: gripOf(event), at: this.at(handle), ray: this.ray(event), state: this.state };
  }

  private move(event: PointerEvent): void {
    const { grab } = this;
    if (!grab) return;
    const ray = this.ray(event);
    const grip = gripOf(event);
    if (grip !== grab.grip) {
      // Another way of moving goes on from here.
      const handle = this.handles.find(({ id }) => id === grab.handle.id) ?? grab.handle;
      this.grab = { handle, grip, at: this.at(handle), ray, state: this.state };
      return;
    }
    const state = dragged(grab, ray);
    if (!state) return;
    this.state = state;
    this.events.onState(state);
  }

  private finish(): void {
    clearTimeout(this.nudging);
    const { before, grab } = this;
    this.grab = null;
    this.before = null;
    if (grab) this.view.holdCamera(false);
    if (before) this.events.onDone(grab ? `drag of ${grab.handle.title}` : 'nudge', before);
  }

  private key(handle: ProbeHandle, event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      // An undo takes back what was nudged until now.
      this.finish();
      return;
    }
    const state = this.nudged(handle, event);
    if (!state) return;
    event.preventDefault();
    event.stopPropagation();
    this.before ??= this.state;
    this.state = state;
    this.events.onState(state);
    clearTimeout(this.nudging);
    this.nudging = setTimeout(() => this.finish(), nudgePause);
  }

  private nudged(handle: ProbeHandle, { key, shiftKey }: KeyboardEvent): number[] | null {
    const times = shiftKey ? 5 : 1;
    const turn = { q: 1, e: -1 }[key.toLowerCase()];
    if (turn !== undefined) return handle.turn ? turned(this.state, handle, turn * nudgeTurn * times) : null;
    const side = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const ahead = { ArrowUp: 1, ArrowDown: -1 }[key];
    const up = { PageUp: 1, PageDown: -1 }[key];
    if (handle.places && up !== undefined) return cycled(this.state, handle, up > 0 ? 1 : -1);
    if (handle.places && (side !== undefined || ahead !== undefined)) {
      const way = this.onScreen(handle, side ?? 0, ahead ?? 0);
      let state = [...this.state];
      for (let n = 0; n < times; n++) state = stepped(state, handle, [way.x, way.y, 0]);
      return state;
    }
    if (isTurner(handle)) {
      const sign = side ?? ahead ?? up;
      return sign === undefined ? null : turned(this.state, handle, -sign * nudgeTurn * times);
    }
    const by = new three.Vector3();
    if (up !== undefined) by.set(0, 0, up);
    else if (side !== undefined || ahead !== undefined) by.copy(this.onScreen(handle, side ?? 0, ahead ?? 0));
    else return null;
    by.multiplyScalar(nudge * times);
    return moved(this.state, handle, [by.x, by.y, by.z]);
  }

  /** The axis of a handle that goes most to the right of the picture, or up it, one metre along. */
  private onScreen(handle: ProbeHandle, side: number, ahead: number): three.Vector3 {
    const at = this.at(handle);
    // What stands at places goes about on the table.
    const own = handle.places ? (['x', 'y'] as const) : handle.moves.map(({ axis }) => axis);
    const ways = handle.slide
      ? [new three.Vector3(...(handle.slide.way as unknown as Point)).normalize()]
      : own.filter((axis) => axis !== 'z' || own.length < 3).map((axis) => new three.Vector3(...unit[axis]));
    const [here, ...there] = [new three.Vector3(), ...ways].map((way) =>
      this.view.project(at[0] + way.x / 10, at[1] + way.y / 10, at[2] + way.z / 10),
    );
    const seen = ways.map((way, i) => ({
      way,
      right: here && there[i] ? there[i].x - here.x : way.x,
      up: here && there[i] ? here.y - there[i].y : way.y,
    }));
    const across = seen.reduce((best, one) => (Math.abs(one.right) > Math.abs(best.right) ? one : best));
    if (side !== 0) return across.way.clone().multiplyScalar(side * (Math.sign(across.right) || 1));
    const other = seen.find((one) => one !== across) ?? across;
    return other.way.clone().multiplyScalar(ahead * (Math.sign(other.up) || 1));
  }
}

const isTurner = ({ moves, slide, places }: ProbeHandle): boolean => moves.length === 0 && !slide && !places;

const gripOf = ({ shiftKey, altKey }: PointerEvent): Grip => (altKey ? 'turn' : shiftKey ? 'up' : 'plane');

/** What can be done with it, for its label. */
export function howTo({ moves, slide, turn, places }: ProbeHandle): string {
  const has = (axis: string): boolean => moves.some((move) => move.axis === axis);
  const words = [
    places
      ? 'drag or arrow keys move it from square to square; Page up and down go through all its places'
      : '',
    slide ? 'drag along its line' : '',
    moves.length > 0
      ? `drag or arrow keys move it${has('x') && has('y') && has('z') ? ' over the table' : ''}`
      : '',
    has('x') && has('y') && has('z') ? 'Shift and drag, or Page up and down, lift it' : '',
    turn ? (moves.length > 0 ? 'Alt and drag, or Q and E, turn it' : 'drag, or Q and E, turn it') : '',
  ];
  return words.filter((word) => word !== '').join('; ');
}
