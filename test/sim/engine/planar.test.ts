/** The planar engine against formulas: pendulums, free fall, friction, standing, limits, servos, its own energy. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compilePlanar,
  createDrive,
  energyOf,
  jointAngle,
  type PlanarGround,
  type PlanarJoint,
  type PlanarLink,
  type PlanarModel,
  type PlanarSpec,
  pointOf,
  specialise,
  stepPlanar,
} from '../../../sim/engine/planar.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import { cheetahRobot, hopperRobot, setDown } from '../../../sim/robots/legs.ts';

const free: PlanarJoint = {
  low: Number.NEGATIVE_INFINITY,
  high: Number.POSITIVE_INFINITY,
  stiffness: 0,
  damping: 0,
  armature: 0,
};

const flat = (friction = 0.8, slope = 0): PlanarGround => ({
  slope,
  amplitude: 0,
  phaseA: 0,
  phaseB: 0,
  friction,
});

const compile = (
  root: PlanarSpec['root'],
  links: readonly PlanarLink[],
  points: PlanarSpec['points'] = [],
  physicsDt = 0.005,
): PlanarModel =>
  compilePlanar({
    root,
    links,
    points,
    physicsDt,
    gravity: 9.81,
    contactHz: Math.min(40, 0.25 / physicsDt),
    contactDamping: 5,
    iterations: 8,
  });

/** A uniform rod that hangs down from its hinge at angle 0. */
const rod = (name: string, length: number, mass: number, parent?: PlanarLink, joint = free): PlanarLink => ({
  name,
  ...(parent === undefined ? {} : { parent: parent.name }),
  anchor: parent === undefined ? [0, 0] : [0, 2 * parent.com[1]],
  mass,
  inertia: (mass * length * length) / 12,
  com: [0, -length / 2],
  joint,
});

/** A sled: half a metre long, on two balls. */
const sled = (physicsDt = 0.005): PlanarModel =>
  compile(
    'free',
    [{ name: 'sled', anchor: [0, 0], mass: 4, inertia: 0.1, com: [0, 0], joint: free }],
    [
      { name: 'rear', link: 'sled', at: [-0.25, 0], radius: 0.05 },
      { name: 'front', link: 'sled', at: [0.25, 0], radius: 0.05 },
    ],
    physicsDt,
  );

/** Steps until `done` or for at most `seconds`; returns the time. */
function run(
  model: PlanarModel,
  state: Float64Array,
  ground: PlanarGround,
  seconds: number,
  done: () => boolean = () => false,
): number {
  const drive = createDrive(model);
  const dt = model.spec.physicsDt;
  const steps = Math.round(seconds / dt);
  for (let i = 0; i < steps; i++) {
    stepPlanar(model, state, 0, drive, ground, 1);
    if (done()) return (i + 1) * dt;
  }
  return seconds;
}

test('a rod swinging from 60 degrees has the exact period within 0.1 % and keeps its energy for 60 s', () => {
  const model = compile('pinned', [rod('rod', 1, 2)]);
  const state = new Float64Array(model.size);
  state[0] = Math.PI / 3;
  // Small swings: 2 pi sqrt(I / (m g l)) with I = m L^2 / 3, l = L / 2; at 60 degrees times 2 K(sin 30 deg) / pi.
  const exact = 2 * Math.PI * Math.sqrt(2 / (3 * 9.81)) * 1.0731820071493643;
  const start = energyOf(model, state, 0);
  let last = state[0];
  const crossings: number[] = [];
  let t = 0;
  let worst = 0;
  run(model, state, flat(), 60, () => {
    t += 0.005;
    const angle = state[0]!;
    if (last > 0 && angle <= 0) crossings.push(t - (0.005 * -angle) / (last - angle));
    last = angle;
    worst = Math.max(worst, Math.abs(energyOf(model, state, 0) - start));
    return false;
  });
  const period = (crossings.at(-1)! - crossings[0]!) / (crossings.length - 1);
  assert.ok(Math.abs(period / exact - 1) < 1e-3, `period ${period}, exact ${exact}`);
  // The swing's energy above its lowest point is m g (L / 2) (1 - cos 60 deg) = 4.9 J.
  assert.ok(worst < 1e-3 * 4.905, `energy is off by ${worst} J`);
});

test('a double pendulum let go from high up keeps its energy for 30 s, better with smaller steps', () => {
  const errors = [0.01, 0.005, 0.0025].map((dt) => {
    const upper = rod('upper', 0.5, 1);
    const model = compile('pinned', [upper, rod('lower', 0.5, 1, upper)], [], dt);
    const state = new Float64Array(model.size);
    state[0] = 2;
    state[1] = 2.5;
    const start = energyOf(model, state, 0);
    let worst = 0;
    run(model, state, flat(), 30, () => {
      worst = Math.max(worst, Math.abs(energyOf(model, state, 0) - start));
      return false;
    });
    return worst;
  });
  // 14.2 J lie between start and rest. It spins at up to 20 rad/s; the coarsest step is a runner's.
  assert.ok(errors[0]! < 0.35 * 14.2 && errors[1]! < 0.03 * 14.2 && errors[2]! < 0.005 * 14.2, `${errors}`);
});

