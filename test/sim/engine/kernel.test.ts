/** The compiled solver is the same text as the TypeScript one; these tests hold it to the same bits. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openKernel } from '../../../sim/engine/kernel/open.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { BodyDef, SceneDef } from '../../../sim/engine/scene.ts';
import { World } from '../../../sim/engine/world.ts';
import { commandHand, groups, handBodies, handRow } from '../../../sim/robots/hand.ts';

const thing = { group: groups.thing, friction: 0.5 } as const;

/** Every shape, every joint, every motor, limits, dry friction, a cone, bouncing, a compound body, a walking thing. */
const busy: SceneDef = {
  physicsDt: 0.01,
  substeps: 2,
  variable: true,
  bodies: [
    {
      name: 'table',
      position: [0, 0, -0.02],
      shapes: [
        { type: 'box', half: [0.4, 0.45, 0.02], friction: 0.2, group: groups.fixture, mask: groups.thing },
      ],
    },
    {
      name: 'ground',
      position: [0, 0, -0.75],
      shapes: [{ type: 'plane', restitution: 0.4, group: groups.fixture, mask: groups.thing }],
    },
    ...handBodies(),
    {
      name: 'box',
      position: [0, 0, 0.1],
      mass: 0.1,
      joints: [{ type: 'free' }],
      shapes: [{ ...thing, type: 'box', half: [0.025, 0.02, 0.03] }],
    },
    {
      name: 'capsule',
      position: [0.03, 0.02, 0.2],
      mass: 0.1,
      joints: [{ type: 'free' }],
      shapes: [{ ...thing, type: 'capsule', radius: 0.02, length: 0.05 }],
    },
    {
      name: 'twoBalls',
      position: [0.06, 0.04, 0.3],
      mass: 0.1,
      joints: [{ type: 'free' }],
      shapes: [
        { ...thing, type: 'sphere', radius: 0.025, position: [0.003, 0, 0], restitution: 0.5 },
        { ...thing, type: 'sphere', radius: 0.02, position: [0.02, 0.01, 0] },
      ],
    },
    {
      name: 'swing',
      position: [0.1, 0.1, 0.3],
      mass: 0.2,
      joints: [{ type: 'hinge', name: 'swing.angle', axis: [0, 1, 0], limits: [-1, 1], friction: 0.01 }],
      shapes: [{ ...thing, type: 'capsule', radius: 0.02, length: 0.1 }],
    },
    {
      name: 'tip',
      parent: 'swing',
      position: [0, 0, -0.1],
      mass: 0.2,
      joints: [{ type: 'ball', name: 'tip.turn', cone: 0.7, damping: 0.001 }],
      shapes: [{ ...thing, type: 'capsule', radius: 0.02, length: 0.1, position: [0, 0, -0.05] }],
    },
    {
      name: 'trunk',
      position: [-0.15, -0.1, 0.2],
      mass: 0.3,
      joints: [{ type: 'free' }],
      shapes: [{ ...thing, type: 'box', half: [0.04, 0.02, 0.02] }],
    },
    {
      name: 'leg',
      parent: 'trunk',
      position: [0.05, 0, 0],
      mass: 0.1,
      joints: [
        {
          type: 'hinge',
          name: 'leg.angle',
          axis: [0, 1, 0],
          motor: { type: 'position', stiffness: 1, damping: 0.05, limit: 0.2 },
        },
      ],
      shapes: [{ ...thing, type: 'sphere', radius: 0.02, position: [0, 0, -0.04] }],
    },
  ],
};

function compare(
  scene: SceneDef,
  steps: number,
  drive: (world: World, row: Float64Array, t: number) => void,
): void {
  const compiled = new World(scene);
  const plain = new World(scene, [], { kernel: false });
  const a = new Float64Array(compiled.stateDim);
  const b = new Float64Array(plain.stateDim);
  compiled.rest(a, 0);
  plain.rest(b, 0);
  for (let t = 0; t < steps; t++) {
    drive(compiled, a, t);
    drive(plain, b, t);
    compiled.step(a, 0, 1);
    plain.step(b, 0, 1);
    assert.deepEqual(a, b, `step ${t}`);
  }
  assert.ok(a.every(Number.isFinite));
}

test('these tests compare two things: the compiled solver is there, and its rows lie in its memory', () => {
  const world = new World(busy);
  const kernel = openKernel(world.tables, world.stateDim, world.guardDim);
  assert.ok(kernel);
  const plain = new World(busy, [], { kernel: false });
  world.rest(kernel.row, 0);
  const expected = kernel.row.slice();
  kernel.step(3);
  plain.step(expected, 0, 3);
  assert.notDeepEqual(kernel.solver.now, new Float64Array(kernel.solver.now.length));
  assert.deepEqual(kernel.row.slice(), expected);
});

test('compiled and plain solver give the same bits in a busy scene', () => {
  const row = handRow(new World(busy));
  const action = new Float64Array(4);
  const random = createRandom(1);
  const script = Array.from({ length: 200 }, () =>
    Float64Array.from({ length: 4 }, () => random.uniform(-1, 1)),
  );
  compare(busy, 1500, (world, state, t) => {
    action.set(script[Math.floor(t / 10) % script.length]!);
    commandHand(state, 0, row, action, 0, 0.01);
    state[world.at('leg.angle.target')] = ((t % 200) - 100) / 100;
  });
});

test('compiled and plain solver give the same bits for a stack and for a free mechanism under the midpoint rule', () => {
  const blocks: BodyDef[] = Array.from({ length: 4 }, (_, i) => ({
    name: `block${i}`,
    position: [0.001 * i, 0, 0.025 + 0.05 * i],
    mass: 0.1,
    joints: [{ type: 'free' }],
    shapes: [{ ...thing, type: 'box', half: [0.025, 0.025, 0.025] }],
  }));
  compare(
    { physicsDt: 0.01, substeps: 4, bodies: [{ name: 'floor', shapes: [{ type: 'plane' }] }, ...blocks] },
    300,
    () => undefined,
  );
  const pendulum = busy.bodies.filter((body) => ['trunk', 'leg', 'swing', 'tip'].includes(body.name));
  compare({ physicsDt: 0.005, integrator: 'midpoint', bodies: pendulum }, 300, (world, state, t) => {
    if (t === 0) state[world.at('swing.angle')] = 0.8;
  });
});

test('rows of one world are stepped apart: what lies between them stays, and their order does not matter', () => {
  const world = new World(busy);
  const dim = world.stateDim;
  const block = new Float64Array(3 * dim + 2).fill(7);
  for (let i = 0; i < 3; i++) world.rest(block, 1 + i * dim);
  block[1 + dim + world.at('box.pos') + 2] = 0.4;
  const alone = block.slice(1 + dim, 1 + 2 * dim);
  for (let t = 0; t < 50; t++) {
    world.step(block, 1 + 2 * dim, 1);
    world.step(block, 1 + dim, 2);
    world.step(block, 1, 1);
  }
  for (let t = 0; t < 100; t++) world.step(alone, 0, 1);
  assert.deepEqual(block.slice(1 + dim, 1 + 2 * dim), alone);
  assert.deepEqual([block[0], block[3 * dim + 1]], [7, 7]);
});
