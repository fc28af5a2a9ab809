/** Camera pictures against a caster that knows nothing of the renderer, worked examples, and themselves. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { createBatch } from '../../sim/batch.ts';
import { createCamera, viewsOf } from '../../sim/camera.ts';
import { createRandom, type Random } from '../../sim/engine/random.ts';
import type { Body, CameraView, TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

type Pose = readonly [x: number, y: number, z: number, qx: number, qy: number, qz: number, qw: number];

interface Placed {
  readonly body: Body;
  readonly pose: Pose;
}

const upright = [0, 0, 0, 1] as const;
const push = tasks.push.create(defaultsOf(tasks.push.fields));

/** A model that only stands there: row = step counter, then a shift along y of everything that is no furniture. */
function still(
  placed: readonly Placed[],
  cameras: readonly CameraView[],
  more: Partial<TaskModel> = {},
): TaskModel {
  return {
    ...push,
    id: 'still',
    stateDim: 2,
    horizon: 1,
    bodies: placed.map(({ body }) => body),
    cameras,
    reset: (_seed, state, o) => state.fill(0, o, o + 2),
    advance: () => undefined,
    success: () => false,
    terminal: () => false,
    expert: (_state, _o, out, at) => out.fill(0, at, at + 3),
    poses(state, o, out, at) {
      placed.forEach(({ pose, body }, i) => {
        out.set(pose, at + i * 7);
        const stays = body.role === 'table' || body.role === 'floor' || body.role === 'wall';
        if (!stays) out[at + i * 7 + 1]! += state[o + 1]!;
      });
    },
    ...more,
  };
}

function randomRotation(random: Random): [number, number, number, number] {
  for (;;) {
    const q = [0, 0, 0, 0].map(() => random.uniform(-1, 1)) as [number, number, number, number];
    // Not Math.hypot: what goes into stored pictures is the same to the bit everywhere.
    const length = Math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    if (length > 0.3 && length < 1) return q.map((x) => x / length) as [number, number, number, number];
  }
}

/** Every shape, turned any way, over a floor and a table, some touching. */
function jumble(seed: number): Placed[] {
  const random = createRandom(seed);
  const roles = ['object', 'link', 'agent', 'fixture', 'distractor', 'wall'] as const;
  const shapes = Array.from({ length: 12 }, (_, i): Body['shape'] => {
    const size = random.uniform(0.05, 0.25);
    if (i % 4 === 0)
      return { type: 'box', size: [size, random.uniform(0.05, 0.4), random.uniform(0.05, 0.3)] };
    if (i % 4 === 1) return { type: 'sphere', radius: size };
    if (i % 4 === 2) return { type: 'capsule', radius: size / 2, length: random.uniform(0.1, 0.5) };
    return { type: 'cylinder', radius: size / 2, length: random.uniform(0.02, 0.5) };
  });
  return [
    {
      body: { name: 'floor', shape: { type: 'box', size: [6, 6, 0.02] }, role: 'floor' },
      pose: [0, 0, -0.51, ...upright],
    },
    {
      body: { name: 'table', shape: { type: 'box', size: [1.4, 1.4, 0.04] }, role: 'table' },
      pose: [0, 0, -0.02, ...upright],
    },
    ...shapes.map(
      (shape, i): Placed => ({
        body: { name: `body${i}`, shape, role: roles[i % roles.length]! },
        pose: [
          Math.fround(random.uniform(-0.6, 0.6)),
          Math.fround(random.uniform(-0.6, 0.6)),
          Math.fround(random.uniform(0, 0.5)),
          ...randomRotation(random),
        ],
      }),
    ),
    {
      body: { name: 'goal', shape: { type: 'sphere', radius: 0.2 }, role: 'goal' },
      pose: [0.2, 0.1, 0.2, ...upright],
    },
  ];
}

