/**
 * The engine against formulas and against itself. The experiments with a known outcome are those of `bench/physics/experiments.ts`,
 * where each figure says how far off is right and why; `npm run bench -- physics` prints them.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openOurs, ours } from '../../../bench/physics/engine.ts';
import { experiments } from '../../../bench/physics/experiments.ts';
import { hashNumbers } from '../../../sim/engine/hash.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { BodyDef, Quat, SceneDef, ShapeDef, Vec3 } from '../../../sim/engine/scene.ts';
import { parkedBelow, type RayHit, World } from '../../../sim/engine/world.ts';

for (const { title, run } of Object.values(experiments))
  test(title, () => {
    const off = run(ours).filter(({ found, expected, within }) => !(Math.abs(found - expected) <= within));
    assert.deepEqual(off, []);
  });

const free = (name: string, mass: number, position: Vec3, ...shapes: ShapeDef[]): BodyDef => ({
  name,
  mass,
  position,
  joints: [{ type: 'free' }],
  shapes,
});
const cube = (half: number): ShapeDef => ({ type: 'box', half: [half, half, half] });
const floor: BodyDef = { name: 'floor', shapes: [{ type: 'plane' }] };
const near = (found: number, wanted: number, within: number, what = ''): void => {
  assert.ok(Math.abs(found - wanted) <= within, `${what} ${found}, wanted ${wanted} within ${within}`);
};
const g = 9.81;

// Forces and sensors

test('contact forces add up to the weight, however it is shared out', () => {
  const scene: SceneDef = {
    physicsDt: 0.005,
    substeps: 2,
    bodies: [
      { name: 'left', position: [-0.2, 0, 0], shapes: [cube(0.05)] },
      { name: 'right', position: [0.2, 0, 0], shapes: [cube(0.05)] },
      // Its middle is twice as far from the left support as from the right one.
      free('plank', 2, [0, 0, 0.07], { type: 'box', half: [0.3, 0.05, 0.02] }),
      free('load', 1, [0.15, 0, 0.12], cube(0.03)),
    ],
  };
  const { world, state } = openOurs(scene);
  world.step(state, 0, 600);
  const force = (a: string, b: string): number => world.contactForce(state, 0, world.body(a), world.body(b));
  const left = force('left', 'plank');
  const right = force('plank', 'right');
  near(left + right, 3 * g, 1e-3, 'both supports');
  near(force('load', 'plank'), g, 1e-3, 'load');
  // Moments about the middle of the plank. Its supports are 0.1 m wide and may press anywhere on that.
  assert.ok(right > left, `${right} N, ${left} N`);
  assert.equal(force('left', 'right'), 0);
});

test('the velocity of a point is that of finite differences, on an arm and on a free body', () => {
  const scene: SceneDef = {
    physicsDt: 1e-5,
    gravity: [0, 0, 0],
    bodies: [
      {
        name: 'upper',
        mass: 1,
        shapes: [cube(0.1)],
        joints: [{ type: 'ball', name: 'shoulder', anchor: [0.1, 0, 0] }],
      },
      {
        name: 'lower',
        parent: 'upper',
        position: [0, 0.3, 0],
        mass: 1,
        shapes: [cube(0.1)],
        joints: [
          { type: 'slider', name: 'reach', axis: [0, 1, 0] },
          { type: 'hinge', name: 'elbow', axis: [0, 0.6, 0.8], anchor: [0, -0.1, 0] },
        ],
      },
      free('stone', 1, [1, 0, 0], { type: 'box', half: [0.1, 0.2, 0.1], position: [0.05, 0, 0] }),
    ],
  };
  const { world, state } = openOurs(scene);
  state.set([0.5, -0.3, 0.7], world.at('shoulder.rate'));
  state[world.at('reach')] = 0.1;
  state[world.at('reach.rate')] = 0.4;
  state[world.at('elbow')] = 0.6;
  state[world.at('elbow.rate')] = -1.1;
  state.set([0.2, 0.3, -0.1], world.at('stone.vel'));
  state.set([1, 2, -1], world.at('stone.spin'));
  world.step(state, 0, 20_000);
  for (const name of ['upper', 'lower', 'stone']) {
    const b = world.body(name);
    const local: Vec3 = [0.07, -0.02, 0.11];
    const place = (): Vec3 => {
      world.kinematics(state, 0);
      return [0, 1, 2].map(
        (k) =>
          world.pos[3 * b + k]! + local.reduce((sum, x, i) => sum + world.rot[9 * b + 3 * k + i]! * x, 0),
      ) as unknown as Vec3;
    };
    const before = place();
    const velocity = new Float64Array(3);
    world.pointVelocity(state, 0, b, ...before, velocity, 0);
    const next = state.slice();
    world.step(state, 0, 1);
    const after = place();
    state.set(next);
    // Speeds of about 1 m/s change by some 1e-5 m/s a step.
    for (let k = 0; k < 3; k++) near((after[k]! - before[k]!) / 1e-5, velocity[k]!, 1e-4, `${name} ${k}`);
  }
});

const ray = (world: World, state: Float64Array, from: Vec3, to: Vec3, most = 10, without = -1): RayHit => {
  const hit: RayHit = { distance: 0, body: 0, normal: new Float64Array(3) };
  world.ray(state, 0, ...from, ...to, most, without, hit);
  return hit;
};

test('rays meet every shape where they should', () => {
  const c = Math.SQRT1_2;
  const aboutZ: Quat = [0, 0, Math.sin(Math.PI / 8), Math.cos(Math.PI / 8)];
  const { world, state } = openOurs({
    physicsDt: 0.01,
    bodies: [
      { name: 'floor', position: [0, 0, -1], shapes: [{ type: 'plane' }] },
      { name: 'ball', position: [1, 0, 0], shapes: [{ type: 'sphere', radius: 0.25 }] },
      {
        name: 'box',
        position: [0, 2, 0],
        rotation: aboutZ,
        shapes: [{ type: 'box', half: [0.5, 0.5, 0.1] }],
      },
      // Along x, from -1.7 to -1.3 between the caps' middles.
      {
        name: 'log',
        position: [-1.5, 0, 0],
        rotation: [0, c, 0, c],
        shapes: [{ type: 'capsule', radius: 0.1, length: 0.4 }],
      },
    ],
  });
  const body = (name: string): number => world.body(name);
  const expect = (hit: RayHit, name: string, distance: number, normal: Vec3): void => {
    assert.equal(hit.body, body(name));
    near(hit.distance, distance, 1e-12, name);
    for (let k = 0; k < 3; k++) near(hit.normal[k]!, normal[k]!, 1e-12, `${name}, normal ${k}`);
  };
  expect(ray(world, state, [0, 0, 0], [1, 0, 0]), 'ball', 0.75, [-1, 0, 0]);
  // Half its radius to the side: sqrt(3) / 2 of it earlier than its middle.
  expect(ray(world, state, [0, 0.125, 0], [1, 0, 0]), 'ball', 1 - 0.25 * Math.sqrt(0.75), [
    -Math.sqrt(0.75),
    0.5,
    0,
  ]);
  // A corner of the turned box points this way; 0.1 beside it the face is 0.1 farther.
  expect(ray(world, state, [0.1, 0, 0], [0, 1, 0]), 'box', 2 - 0.5 * Math.SQRT2 + 0.1, [c, -c, 0]);
  expect(ray(world, state, [0, 2, 1], [0, 0, -1]), 'box', 0.9, [0, 0, 1]);
  expect(ray(world, state, [0, 0, 0], [-1, 0, 0]), 'log', 1.2, [1, 0, 0]);
  expect(ray(world, state, [-1.5, 0, 1], [0, 0, -1]), 'log', 0.9, [0, 0, 1]);
  // On the round end, 0.06 beyond the cap's middle: 0.08 up.
  expect(ray(world, state, [-1.24, 0, 1], [0, 0, -1]), 'log', 0.92, [0.6, 0, 0.8]);
  // Aslant: 0.6 across, 0.8 down.
  expect(ray(world, state, [3, 0, 0], [0.6, 0, -0.8]), 'floor', 1.25, [0, 0, 1]);
  // Nothing there; not so far; through its own body and out of it.
  assert.deepEqual(
    [
      ray(world, state, [3, 0, 0], [0, 0, 1]),
      ray(world, state, [0, 0, 0], [1, 0, 0], 0.7),
      ray(world, state, [0, 0, 0], [1, 0, 0], 10, body('ball')),
      ray(world, state, [1, 0, 0], [1, 0, 0]),
    ].map(({ distance, body: found }) => [distance, found]),
    Array.from({ length: 4 }, () => [Infinity, -1]),
  );
});

// Joints

test('a weight on a damped spring comes to rest at m g / k, and an undamped one swings with 2 pi sqrt(m / k)', () => {
  const stiffness = 200;
  const hung = (name: string, x: number, damping: number): BodyDef => ({
    name,
    mass: 2,
    position: [x, 0, 0],
    shapes: [cube(0.05)],
    joints: [{ type: 'slider', name, axis: [0, 0, 1], stiffness, damping, rest: 0.1 }],
  });
  const dt = 0.0005;
  const bench = openOurs({ physicsDt: dt, bodies: [hung('calm', 0, 20), hung('lively', 1, 0)] });
  const middle = 0.1 - (2 * g) / stiffness;
  const crossings: number[] = [];
  let last = bench.joint('lively') - middle;
  for (let i = 0; i < 2 / dt; i++) {
    bench.step(1);
    const at = bench.joint('lively') - middle;
    if (last < 0 && at >= 0) crossings.push(i * dt);
    last = at;
  }
  // Springs are taken implicitly, which damps a swing by half the step times its frequency: a quarter of a percent.
  near(
    (crossings.at(-1)! - crossings[0]!) / (crossings.length - 1),
    2 * Math.PI * Math.sqrt(2 / stiffness),
    0.003,
  );
  bench.step(8 / dt);
  near(bench.joint('calm'), middle, 1e-9);
});

test('dry friction holds a joint below its force and slows it above it', () => {
  const hung = (name: string, friction: number): BodyDef => ({
    name,
    mass: 2,
    shapes: [{ ...cube(0.05), group: 1, mask: 2 }],
    joints: [{ type: 'slider', name, axis: [0, 0, -1], friction }],
  });
  const bench = openOurs({ physicsDt: 0.005, substeps: 2, bodies: [hung('held', 20), hung('slipping', 10)] });
  bench.step(200);
  // 2 kg weigh 19.62 N.
  near(bench.joint('held'), 0, 1e-9);
  near(bench.rate('slipping'), g - 10 / 2, 1e-9);
});

test('a mirrored joint moves backwards as far as the other moves forwards', () => {
  const jaw = (name: string, mirror?: string): BodyDef => ({
    name,
    mass: 1,
    parent: 'palm',
    shapes: [cube(0.02)],
    joints: [
      {
        type: 'slider',
        name,
        axis: [0, 1, 0],
        ...(mirror === undefined ? { motor: { type: 'force' } } : { mirror }),
      },
    ],
  });
  const bench = openOurs({
    physicsDt: 0.005,
    gravity: [0, 0, 0],
    bodies: [
      {
        name: 'palm',
        mass: 1,
        shapes: [cube(0.02)],
        joints: [{ type: 'slider', name: 'palm', axis: [1, 0, 0] }],
      },
      jaw('left'),
      jaw('right', 'left'),
    ],
  });
  bench.setTarget('left', 4);
  bench.step(200);
  // One coordinate drives 2 kg: 2 m/s after a second.
  near(bench.rate('left'), 2, 1e-12);
  assert.equal(bench.position('right')[1], -bench.position('left')[1]);
  assert.ok(bench.position('left')[1] > 0.9);
});

test('a hinge that swings a free tree about keeps the momentum of both', () => {
  const bench = openOurs({
    physicsDt: 0.001,
    integrator: 'midpoint',
    gravity: [0, 0, 0],
    bodies: [
      free('hull', 2, [0, 0, 0], cube(0.1)),
      {
        name: 'arm',
        parent: 'hull',
        position: [0.1, 0, 0],
        mass: 1,
        centre: [0.3, 0, 0],
        inertia: [0.01, 0.02, 0.02],
        joints: [{ type: 'hinge', name: 'arm', axis: [0, 0, 1] }],
      },
    ],
  });
  bench.setJoint('arm', 0, 2);
  const middle = (): Vec3 => {
    const hull = bench.position('hull');
    const arm = bench.position('arm');
    const r = bench.rotation('arm');
    return [0, 1, 2].map((k) => (2 * hull[k]! + arm[k]! + 0.3 * r[3 * k]!) / 3) as unknown as Vec3;
  };
  const start = middle();
  // At first only the arm moves: its middle with 2 rad/s at 0.3 m, a third of the mass.
  bench.step(2000);
  const end = middle();
  // Second order in the step: micrometres in two seconds.
  near(end[0] - start[0], 0, 2e-5);
  near(end[1] - start[1], 2 * 0.2, 2e-5);
  assert.equal(end[2], start[2]);
});

// Bodies

test('a compound body turns about its middle of mass, which flies straight', () => {
  const { world, state } = openOurs({
    physicsDt: 0.002,
    gravity: [0, 0, 0],
    bodies: [
      free(
        'club',
        1,
        [0, 0, 0],
        { type: 'sphere', radius: 0.1, position: [0.4, 0, 0] },
        { type: 'box', half: [0.2, 0.02, 0.02] },
      ),
    ],
  });
  const b = world.body('club');
  const middle = (): number[] => {
    world.kinematics(state, 0);
    return [0, 1, 2].map(
      (k) =>
        world.pos[k]! +
        [0, 1, 2].reduce((sum, i) => sum + world.rot[3 * k + i]! * world.tables.centre[3 * b + i]!, 0),
    );
  };
  state.set([1, 2, 3], world.at('club.vel'));
  state.set([4, -3, 5], world.at('club.spin'));
  const start = middle();
  world.step(state, 0, 1000);
  const end = middle();
  for (let k = 0; k < 3; k++) near(end[k]! - start[k]!, 2 * (k + 1), 1e-9);
});

test('a body below the world is out of it, and what is parked there costs and disturbs nothing', () => {
  const { world, state } = openOurs({
    physicsDt: 0.01,
    bodies: [
      floor,
      free('parked', 1, [0, 0, parkedBelow - 1], cube(0.1)),
      free('other', 1, [0, 0, parkedBelow - 1], cube(0.1)),
    ],
  });
  const before = state.slice();
  world.step(state, 0, 100);
  assert.deepEqual(state, before);
});

test('a placed body stands where the row says, and others rest on it there', () => {
  const { world, state } = openOurs({
    physicsDt: 0.005,
    substeps: 2,
    bodies: [
      { name: 'shelf', joints: [{ type: 'placed' }], shapes: [{ type: 'box', half: [0.2, 0.2, 0.02] }] },
      free('block', 0.2, [0, 0, 1], cube(0.05)),
    ],
  });
  state.set([1, 2, 0.5], world.at('shelf.pos'));
  state.set([1, 2, 0.58], world.at('block.pos'));
  world.step(state, 0, 400);
  near(state[world.at('block.pos') + 2]!, 0.57, 2e-4);
});

test('the factors of a row scale friction and mass in that world alone', () => {
  const mu = 0.5;
  const a = Math.PI / 6;
  const turn: Quat = [0, Math.sin(a / 2), 0, Math.cos(a / 2)];
  const world = new World({
    physicsDt: 0.005,
    substeps: 2,
    variable: true,
    bodies: [
      { name: 'slope', rotation: turn, shapes: [{ type: 'plane', friction: mu }] },
      {
        ...free('block', 0.1, [0.05 * Math.sin(a), 0, 0.05 * Math.cos(a)], { ...cube(0.05), friction: mu }),
        rotation: turn,
      },
    ],
  });
  const states = new Float64Array(2 * world.stateDim);
  const [plain, changed] = [0, world.stateDim] as const;
  world.rest(states, plain);
  world.rest(states, changed);
  states[changed + world.at('frictionScale')] = 1.3;
  states[changed + world.at('massScale')] = 3;
  for (const o of [plain, changed]) world.step(states, o, 200);
  const speed = (o: number): number =>
    Math.hypot(...states.subarray(o + world.at('block.vel'), o + world.at('block.vel') + 3));
  // tan 30 = 0.577 lies between 0.5 and 0.65.
  near(speed(plain), g * (Math.sin(a) - mu * Math.cos(a)), 0.01);
  near(speed(changed), 0, 1e-6);
  const force = (o: number): number => world.contactForce(states, o, 0, 1);
  near(force(plain), 0.1 * g * Math.cos(a), 1e-3);
  near(force(changed), 0.3 * g * Math.cos(a), 1e-3);
});

// The same bits

/** Things that fall into a heap: contacts come, go and slide. */
const heap: SceneDef = {
  physicsDt: 0.01,
  substeps: 2,
  bodies: [
    floor,
    { name: 'wall', position: [0.3, 0, 0], shapes: [{ type: 'box', half: [0.02, 0.4, 0.2] }] },
    {
      name: 'arm',
      position: [-0.3, 0, 0.15],
      mass: 1,
      shapes: [
        {
          type: 'capsule',
          radius: 0.03,
          length: 0.3,
          position: [0.2, 0, 0],
          rotation: [0, Math.SQRT1_2, 0, Math.SQRT1_2],
        },
      ],
      joints: [
        {
          type: 'hinge',
          name: 'arm',
          axis: [0, 0, 1],
          limits: [-1, 1],
          motor: { type: 'velocity', damping: 5, limit: 2 },
        },
      ],
    },
    free('box', 0.2, [0, 0, 0.2], cube(0.05)),
    free('slab', 0.3, [0.02, 0.03, 0.3], { type: 'box', half: [0.1, 0.06, 0.02] }),
    free('ball', 0.1, [0.01, -0.02, 0.4], { type: 'sphere', radius: 0.04, restitution: 0.5 }),
    free('peg', 0.1, [-0.02, 0.01, 0.5], { type: 'capsule', radius: 0.02, length: 0.1 }),
    free(
      'hammer',
      0.2,
      [0, 0, 0.6],
      { type: 'capsule', radius: 0.015, length: 0.1 },
      { type: 'box', half: [0.05, 0.02, 0.02], position: [0, 0, 0.07] },
    ),
  ],
};