test('a free robot in free fall keeps its momenta and the parabola of its centre of mass', () => {
  const spec = cheetahRobot.compile().spec;
  const model = compilePlanar({ ...spec, physicsDt: 0.001, contactHz: 40 });
  const state = new Float64Array(model.size);
  const random = createRandom(5);
  for (let i = 2; i < 2 * model.dofCount; i++) state[i] = random.uniform(-0.3, 0.3);
  state[1] = 500;
  const drive = createDrive(model);
  const before = motion(model, state);
  for (let i = 0; i < 1000; i++) {
    if (i % 100 === 0) for (let j = 1; j < 7; j++) drive.torque[j] = random.uniform(-20, 20);
    stepPlanar(model, state, 0, drive, flat(), 1);
  }
  const after = motion(model, state);
  assert.ok(Math.abs(after.px - before.px) < 0.01 * model.totalMass, `px ${before.px} to ${after.px}`);
  assert.ok(
    Math.abs(after.pz - before.pz + 9.81 * model.totalMass) < 0.01 * 9.81 * model.totalMass,
    `pz ${before.pz} to ${after.pz}`,
  );
  const fallen = before.z - after.z + before.pz / model.totalMass;
  assert.ok(Math.abs(fallen / (9.81 / 2) - 1) < 0.01, `fell ${fallen} m`);
  // About the centre of mass gravity has no moment. The robot's parts turn with some 2 kg m²/s each.
  assert.ok(Math.abs(after.spin - before.spin) < 0.05, `spin ${before.spin} to ${after.spin}`);
});

/** Momenta, height of the centre of mass and angular momentum about it, by differences of positions. */
function motion(
  model: PlanarModel,
  state: Float64Array,
): { px: number; pz: number; z: number; spin: number } {
  const e = 1e-6;
  const moved = Float64Array.from(state);
  for (let i = 0; i < model.dofCount; i++) moved[i]! += e * state[model.dofCount + i]!;
  const parts = model.spec.links.map((link, i) => {
    const p = new Float64Array(4);
    pointOf(model, state, 0, i, link.com[0], link.com[1], p, 0);
    pointOf(model, moved, 0, i, link.com[0], link.com[1], p, 2);
    const rate = state[model.dofCount + model.firstAngle + i]!;
    return {
      m: link.mass,
      x: p[0]!,
      z: p[1]!,
      vx: (p[2]! - p[0]!) / e,
      vz: (p[3]! - p[1]!) / e,
      w: link.inertia * rate,
    };
  });
  const sum = (f: (part: (typeof parts)[number]) => number): number => parts.reduce((t, p) => t + f(p), 0);
  const x = sum((p) => p.m * p.x) / model.totalMass;
  const z = sum((p) => p.m * p.z) / model.totalMass;
  return {
    px: sum((p) => p.m * p.vx),
    pz: sum((p) => p.m * p.vz),
    z,
    spin: sum((p) => p.m * ((p.z - z) * p.vx - (p.x - x) * p.vz) + p.w),
  };
}

test('a sled slides v^2 / (2 mu g) far within 2 %, stops, and then neither creeps, sinks nor jitters', () => {
  const model = sled();
  const state = new Float64Array(model.size);
  state[1] = 0.05;
  state[3] = 2;
  run(model, state, flat(0.3), 2, () => state[3]! <= 1e-6);
  const distance = 4 / (2 * 0.3 * 9.81);
  assert.ok(Math.abs(state[0]! / distance - 1) < 0.02, `slid ${state[0]} m, wanted ${distance}`);
  const x = state[0]!;
  run(model, state, flat(0.3), 10);
  assert.ok(Math.abs(state[0]! - x) < 1e-4, `crept ${state[0]! - x} m`);
  // Soft contacts carry the weight at a depth of g / w^2, 0.16 mm at 40 Hz, and the damper's share on top.
  assert.ok(Math.abs(state[1]! - 0.05) < 5e-4, `rests at ${state[1]}`);
  for (let i = 3; i < 6; i++) assert.ok(Math.abs(state[i]!) < 1e-5, `speed ${i - 3} is ${state[i]}`);
});