const corner: CameraView = {
  name: 'corner',
  position: [1.3, -1.5, 1.1],
  target: [0, 0, 0.1],
  fieldOfView: 0.8,
};
const inside: CameraView = {
  name: 'inside',
  position: [0.1, 0.2, 0.3],
  target: [-0.5, -0.6, 0.2],
  fieldOfView: 1.4,
};
const riding: CameraView = {
  name: 'riding',
  body: 'body4',
  position: [0.4, 0, 0.1],
  target: [-0.2, 0.1, 0],
  fieldOfView: 1.2,
};
const jumbleViews = [corner, inside, riding];

/** Distance from a point to the surface of a body at the origin of its own frame, negative inside. */
function distanceTo(shape: Body['shape'], x: number, y: number, z: number): number {
  switch (shape.type) {
    case 'box': {
      const [hx, hy, hz] = shape.size;
      const q = [Math.abs(x) - hx / 2, Math.abs(y) - hy / 2, Math.abs(z) - hz / 2] as const;
      const outside = Math.hypot(Math.max(q[0], 0), Math.max(q[1], 0), Math.max(q[2], 0));
      return outside + Math.min(0, Math.max(...q));
    }
    case 'sphere':
      return Math.hypot(x, y, z) - shape.radius;
    case 'capsule': {
      const half = shape.length / 2;
      return Math.hypot(x, y, z - Math.max(-half, Math.min(half, z))) - shape.radius;
    }
    case 'cylinder': {
      const rim = Math.hypot(x, y) - shape.radius;
      const cap = Math.abs(z) - shape.length / 2;
      return Math.hypot(Math.max(rim, 0), Math.max(cap, 0)) + Math.min(0, Math.max(rim, cap));
    }
  }
}

type Vector = [number, number, number];

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a: Vector, b: Vector): Vector => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const unit = (a: Vector): Vector => a.map((x) => x / Math.hypot(...a)) as Vector;

/** Turns a vector by a quaternion, or back. */
function turn(poses: Float32Array, at: number, v: Vector, back = false): Vector {
  const [x, y, z, w] = [poses[at + 3]!, poses[at + 4]!, poses[at + 5]!, poses[at + 6]! * (back ? -1 : 1)];
  const n = x * x + y * y + z * z + w * w;
  const q: Vector = [x, y, z];
  const t = cross(q, v).map((c, i) => c + w * v[i]!) as Vector;
  return cross(q, t).map((c, i) => v[i]! + (2 * c) / n) as Vector;
}

/**
 * What one pixel must show, by walking along its ray in the world's frame as far as the nearest surface allows. Depth
 * Infinity where nothing is; `doubt` where a surface is only grazed, so that rounding decides.
 */
function walk(
  bodies: readonly Body[],
  poses: Float32Array,
  isSeen: readonly boolean[],
  eye: Vector,
  ray: Vector,
): { id: number; distance: number; doubt: boolean } {
  let along = 0.005;
  let closest = 1;
  for (let step = 0; step < 4000; step++) {
    let least = Number.POSITIVE_INFINITY;
    let second = Number.POSITIVE_INFINITY;
    let id = 0;
    for (const [i, body] of bodies.entries()) {
      if (!isSeen[i]) continue;
      const from = minus([0, 1, 2].map((k) => eye[k]! + along * ray[k]!) as Vector, [
        poses[i * 7]!,
        poses[i * 7 + 1]!,
        poses[i * 7 + 2]!,
      ]);
      const d = distanceTo(body.shape, ...turn(poses, i * 7, from, true));
      if (d < least) {
        second = least;
        least = d;
        id = i + 1;
      } else if (d < second) second = d;
    }
    if (least < 1e-9) return { id, distance: along, doubt: second < 1e-6 };
    closest = Math.min(closest, least);
    along += least;
    if (along > 60) return { id: 0, distance: Number.POSITIVE_INFINITY, doubt: closest < 1e-6 };
  }
  return { id: 0, distance: along, doubt: true };
}

