/** What the stage shows of an episode beside the bodies, from its replayed states: contacts, lidar rays, the task's cameras. */

import { viewsOf } from '../sim/camera.ts';
import type { BodyRole, CameraView, Contact, TaskModel } from '../sim/env.ts';
import type { CameraViewInfo, StageDetailsInfo } from './api/stage.ts';
import { type PackedArray, pack } from './pack.ts';

/** Numbers a contact, see `lab/api/stage.ts`. */
export const contactSize = 12;

const robotRoles: readonly BodyRole[] = ['gripper', 'link', 'joint', 'wheel', 'agent', 'tool'];
const thingRoles: readonly BodyRole[] = ['object', 'distractor', 'fixture', 'tool', 'opponent', 'mate'];

/** The contacts of a frame: of discs those of the step that led to it. */
function contactsAt(model: TaskModel, states: Float64Array, actions: Float64Array, t: number): Contact[] {
  const { contacts, impacts, stateDim } = model;
  if (contacts !== undefined) return contacts(states, t * stateDim);
  if (impacts === undefined || t === 0) return [];
  return impacts(states, (t - 1) * stateDim, actions, (t - 1) * model.actionSpace.dim);
}

/**
 * 1 in frames in which the robot, or a tool, presses on a thing; what things stand on does not count. Of tasks that tell of impacts, whose
 * robots are only on a plane, whatever they run into counts, walls as well. Null for tasks that do not tell.
 * states: [T + 1, stateDim], actions: [T, actionDim] -> [T + 1]
 */
export function contactColumn(
  model: TaskModel,
  states: Float64Array,
  actions: Float64Array,
): Uint8Array | null {
  const { touching, impacts, stateDim } = model;
  if (touching === undefined && impacts === undefined) return null;
  const pairsAt = (t: number): (readonly [a: string, b: string])[] =>
    touching !== undefined
      ? touching(states, t * stateDim)
      : contactsAt(model, states, actions, t).map(({ bodyA, bodyB }) => [bodyA, bodyB] as const);
  const roles = new Map(model.bodies.map(({ name, role }) => [name, role] as const));
  const is = (name: string, list: readonly BodyRole[]): boolean => {
    const role = roles.get(name);
    return role !== undefined && list.includes(role);
  };
  const meets = (a: string, b: string): boolean =>
    is(a, robotRoles) && (touching === undefined || is(b, thingRoles));
  const column = new Uint8Array(states.length / stateDim);
  for (let t = 0; t < column.length; t++) {
    column[t] = pairsAt(t).some(([a, b]) => meets(a, b) || meets(b, a)) ? 1 : 0;
  }
  return column;
}

/** Default views are found by playing the task, so they are kept: by task and settings. */
const knownViews = new Map<string, CameraView[]>();
const mostKnown = 64;

function viewsOnce(model: TaskModel): CameraView[] {
  const key = JSON.stringify([model.id, model.version, model.settings]);
  let views = knownViews.get(key);
  if (views === undefined) {
    views = viewsOf(model);
    if (knownViews.size >= mostKnown) knownViews.clear();
    knownViews.set(key, views);
  }
  return views;
}

/** states: [T + 1, stateDim], actions: [T, actionDim] */
export function stageDetails(
  model: TaskModel,
  states: Float64Array,
  actions: Float64Array,
): StageDetailsInfo {
  const { stateDim, bodies, contacts, impacts, lidar } = model;
  const frames = states.length / stateDim;
  const arrays: Record<string, PackedArray> = {};
  const names: string[] = [];
  const indexOf = (name: string): number => {
    const known = names.indexOf(name);
    return known >= 0 ? known : names.push(name) - 1;
  };
  if (contacts !== undefined || impacts !== undefined) {
    const numbers: number[] = [];
    const start = new Uint32Array(frames + 1);
    for (let t = 0; t < frames; t++) {
      for (const { point, normal, force, friction, bodyA, bodyB } of contactsAt(model, states, actions, t))
        numbers.push(...point, ...normal, force, ...friction, indexOf(bodyA), indexOf(bodyB));
      start[t + 1] = numbers.length / contactSize;
    }
    arrays['contacts'] = Float32Array.from(numbers);
    arrays['contactStart'] = start;
  }
  if (lidar !== undefined) {
    const width = 3 + 3 * lidar.rays;
    const cast = new Float64Array(frames * width);
    for (let t = 0; t < frames; t++) lidar.cast(states, t * stateDim, cast, t * width);
    arrays['rays'] = Float32Array.from(cast);
  }
  return {
    views: viewsOnce(model).map(
      ({ name, body, turns, position, target, fieldOfView }): CameraViewInfo => ({
        name,
        body: body === undefined ? -1 : bodies.findIndex((one) => one.name === body),
        turns: turns !== false,
        position: [...position],
        target: [...target],
        fieldOfView,
      }),
    ),
    names,
    rays: lidar?.rays ?? 0,
    data: pack(arrays),
  };
}
