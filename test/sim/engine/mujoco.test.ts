/** Random mechanisms in our engine and in MuJoCo, which computes the same mass matrices and accelerations in its own way. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openOurs } from '../../../bench/physics/engine.ts';
import { openMujoco } from '../../../bench/physics/mujoco.ts';
import { createRandom, type Random } from '../../../sim/engine/random.ts';
import type { BodyDef, JointDef, Quat, SceneDef, Vec3 } from '../../../sim/engine/scene.ts';

const mujoco = await openMujoco();

const vec = (random: Random, most: number): Vec3 => [
  random.uniform(-most, most),
  random.uniform(-most, most),
  random.uniform(-most, most),
];
const normed = (v: readonly number[]): number[] => v.map((x) => x / Math.hypot(...v));

/** Bodies that branch off one another at random, each with up to two hinges and sliders; or balls too, and the first one free. */
function mechanism(random: Random, withBalls: boolean): BodyDef[] {
  return Array.from({ length: 6 }, (_, b): BodyDef => {
    const axis = (): Vec3 => normed(vec(random, 1)) as unknown as Vec3;
    const joint = (k: number): JointDef => ({
      type: random.uniform() < 0.6 ? 'hinge' : 'slider',
      name: `joint${b}${k}`,
      axis: axis(),
      anchor: vec(random, 0.1),
      // MuJoCo's RK4 takes dampers explicitly.
      damping: withBalls || random.uniform() < 0.5 ? 0 : 0.2,
      armature: random.uniform(0, 0.05),
    });
    const ball: JointDef = { type: 'ball', name: `ball${b}`, anchor: vec(random, 0.1) };
    return {
      name: `body${b}`,
      // A free body needs a child to be a tree: the midpoint rule is for these.
      ...(b === 0 || (b > 1 && random.uniform() < 0.2) ? {} : { parent: `body${random.integer(b)}` }),
      position: vec(random, 0.3),
      rotation: normed([...vec(random, 1), 1]) as unknown as Quat,
      mass: random.uniform(0.5, 2),
      centre: vec(random, 0.1),
      inertia: [0.02, 0.03, 0.04],
      joints:
        withBalls && b === 0
          ? [{ type: 'free' }]
          : withBalls && random.uniform() < 0.4
            ? [ball]
            : [joint(0), joint(1)].slice(random.integer(2)),
    };
  });
}

function compare(scene: SceneDef, random: Random, steps: number): number {
  const one = openOurs(scene);
  const other = mujoco.open(scene);
  for (const joint of scene.bodies.flatMap((body) => body.joints ?? [])) {
    if (joint.type === 'hinge' || joint.type === 'slider') {
      const [q, v] = [random.uniform(-0.5, 0.5), random.uniform(-1, 1)];
      for (const bench of [one, other]) bench.setJoint(joint.name, q, v);
    } else if (joint.type === 'ball') {
      const turn = normed([...vec(random, 1), 1]) as unknown as Quat;
      const spin = vec(random, 1);
      for (const bench of [one, other]) bench.setBall(joint.name, turn, spin);
    }
  }
  assert.ok(Math.abs(one.energy() - other.energy()) < 1e-9, `energy ${one.energy()}, ${other.energy()}`);
  one.step(steps);
  other.step(steps);
  let off = 0;
  for (const { name } of scene.bodies) {
    const [p, q] = [one.position(name), other.position(name)];
    off = Math.max(off, Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
    const [r, s] = [one.rotation(name), other.rotation(name)];
    for (let i = 0; i < 9; i++) off = Math.max(off, Math.abs(r[i]! - s[i]!));
  }
  other.dispose();
  return off;
}

test('trees of hinges and sliders move as in MuJoCo, step by step', () => {
  const random = createRandom(3);
  for (let i = 0; i < 20; i++) {
    const scene: SceneDef = { physicsDt: 0.002, bodies: mechanism(random, false) };
    // The same equations and the same rule of integration: what differs is rounding, 2e-15 in the worst of these.
    const off = compare(scene, random, 100);
    assert.ok(off < 1e-12, `mechanism ${i} is ${off} off`);
  }
});

test('free trees with balls move as in MuJoCo, up to the order of integration', () => {
  const random = createRandom(4);
  for (let i = 0; i < 20; i++) {
    const scene: SceneDef = { physicsDt: 0.0005, integrator: 'midpoint', bodies: mechanism(random, true) };
    // Ours is of second order, its RK4 of fourth: 4e-7 in the worst of these, a quarter of that with half the step.
    const off = compare(scene, random, 400);
    assert.ok(off < 2e-6, `mechanism ${i} is ${off} off`);
  }
});
