/** Legs as they are built: masses, placing on the ground, inverse kinematics, drawing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jointAngle, pointOf } from '../../../sim/engine/planar.ts';
import { arcsin, cheetahRobot, halfBend, hopperRobot, setDown } from '../../../sim/robots/legs.ts';

const slope = { slope: 0.1, amplitude: 0.02, phaseA: 1, phaseB: 2, friction: 0.8 };

test("the cheetah's masses are those that MuJoCo gives the bodies of HalfCheetah", () => {
  const { links } = cheetahRobot.compile().spec;
  assert.deepEqual(
    links.map((link) => Number(link.mass.toFixed(5))),
    [6.25021, 1.54351, 1.58745, 1.0954, 1.43808, 1.20084, 0.88452],
  );
});

test('factors scale masses and lengths of the links they belong to', () => {
  const plain = hopperRobot.compile().spec.links;
  const odd = hopperRobot.compile({ mass: [1, 2, 1], length: [1, 1, 1.1] }).spec.links;
  assert.ok(Math.abs(odd[1]!.mass / plain[1]!.mass - 2) < 1e-12);
  assert.equal(odd[2]!.mass, plain[2]!.mass);
  assert.ok(Math.abs(odd[2]!.com[1] / plain[2]!.com[1] - 1.1) < 1e-12);
  assert.deepEqual(odd[1]!.com, plain[1]!.com);
});

test('set down, the lowest point of a robot has the wanted clearance, also on bent ground', () => {
  for (const robot of [cheetahRobot, hopperRobot]) {
    const model = robot.compile();
    const state = new Float64Array(model.size);
    state[0] = 3;
    state[1] = 7;
    setDown(model, slope, 0.01, state, 0);
    const p = new Float64Array(2);
    const gaps = model.spec.points.map((point, k) => {
      pointOf(model, state, 0, model.pointLink[k]!, point.at[0], point.at[1], p, 0);
      const height = 0.1 * p[0]! + 0.01 * (Math.sin(3 * p[0]! + 1) + Math.sin(7.9 * p[0]! + 2));
      return p[1]! - height - point.radius;
    });
    assert.ok(Math.abs(Math.min(...gaps) - 0.01) < 1e-12, `${gaps}`);
  }
});

test('the knee bends so that hip and foot are as far apart as wanted', () => {
  for (let x = -0.8; x <= 0.8; x += 0.05) assert.ok(Math.abs(arcsin(x) - Math.asin(x)) < 1e-9, `${x}`);
  for (const length of [0.3, 0.4, 0.55, 0.6]) {
    assert.ok(Math.abs(2 * 0.3 * Math.cos(halfBend(length, 0.3)) - length) < 1e-9, `${length}`);
  }
  assert.equal(halfBend(0.7, 0.3), 0);
});

test('capsules are drawn where their links are, turned as their links are', () => {
  const model = cheetahRobot.compile();
  const state = new Float64Array(model.size);
  state[0] = 1;
  state[1] = 2;
  // Nose straight down: the torso's x axis points to -z.
  for (let i = 0; i < model.linkCount; i++) state[2 + i] = Math.PI / 2;
  assert.equal(jointAngle(model, state, 0, 3), 0);
  const poses = new Float32Array(cheetahRobot.bodies.length * 7);
  cheetahRobot.writePoses(model, state, 0, poses, 0);
  const head = cheetahRobot.bodies.findIndex((body) => body.name === 'head');
  // The head's middle (0.6, 0.1) is now 0.6 below and 0.1 ahead.
  assert.ok(Math.abs(poses[7 * head]! - 1.1) < 1e-6 && Math.abs(poses[7 * head + 2]! - 1.4) < 1e-6);
  const torso = cheetahRobot.bodies.findIndex((body) => body.name === 'torso');
  // Its capsule's axis, local z, is vertical: turned by pi or 0 about y.
  const [y, w] = [poses[7 * torso + 4]!, poses[7 * torso + 6]!];
  assert.ok(Math.abs(Math.abs(1 - 2 * y * y) - 1) < 1e-6, `${y} ${w}`);
});