/** Compares a picture with the walk, pixel by pixel; returns how many pixels could be decided. */
function compare(model: TaskModel, state: Float64Array, viewName: string, size: number): number {
  const camera = createCamera(model, { views: [viewName], settings: { width: size, height: size } });
  const { depth, ids } = camera.pictures(1);
  camera.render(state, 0, 1, { depth, ids });
  const poses = new Float32Array(model.bodies.length * 7);
  model.poses(state, 0, poses, 0);
  const view = viewsOf(model).find(({ name }) => name === viewName)!;
  const carrier = model.bodies.findIndex(({ name }) => name === view.body);
  let eye = [...view.position] as Vector;
  let forward = unit(minus([...view.target] as Vector, eye));
  if (carrier >= 0) {
    const at: Vector = [poses[carrier * 7]!, poses[carrier * 7 + 1]!, poses[carrier * 7 + 2]!];
    if (view.turns !== false) {
      eye = turn(poses, carrier * 7, eye);
      forward = turn(poses, carrier * 7, forward);
    }
    eye = eye.map((x, k) => x + at[k]!) as Vector;
  }
  const isDown = Math.hypot(forward[0], forward[1]) < 1e-6;
  const right = isDown ? ([1, 0, 0] as Vector) : unit(cross(forward, [0, 0, 1]));
  const up = cross(right, forward);
  const tangent = Math.tan(view.fieldOfView / 2);
  // Who stands in a body does not see it.
  const isSeen = model.bodies.map(({ shape, role }, i) => {
    if (role === 'goal' || role === 'marker') return false;
    const from = minus(eye, [poses[i * 7]!, poses[i * 7 + 1]!, poses[i * 7 + 2]!]);
    return distanceTo(shape, ...turn(poses, i * 7, from, true)) > 0;
  });
  let decided = 0;
  for (let i = 0; i < size * size; i++) {
    const u = (((i % size) + 0.5) / (size / 2) - 1) * tangent;
    const v = (1 - (Math.floor(i / size) + 0.5) / (size / 2)) * tangent;
    const ray = unit(forward.map((f, k) => f + u * right[k]! + v * up[k]!) as Vector);
    const truth = walk(model.bodies, poses, isSeen, eye, ray);
    if (truth.doubt) continue;
    decided++;
    const where = `${model.id} ${viewName} pixel ${i % size}, ${Math.floor(i / size)}`;
    assert.equal(ids[i], truth.id, where);
    const metres = truth.id === 0 ? 0 : truth.distance * dot(ray, forward);
    assert.ok(Math.abs(depth[i]! - metres) < 2e-5 * (1 + metres), `${where}: ${depth[i]} is not ${metres}`);
  }
  return decided;
}

test('ids and depth are those of the nearest body for every pixel, by a caster that only walks', () => {
  const size = 32;
  let decided = 0;
  let pixels = 0;
  for (let seed = 0; seed < 2; seed++) {
    const model = still(jumble(seed), jumbleViews);
    for (const view of [...jumbleViews.map(({ name }) => name), 'top', 'wrist']) {
      decided += compare(model, new Float64Array(2), view, size);
      pixels += size * size;
    }
  }
  assert.ok(decided > 0.995 * pixels, `${decided} of ${pixels} pixels decided`);
});

test('ids and depth of tasks are those of the nearest body, also from a moving hand', () => {
  for (const id of ['push', 'cartpole', 'mountain-car'] as const) {
    const model: TaskModel = tasks[id].create(defaultsOf(tasks[id].fields));
    const batch = createBatch(model, 1);
    const action = new Float64Array(model.actionSpace.dim);
    for (let step = 0; step < 20; step++) {
      model.expert(batch.states, 0, action, 0);
      batch.step(action);
    }
    for (const { name } of viewsOf(model)) {
      assert.ok(compare(model, batch.states, name, 32) > 0.98 * 32 * 32, `${id} ${name}`);
    }
  }
});

/** One body before a camera at (2, 0, 0) that looks at the origin; 33 pixels a side, so that one lies on the axis. */
function before(shape: Body['shape'], pose: Pose = [0, 0, 0, ...upright], role: Body['role'] = 'object') {
  const view: CameraView = { name: 'it', position: [2, 0, 0], target: [0, 0, 0], fieldOfView: 0.6 };
  const model = still([{ body: { name: 'it', shape, role }, pose }], [view]);
  const camera = createCamera(model, { views: ['it'], settings: { width: 33, height: 33 } });
  const pictures = camera.pictures(1);
  camera.render(new Float64Array(2), 0, 1, pictures);
  return pictures;
}

