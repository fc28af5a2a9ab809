/**
 * What an experiment of `experiments.ts` needs of an engine, and our own behind it. `mujoco.ts` is the other one, so that an
 * experiment is written once and both run the same scene.
 */

import type { SceneDef, Vec3 } from '../../sim/engine/scene.ts';
import { World } from '../../sim/engine/world.ts';

export interface Engine {
  readonly name: string;
  open(scene: SceneDef): Bench;
}

/** One scene, joints at 0 and everything at rest when it is opened. */
export interface Bench {
  /** Physics steps. */
  step(count: number): void;
  /** Angle or distance of a hinge or slider, and its rate. */
  joint(name: string): number;
  rate(name: string): number;
  setJoint(name: string, position: number, rate?: number): void;
  /** Of a motor. */
  setTarget(joint: string, value: number): void;
  /** Turn x y z w of a ball and its angular velocity in the outer frame. */
  setBall(name: string, turn: readonly [number, number, number, number], spin: Vec3): void;
  /** Origin of a body's frame, and the rows of its rotation matrix. */
  position(body: string): Vec3;
  rotation(body: string): readonly number[];
  /** Of a free body with its middle of mass at its origin: velocity there, angular velocity in the world. */
  velocity(body: string): Vec3;
  spin(body: string): Vec3;
  setVelocity(body: string, velocity: Vec3, spin?: Vec3): void;
  /** Kinetic, and potential of gravity and springs, J. */
  energy(): number;
  dispose(): void;
}

/** Ours, with what only ours has: the row and the world behind it. */
export interface OurBench extends Bench {
  readonly world: World;
  readonly state: Float64Array;
}

export function openOurs(scene: SceneDef): OurBench {
  const world = new World(scene);
  const state = new Float64Array(world.stateDim);
  world.rest(state, 0);
  const three = (at: number): Vec3 => [state[at]!, state[at + 1]!, state[at + 2]!];
  return {
    world,
    state,
    step: (count) => world.step(state, 0, count),
    joint: (name) => state[world.at(name)]!,
    rate: (name) => state[world.at(`${name}.rate`)]!,
    setJoint(name, position, rate = 0) {
      state[world.at(name)] = position;
      state[world.at(`${name}.rate`)] = rate;
    },
    setTarget(joint, value) {
      state[world.at(`${joint}.target`)] = value;
    },
    setBall(name, turn, spin) {
      state.set(turn, world.at(name));
      state.set(spin, world.at(`${name}.rate`));
    },
    position(body) {
      world.kinematics(state, 0);
      const b = 3 * world.body(body);
      return [world.pos[b]!, world.pos[b + 1]!, world.pos[b + 2]!];
    },
    rotation(body) {
      world.kinematics(state, 0);
      const b = 9 * world.body(body);
      return [...world.rot.subarray(b, b + 9)];
    },
    velocity: (body) => three(world.at(`${body}.vel`)),
    spin: (body) => three(world.at(`${body}.spin`)),
    setVelocity(body, velocity, spin = [0, 0, 0]) {
      state.set(velocity, world.at(`${body}.vel`));
      state.set(spin, world.at(`${body}.spin`));
    },
    energy: () => world.energy(state, 0),
    dispose: () => undefined,
  };
}

export const ours: Engine = { name: 'ours', open: openOurs };
