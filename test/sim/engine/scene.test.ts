/** Scenes that cannot be, and what the tables say of one that can. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AxisJointDef,
  type BodyDef,
  buildTables,
  type JointDef,
  rowLayout,
  type SceneDef,
  type ShapeDef,
} from '../../../sim/engine/scene.ts';

const ball: ShapeDef = { type: 'sphere', radius: 0.1 };
const scene = (...bodies: BodyDef[]): SceneDef => ({ physicsDt: 0.01, bodies });
const free = (more: Partial<BodyDef>): BodyDef => ({
  name: 'thing',
  mass: 1,
  joints: [{ type: 'free' }],
  shapes: [ball],
  ...more,
});
const hinged = (joint: Partial<AxisJointDef>): BodyDef =>
  free({ joints: [{ type: 'hinge', name: 'elbow', axis: [0, 1, 0], ...joint }] });

const bad: readonly (readonly [title: string, scene: SceneDef, says: RegExp])[] = [
  ['two bodies of one name', scene(free({}), free({})), /two bodies are named thing/],
  ['two joints of one name', scene(hinged({}), { ...hinged({}), name: 'other' }), /named elbow/],
  [
    'a parent that comes later',
    scene(free({ name: 'child', parent: 'thing', joints: [] }), free({})),
    /body child: parent thing/,
  ],
  ['a parent that is not there', scene(free({ parent: 'nobody' })), /body thing: parent nobody/],
  [
    'a free body with a parent',
    scene({ name: 'base' }, free({ parent: 'base' })),
    /body thing: a free or placed body/,
  ],
  [
    'a free body with another joint',
    scene(free({ joints: [{ type: 'free' }, { type: 'ball', name: 'neck' }] })),
    /body thing: a free or placed/,
  ],
  ['a free body without mass', scene(free({ mass: 0 })), /body thing: mass is 0/],
  ['a negative mass', scene(free({ mass: -1 })), /body thing: mass is -1/],
  ['a mass that is no number', scene(free({ mass: Number.NaN })), /body thing: mass is NaN/],
  ['mass without a shape', scene(free({ shapes: [] })), /body thing: mass without a shape/],
  ['an inertia without extent', scene(free({ inertia: [1, 1, 0] })), /body thing: inertia is not positive/],
  ['a joint that moves nothing', scene({ ...hinged({}), mass: 0 }), /body thing: a joint moves no mass/],
  [
    'a shape of no size',
    scene(free({ shapes: [{ type: 'sphere', radius: 0 }] })),
    /body thing: a sphere of size 0/,
  ],
  [
    'a box with a negative side',
    scene(free({ shapes: [{ type: 'box', half: [1, -1, 1] }] })),
    /body thing: a box of size -1/,
  ],
  [
    'a plane that moves',
    scene(free({ shapes: [ball, { type: 'plane' }] })),
    /body thing: a plane cannot move/,
  ],
  ['a crooked turn', scene(free({ rotation: [0, 0, 1, 1] })), /body thing: rotation of length 1.41/],
  [
    'a crooked turn of a shape',
    scene(free({ shapes: [{ ...ball, rotation: [0, 0, 0, 0] }] })),
    /body thing, a shape: rotation of length 0/,
  ],
  [
    'a place that is no number',
    scene(free({ position: [0, Number.NaN, 0] })),
    /body thing: position is 0 NaN 0/,
  ],
  [
    'a negative friction',
    scene(free({ shapes: [{ ...ball, friction: -0.1 }] })),
    /body thing: friction is -0.1/,
  ],
  [
    'a ball that gains by bouncing',
    scene(free({ shapes: [{ ...ball, restitution: 1.2 }] })),
    /body thing: restitution is 1.2, wanted 0 to 1/,
  ],
  ['an axis that is not of unit length', scene(hinged({ axis: [0, 2, 0] })), /joint elbow: axis of length 2/],
  ['an axis that is no number', scene(hinged({ axis: [0, Number.NaN, 1] })), /joint elbow: axis is 0 NaN 1/],
  ['limits the wrong way round', scene(hinged({ limits: [1, -1] })), /joint elbow: limits are 1 and -1/],
  ['a negative damping', scene(hinged({ damping: -1 })), /joint elbow: damping is -1/],
  [
    'a motor of negative strength',
    scene(hinged({ motor: { type: 'force', limit: -3 } })),
    /joint elbow: limit of the motor is -3/,
  ],
  ['a mirror of nothing', scene(hinged({ mirror: 'nothing' })), /joint elbow: mirrors nothing/],
  [
    'a mirror on another tree',
    scene(hinged({}), { ...hinged({ name: 'wrist', mirror: 'elbow' }), name: 'other' }),
    /joint wrist: mirrors elbow, which hangs from another/,
  ],
  [
    'a cone of half a turn',
    scene(free({ joints: [{ type: 'ball', name: 'neck', cone: 4 } satisfies JointDef] })),
    /joint neck: cone is 4/,
  ],
  ['no time step', { ...scene(free({})), physicsDt: 0 }, /physicsDt is 0/],
  ['half a substep', { ...scene(free({})), substeps: 1.5 }, /substeps is 1.5/],
  ['no pass', { ...scene(free({})), iterations: 0 }, /iterations is 0/],
  ['gravity that is no number', { ...scene(free({})), gravity: [0, 0, Number.NaN] }, /gravity: .* NaN/],
];

for (const [title, impossible, says] of bad)
  test(`a scene is refused for ${title}`, () => {
    assert.throws(
      () => buildTables(impossible),
      (error: Error) => error instanceof RangeError && says.test(error.message),
    );
  });

const near = (found: ArrayLike<number>, wanted: readonly number[], within = 1e-12): void => {
  assert.equal(found.length, wanted.length);
  wanted.forEach((x, i) => {
    assert.ok(Math.abs(found[i]! - x) <= within, `[${i}] is ${found[i]}, wanted ${x}`);
  });
};

test('a compound body has the middle of mass and the inertia of its parts', () => {
  // Balls of radius 0.05 and 0.1: volumes 1 to 8, so 1 kg at x = -0.1 and 8 kg at x = 0.2; middle (-0.1 + 1.6) / 9 = 1/6.
  const t = buildTables(
    scene(
      free({
        mass: 9,
        shapes: [
          { type: 'sphere', radius: 0.05, position: [-0.1, 0, 0] },
          { type: 'sphere', radius: 0.1, position: [0.2, 0, 0] },
        ],
      }),
    ),
  );
  near(t.centre, [1 / 6, 0, 0]);
  // Own 2/5 m r^2 each; 1 kg is 4/15 from the middle, 8 kg are 1/30 from it.
  const own = 0.4 * (1 * 0.05 ** 2 + 8 * 0.1 ** 2);
  const across = own + (4 / 15) ** 2 + 8 / 900;
  near(t.inertia, [own, across, across, 0, 0, 0]);
});

test('a turned box has a turned inertia', () => {
  const c = Math.SQRT1_2;
  const half = [0.3, 0.2, 0.1] as const;
  const moment = (a: number, b: number): number => (a * a + b * b) / 3;
  const [xx, yy, zz] = [moment(0.2, 0.1), moment(0.3, 0.1), moment(0.3, 0.2)];
  // A quarter turn about z swaps x and y; an eighth mixes them: (xx - yy) / 2 off the diagonal.
  near(buildTables(scene(free({ shapes: [{ type: 'box', half, rotation: [0, 0, c, c] }] }))).inertia, [
    yy,
    xx,
    zz,
    0,
    0,
    0,
  ]);
  const eighth = [0, 0, Math.sin(Math.PI / 8), Math.cos(Math.PI / 8)] as const;
  near(buildTables(scene(free({ shapes: [{ type: 'box', half, rotation: eighth }] }))).inertia, [
    (xx + yy) / 2,
    (xx + yy) / 2,
    zz,
    (xx - yy) / 2,
    0,
    0,
  ]);
});

test('the inertia of a capsule is that of its slices', () => {
  const radius = 0.07;
  const length = 0.2;
  const { inertia } = buildTables(scene(free({ mass: 3, shapes: [{ type: 'capsule', radius, length }] })));
  // Discs of height dz: 1/2 r^2 along, 1/4 r^2 + z^2 across.
  let mass = 0;
  let along = 0;
  let across = 0;
  const slices = 20_000;
  const top = length / 2 + radius;
  for (let i = 0; i < slices; i++) {
    const z = -top + (2 * top * (i + 0.5)) / slices;
    const beyond = Math.max(0, Math.abs(z) - length / 2);
    const r2 = radius ** 2 - beyond ** 2;
    mass += r2;
    along += r2 * (r2 / 2);
    across += r2 * (r2 / 4 + z * z);
  }
  // The sum over slices errs by their height squared.
  near(inertia, [(3 * across) / mass, (3 * across) / mass, (3 * along) / mass, 0, 0, 0], 1e-9);
});

test('shapes meet where masks allow it, not within a body, not with a parent, and static ones never', () => {
  const box = (group: number, mask: number): ShapeDef => ({ type: 'box', half: [1, 1, 1], group, mask });
  const count = (...bodies: BodyDef[]): number => buildTables(scene(...bodies)).pairs;
  const at = (name: string, ...shapes: ShapeDef[]): BodyDef => free({ name, shapes });
  assert.equal(count(at('a', box(1, 2)), at('b', box(2, 1))), 1);
  // Both have to want it.
  assert.equal(count(at('a', box(1, 2)), at('b', box(2, 4))), 0);
  assert.equal(count(at('a', box(1, 1)), at('b', box(2, 2))), 0);
  assert.equal(count(at('a', ball, ball)), 0);
  assert.equal(count({ name: 'floor', shapes: [{ type: 'plane' }] }, { name: 'wall', shapes: [ball] }), 0);
  assert.equal(count({ name: 'floor', shapes: [{ type: 'plane' }] }, at('a', ball), at('b', ball)), 3);
  const child: BodyDef = { ...hinged({}), name: 'child', parent: 'thing' };
  const grandchild: BodyDef = { ...hinged({ name: 'wrist' }), name: 'grandchild', parent: 'child' };
  assert.equal(count(free({}), child, grandchild), 0);
  const { pairA, pairB } = buildTables({ ...scene(free({}), child, grandchild), selfCollision: true });
  assert.deepEqual([...pairA, ...pairB], [0, 2]);
});

test('of two coefficients of friction the geometric mean counts, of two restitutions the larger', () => {
  const t = buildTables(
    scene(
      { name: 'floor', shapes: [{ type: 'plane', friction: 0.2, restitution: 0.1 }] },
      free({ shapes: [{ ...ball, friction: 0.8, restitution: 0.6 }] }),
    ),
  );
  assert.deepEqual([...t.pairFriction], [Math.sqrt(0.2 * 0.8)]);
  assert.deepEqual([...t.pairRestitution], [0.6]);
});

test('the row names everything in it, one after the other', () => {
  const t = buildTables({
    ...scene(
      { name: 'floor', shapes: [{ type: 'plane' }] },
      { name: 'stand', joints: [{ type: 'placed' }], shapes: [ball] },
      hinged({ motor: { type: 'velocity' } }),
      free({ name: 'ball' }),
    ),
    variable: true,
  });
  const layout = rowLayout(t, [['goal', 3, 'm']]);
  assert.deepEqual(
    layout.map(({ name, size }) => [name, size]),
    [
      ['step', 1],
      ['elbow', 1],
      ['ball.pos', 3],
      ['ball.quat', 4],
      ['stand.pos', 3],
      ['stand.quat', 4],
      ['elbow.rate', 1],
      ['ball.vel', 3],
      ['ball.spin', 3],
      ['elbow.target', 1],
      ['frictionScale', 1],
      ['massScale', 1],
      ['goal', 3],
      ['impulses', 12 * t.pairs],
    ],
  );
  let offset = 0;
  for (const field of layout) {
    assert.equal(field.offset, offset, field.name);
    offset += field.size;
  }
});