const middle = 16 * 33 + 16;

test('depth of worked scenes: near faces, caps and sides at their distance along the axis, 0 beside them', () => {
  assert.equal(before({ type: 'sphere', radius: 0.5 }).depth[middle], 1.5);
  const box = before({ type: 'box', size: [0.4, 1, 1] });
  assert.equal(box.depth[middle], Math.fround(1.8));
  // Depth is along the axis: a face square to it is equally deep everywhere, though its corners are farther away.
  // |y| = 0.5 at depth 1.8 is pixel 0.5 / 1.8 / tan(0.3) * 16.5 = 14.8 from the middle.
  for (let column = 16 - 14; column <= 16 + 14; column++) {
    assert.ok(Math.abs(box.depth[16 * 33 + column]! - 1.8) < 1e-6, `column ${column}`);
  }
  assert.equal(box.depth[16 * 33 + 1], 0);
  assert.equal(box.ids[16 * 33 + 1], 0);
  assert.equal(before({ type: 'cylinder', radius: 0.25, length: 1 }).depth[middle], 1.75);
  assert.equal(before({ type: 'capsule', radius: 0.25, length: 1 }).depth[middle], 1.75);
  // A quarter turn about y lays the axis along x, towards the camera.
  const lying: Pose = [0, 0, 0, 0, Math.SQRT1_2, 0, Math.SQRT1_2];
  assert.ok(
    Math.abs(before({ type: 'cylinder', radius: 0.25, length: 1 }, lying).depth[middle]! - 1.5) < 1e-6,
  );
  assert.ok(
    Math.abs(before({ type: 'capsule', radius: 0.25, length: 1 }, lying).depth[middle]! - 1.25) < 1e-6,
  );
  // Round the camera, or behind it, nothing is seen.
  assert.ok(before({ type: 'sphere', radius: 3 }).ids.every((id) => id === 0));
  assert.ok(before({ type: 'sphere', radius: 0.5 }, [4, 0, 0, ...upright]).ids.every((id) => id === 0));
});

const variety = {
  looks: 3,
  lighting: 0.8,
  colours: 0.5,
  background: 0.7,
  texture: 'mixed',
  textured: 'everything',
  occluder: 0.05,
} as const;

const sha = (...arrays: readonly (Uint8Array | Float32Array | Uint16Array)[]): string => {
  const hash = createHash('sha256');
  for (const array of arrays) {
    // Little-endian whatever the machine.
    const bytes = new DataView(new ArrayBuffer(array.length * 4));
    array.forEach((value: number, i: number) => {
      if (array instanceof Float32Array) bytes.setFloat32(i * 4, value, true);
      else bytes.setUint32(i * 4, value, true);
    });
    hash.update(new Uint8Array(bytes.buffer));
  }
  return hash.digest('hex').slice(0, 16);
};

test('pictures are the stored ones to the bit', () => {
  const seen = [
    {},
    variety,
    { width: 97, height: 41, ghosts: 'solid', texture: 'noise', shadows: false },
  ].map((settings) => {
    const model = still(jumble(5), jumbleViews);
    const camera = createCamera(model, { views: jumbleViews.map(({ name }) => name), settings, seed: 9 });
    const pictures = camera.pictures(1);
    camera.render(new Float64Array(2), 0, 1, pictures);
    return [sha(pictures.rgb), sha(pictures.depth), sha(pictures.ids)];
  });
  assert.deepEqual(seen, [
    ['783648b444779c33', 'bdb5a4bb6944d8fb', '1e5f02431329dec0'],
    ['4064de092af7b0fd', '97071f3829a36814', 'e647979af4b39707'],
    ['2066ad50bac1c98c', '4ef7747e6bcd2a16', '60cfaa5fb00a5eda'],
  ]);
});