test('on a slope it stays below the friction angle and slides with g (sin a - mu cos a) above it', () => {
  const slope = -0.3;
  const c = 1 / Math.sqrt(1 + slope * slope);
  const speeds = [0.25, 0.35].map((mu) => {
    const model = sled();
    const state = new Float64Array(model.size);
    state[2] = Math.atan(0.3);
    state[1] = 0.05 / c;
    run(model, state, flat(mu, slope), 1);
    return Math.hypot(state[3]!, state[4]!);
  });
  assert.ok(Math.abs(speeds[0]! / (9.81 * (0.3 - 0.25) * c) - 1) < 0.02, `${speeds}`);
  assert.ok(speeds[1]! < 1e-6, `${speeds}`);
});

test('robots without torques come to rest on their feet or knees, barely inside the ground', () => {
  for (const robot of [cheetahRobot, hopperRobot]) {
    const model = robot.compile();
    const state = new Float64Array(model.size);
    setDown(model, flat(), 0.1, state, 0);
    run(model, state, flat(), 10);
    const before = Float64Array.from(state);
    run(model, state, flat(), 5);
    const p = new Float64Array(2);
    model.spec.points.forEach((point, k) => {
      pointOf(model, state, 0, model.pointLink[k]!, point.at[0], point.at[1], p, 0);
      const gap = p[1]! - point.radius;
      assert.ok(gap > -2e-3, `${point.name} is ${-gap} m deep`);
    });
    const moved = Math.max(...before.slice(0, model.dofCount).map((x, i) => Math.abs(x - state[i]!)));
    assert.ok(moved < 2e-3, `${robot.names} moved by ${moved} in 5 s`);
  }
});

test('a joint limit holds under load, a servo holds its target, and a force limit gives way', () => {
  const limited = { ...free, low: -0.5, high: 0.5 };
  const model = compile('pinned', [rod('rod', 1, 2, undefined, limited)]);
  const state = new Float64Array(model.size);
  const drive = createDrive(model);
  drive.torque[0] = 40;
  for (let i = 0; i < 400; i++) stepPlanar(model, state, 0, drive, flat(), 1);
  // 40 N m against m g L / 2 sin q = 4.7 N m.
  assert.ok(Math.abs(jointAngle(model, state, 0, 0) - 0.5) < 0.01, `${state[0]}`);
  drive.torque[0] = 0;
  drive.gain[0] = 500;
  drive.rateGain[0] = 20;
  drive.target[0] = 0.4;
  for (let i = 0; i < 1000; i++) stepPlanar(model, state, 0, drive, flat(), 1);
  // The servo's error balances the weight: 500 e = 9.81 sin(0.4 - e).
  assert.ok(Math.abs(state[0]! - 0.3925) < 1e-3, `${state[0]}`);
  // 2 N m hold it at asin(2 / 9.81) only.
  drive.limit[0] = 2;
  for (let i = 0; i < 6000; i++) {
    // A little friction in the air, so that it comes to rest.
    drive.torque[0] = -state[1]!;
    stepPlanar(model, state, 0, drive, flat(), 1);
  }
  assert.ok(Math.abs(state[0]! - Math.asin(2 / 9.81)) < 1e-3, `${state[0]}`);
});

test('the written-out step has the bits of the loops, on every ground, in contact, at limits, with servos', () => {
  for (const robot of [cheetahRobot, hopperRobot]) {
    for (const height of [0, 0.03]) {
      const model = robot.compile();
      const fast = specialise(model);
      assert.notEqual(fast, stepPlanar);
      const drive = createDrive(model);
      const random = createRandom(3);
      const ground = { slope: height, amplitude: height, phaseA: 0.3, phaseB: 1, friction: 0.8 };
      const a = new Float64Array(model.size);
      for (let i = 2; i < model.dofCount; i++) a[i] = random.uniform(-0.1, 0.1);
      setDown(model, ground, 0.3, a, 0);
      const b = Float64Array.from(a);
      for (let t = 0; t < 1500; t++) {
        if (t % 7 === 0) for (let j = 1; j < model.linkCount; j++) drive.torque[j] = random.uniform(-80, 80);
        if (t === 1000) {
          drive.gain.fill(200);
          drive.rateGain.fill(5);
          drive.limit.fill(50);
        }
        stepPlanar(model, a, 0, drive, ground, 2);
        fast(model, b, 0, drive, ground, 2);
        assert.deepEqual(b, a, `step ${t}`);
      }
    }
  }
});

test('robots that cannot be are refused', () => {
  const many = Array.from({ length: 20 }, (_, i) => rod(`rod${i}`, 1, 1));
  assert.throws(() => compile('pinned', many), /found 20 coordinates and 20 rows, wanted at most 16 and 64/);
  const child = rod('child', 1, 1, rod('parent', 1, 1));
  assert.throws(() => compile('pinned', [child]), /found link parent, wanted one of the first 0 links/);
});