function poured(world: World, seed: number): Float64Array {
  const state = new Float64Array(world.stateDim);
  world.rest(state, 0);
  const random = createRandom(seed);
  for (const name of ['box', 'slab', 'ball', 'peg', 'hammer'])
    for (let k = 0; k < 3; k++) {
      state[world.at(`${name}.vel`) + k] = random.uniform(-0.5, 0.5);
      state[world.at(`${name}.spin`) + k] = random.uniform(-3, 3);
    }
  state[world.at('arm.target')] = 1;
  return state;
}

test('a row that is saved in mid-contact goes on with the same bits in another world, at another place, beside others', () => {
  const world = new World(heap);
  const straight = poured(world, 1);
  const saved: Float64Array[] = [];
  for (let i = 0; i < 20; i++) {
    saved.push(straight.slice());
    world.step(straight, 0, 10);
  }
  const cache = world.at('impulses');
  assert.ok(saved.filter((state) => state[cache]! > 0).length > 12, 'hardly any contact');
  for (const start of [5, 10, 17]) {
    const another = new World(heap);
    const dim = another.stateDim;
    const states = new Float64Array(3 * dim);
    states.set(poured(another, 2), 0);
    states.set(saved[start]!, dim);
    states.set(poured(another, 3), 2 * dim);
    for (let i = start; i < 20; i++) {
      // The others are stepped before and after, and their sensors are asked.
      another.step(states, 0, 7);
      another.step(states, dim, 10);
      another.step(states, 2 * dim, 3);
      another.energy(states, 0);
      another.kinematics(states, 2 * dim);
    }
    assert.deepEqual(states.slice(dim, 2 * dim), straight);
  }
});

test('steps at once are steps one by one', () => {
  const world = new World(heap);
  const once = poured(world, 4);
  const single = once.slice();
  world.step(once, 0, 150);
  for (let i = 0; i < 150; i++) world.step(single, 0, 1);
  assert.deepEqual(single, once);
});

test('a heap falls as it always has', () => {
  const world = new World(heap);
  const state = poured(world, 5);
  world.step(state, 0, 300);
  assert.ok(state.every(Number.isFinite));
  assert.equal(hashNumbers(state), '73db7761fb625157');
});