test('furniture that is kept from picture to picture changes no pixel, whatever moves or changes colour', () => {
  const model = still(jumble(7), jumbleViews, {
    // The table's colour comes and goes with the state.
    colours(state, o, out, at) {
      out.fill(Number.NaN, at, at + model.bodies.length * 3);
      if (state[o + 1]! > 0.1) out.set([0.1, 0.9, state[o + 1]!], at + 3);
    },
  });
  const kept = createCamera(model, { settings: variety, seed: 2 });
  const anew = createCamera(model, { settings: variety, seed: 2, cache: false });
  const a = kept.pictures(1);
  const b = anew.pictures(1);
  for (const [i, shift] of [0, 0.05, 0.2, 0.2, 0.3, 0, 0.02].entries()) {
    const state = Float64Array.of(0, shift);
    kept.render(state, 0, 1, a, [i % 3]);
    anew.render(state, 0, 1, b, [i % 3]);
    assert.deepEqual(a, b, `shift ${shift}`);
  }
});

test('a picture depends on its world and look alone, not on the batch, its place in it, or earlier pictures', () => {
  const batch = createBatch(push, 5);
  const camera = createCamera(push, { settings: variety });
  const all = camera.pictures(5);
  const looks = [0, 1, 2, 1, 0];
  camera.render(batch.states, 0, 5, all, looks);
  const size = all.rgb.length / 5;
  for (const [world, look] of looks.entries()) {
    const fresh = createCamera(push, { settings: variety, cache: world % 2 === 0 });
    const one = fresh.pictures(1);
    fresh.render(batch.states, world, 1, one, [look]);
    assert.deepEqual(one.rgb, all.rgb.subarray(world * size, (world + 1) * size), `world ${world}`);
    assert.deepEqual(one.depth, all.depth.subarray((world * size) / 3, ((world + 1) * size) / 3));
  }
  // A single kind can be had alone, views in any order.
  const side = createCamera(push, { views: ['side'], settings: variety });
  const { rgb } = side.pictures(1);
  side.render(batch.states, 0, 1, { rgb });
  const at = camera.views.indexOf('side') * 64 * 64 * 3;
  assert.deepEqual(rgb, all.rgb.subarray(at, at + rgb.length));
});

test('looks change colours only; each variation leaves the draws of the others alone', () => {
  const model = still(jumble(3), [corner]);
  const draw = (settings: object, seed = 0, look = 0) => {
    const camera = createCamera(model, { views: ['corner'], settings: { looks: 4, ...settings }, seed });
    const pictures = camera.pictures(1);
    camera.render(new Float64Array(2), 0, 1, pictures, [look]);
    return pictures;
  };
  const base = draw({});
  assert.deepEqual(draw({}, 1, 2).rgb, base.rgb);
  const changes = [
    { lighting: 1 },
    { colours: 1 },
    { background: 1 },
    { texture: 'checker', textured: 'everything' },
    { texture: 'noise' },
  ];
  for (const change of changes) {
    const one = draw(change, 4, 1);
    assert.notDeepEqual(one.rgb, base.rgb, JSON.stringify(change));
    assert.deepEqual([one.ids, one.depth], [base.ids, base.depth]);
    assert.notDeepEqual(draw(change, 5, 1).rgb, one.rgb, 'another seed');
    assert.notDeepEqual(draw(change, 4, 2).rgb, one.rgb, 'another look');
    assert.deepEqual(draw(change, 4, 1).rgb, one.rgb, 'the same again');
  }
  // Where nothing is, the background is seen, with and without another light.
  const empty = base.ids.indexOf(0);
  const backgroundOf = (settings: object) => [...draw(settings, 4, 1).rgb.subarray(empty * 3, empty * 3 + 3)];
  assert.deepEqual(backgroundOf({ background: 1, lighting: 1, colours: 1 }), backgroundOf({ background: 1 }));
});

test('the occluder hides its share of the picture and is told by its id', () => {
  const model = still(jumble(3), [corner]);
  for (const share of [0.02, 0.1, 0.5]) {
    for (let look = 0; look < 5; look++) {
      const camera = createCamera(model, {
        views: ['corner'],
        settings: { occluder: share, looks: 5, width: 128, height: 128 },
      });
      const { ids, depth } = camera.pictures(1);
      camera.render(new Float64Array(2), 0, 1, { ids, depth }, [look]);
      const hidden = ids.reduce((sum, id) => sum + (id === model.bodies.length + 1 ? 1 : 0), 0);
      // Half a pixel at each edge.
      const slack = (4 * Math.sqrt(share) * 128 * 0.5 + 1) / 128 ** 2;
      assert.ok(Math.abs(hidden / 128 ** 2 - share) <= slack, `${hidden} pixels of ${share}`);
      assert.ok(depth.some((metres) => Math.abs(metres - 0.05) < 1e-6));
    }
  }
});

test('goals tint what is behind them and leave depth and ids alone, unless they are to be solid or hidden', () => {
  const model = still(jumble(3), [corner]);
  const goal = model.bodies.length;
  const draw = (ghosts: string) => {
    const camera = createCamera(model, { views: ['corner'], settings: { ghosts } });
    const pictures = camera.pictures(1);
    camera.render(new Float64Array(2), 0, 1, pictures);
    return pictures;
  };
  const [tint, solid, hidden] = [draw('tint'), draw('solid'), draw('hidden')];
  assert.deepEqual([tint.ids, tint.depth], [hidden.ids, hidden.depth]);
  assert.ok(solid.ids.includes(goal) && !tint.ids.includes(goal));
  const changed = [...solid.ids.keys()].filter((i) =>
    [0, 1, 2].some((k) => tint.rgb[i * 3 + k] !== hidden.rgb[i * 3 + k]),
  );
  assert.ok(changed.length > 20);
  // Exactly where the solid one is seen.
  assert.ok(changed.every((i) => solid.ids[i] === goal));
});

test('a shadow falls on the table where the way to the light is blocked, and goes with its body', () => {
  const table: Placed = {
    body: { name: 'table', shape: { type: 'box', size: [3, 3, 0.1] }, role: 'table' },
    pose: [0, 0, -0.05, ...upright],
  };
  const ball: Placed = {
    body: { name: 'ball', shape: { type: 'sphere', radius: 0.1 }, role: 'object' },
    pose: [0, 0, 0.5, ...upright],
  };
  const above: CameraView = { name: 'above', position: [0, 0, 2.4], target: [0, 0, 0], fieldOfView: 0.9 };
  const draw = (shift: number, settings: object = {}) => {
    const camera = createCamera(still([table, ball], [above]), {
      views: ['above'],
      settings: { width: 96, height: 96, ...settings },
    });
    const { rgb, ids } = camera.pictures(1);
    camera.render(Float64Array.of(0, shift), 0, 1, { rgb, ids });
    return { rgb, ids };
  };
  const lit = draw(0, { shadows: false });
  const shaded = draw(0);
  const dark = [...lit.ids.keys()].filter((i) => shaded.rgb[i * 3]! < lit.rgb[i * 3]!);
  assert.ok(dark.every((i) => lit.ids[i] === 1));
  // The light comes from (0.42, -0.5, 0.76): the shadow's middle lies 0.5 / 0.76 of that beside the ball's foot.
  const perMetre = 48 / (2.4 * Math.tan(0.45));
  const mean = (axis: (i: number) => number): number =>
    dark.reduce((sum, i) => sum + axis(i), 0) / dark.length;
  const x = (mean((i) => i % 96) + 0.5 - 48) / perMetre;
  const y = (48 - mean((i) => Math.floor(i / 96)) - 0.5) / perMetre;
  assert.ok(Math.abs(x + (0.42 * 0.5) / 0.76) < 0.02, `x ${x}`);
  assert.ok(Math.abs(y - (0.5 * 0.5) / 0.76) < 0.02, `y ${y}`);
  // An ellipse of semi-axes r and r / sin(elevation).
  const elevation = 0.76 / Math.hypot(0.42, 0.5, 0.76);
  const area = dark.length / perMetre ** 2;
  assert.ok(Math.abs(area / ((Math.PI * 0.01) / elevation) - 1) < 0.1, `area ${area}`);
  assert.notDeepEqual(draw(0.3).rgb, shaded.rgb);
});

test('what cannot be drawn is refused by name and draws nothing', () => {
  const batch = createBatch(push, 2);
  const refused = (options: object, wanted: RegExp) =>
    assert.throws(() => createCamera(push, options), wanted);
  refused({ views: ['left'] }, /^RangeError: camera: unknown view "left"; push has front, side, top, wrist$/);
  refused({ views: [] }, /found no views/);
  refused({ settings: { width: 31 } }, /width is 31, wanted a whole number from 32 to 128 px/);
  refused({ settings: { height: 129 } }, /height is 129, wanted a whole number from 32 to 128 px/);
  refused({ settings: { width: 64.5 } }, /width is 64.5/);
  refused({ settings: { width: Number.NaN } }, /width is null|width is NaN/);
  refused({ settings: { texture: 'wood' } }, /texture is "wood", wanted one of none, checker, noise, mixed/);
  refused({ settings: { shadows: 1 } }, /shadows is 1, wanted true or false/);
  refused({ settings: { size: 64 } }, /unknown setting size; known: width, height/);
  const lost: CameraView = { ...corner, body: 'nobody' };
  assert.throws(
    () => createCamera({ ...push, cameras: [lost] }),
    /carried by "nobody", push has no such body/,
  );

  const camera = createCamera(push, { views: ['front'], settings: { looks: 2 } });
  const { rgb, depth, ids } = camera.pictures(2);
  const wrong = (work: () => void, wanted: RegExp) => {
    rgb.fill(7);
    assert.throws(work, wanted);
    assert.ok(rgb.every((value) => value === 7));
  };
  wrong(
    () => camera.render(batch.states, 0, 1, { rgb }),
    /^RangeError: camera: rgb has 24576 numbers, wanted 12288 \(1 worlds x 1 views x 64 x 64 x 3\)$/,
  );
  wrong(() => camera.render(batch.states, 0, 2, { rgb, depth: depth.subarray(1) }), /depth has 8191 numbers/);
  wrong(() => camera.render(batch.states, 0, 2, { rgb, ids: ids.subarray(1) }), /ids has 8191 numbers/);
  wrong(() => camera.render(batch.states, 1, 2, { rgb }), /found 2 worlds from 1 on, wanted some of the 2/);
  wrong(() => camera.render(batch.states, -1, 2, { rgb }), /2 worlds from -1 on/);
  wrong(() => camera.render(batch.states.subarray(1), 0, 2, { rgb }), /wanted a multiple of \d+ \(push\)/);
  wrong(() => camera.render(batch.states, 0, 2, { rgb }, [0]), /looks has 1 numbers, wanted 2/);
  wrong(
    () => camera.render(batch.states, 0, 2, { rgb }, [0, 2]),
    /look of world 1 is 2, wanted a whole number from 0 to 1/,
  );
});

for (const task of Object.values(tasks)) {
  test(`${task.id}: front, side and top show what moves, at the start and later`, () => {
    const model: TaskModel = task.create(defaultsOf(task.fields));
    const views = ['front', 'side', 'top'];
    const camera = createCamera(model, { views });
    const batch = createBatch(model, 2);
    const { ids } = camera.pictures(1);
    const isStill = model.bodies.map(({ role }) => role === 'floor' || role === 'table' || role === 'wall');
    const action = new Float64Array(model.actionSpace.dim * 2);
    for (let step = 0; step <= 40; step++) {
      if (step % 20 === 0) {
        camera.render(batch.states, step === 0 ? 1 : 0, 1, { ids });
        const seen = views.map((_, v) => {
          const picture = ids.subarray(v * 4096, (v + 1) * 4096);
          return picture.filter((id) => id > 0 && !isStill[id - 1]).length;
        });
        const what = `pixels of what moves at step ${step}, by view: ${seen}`;
        assert.ok(Math.min(...seen) >= 1, what);
      }
      for (let w = 0; w < 2; w++) {
        model.expert(batch.states, w * model.stateDim, action, w * model.actionSpace.dim);
      }
      batch.step(action);
    }
    assert.deepEqual(
      ['front', 'side', 'top', 'wrist'].filter((name) => !viewsOf(model).some((view) => view.name === name)),
      [],
    );
  });
}
