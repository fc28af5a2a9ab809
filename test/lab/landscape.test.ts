import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeHandle } from '../../lab/api/probe.ts';
import {
  findHandles,
  gradientOf,
  Neighbours,
  rangeOf,
  stateProblem,
  turnVector,
} from '../../lab/landscape.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

function startOf(id: keyof typeof tasks): { model: TaskModel; state: Float64Array } {
  const model = tasks[id].create(defaultsOf(tasks[id].fields));
  const state = new Float64Array(model.stateDim);
  model.reset(5, state, 0);
  return { model, state };
}

/** `hand xyz`, `block xyz quaternion`, in the order of the list. */
const words = (handles: readonly ProbeHandle[]): string[] =>
  handles.map(({ title, moves, slide, turn, places }) =>
    [
      title,
      moves.map(({ axis }) => axis).join(''),
      slide ? 'slide' : '',
      turn?.kind ?? '',
      places ? `${places.list.length} places` : '',
    ]
      .filter((word) => word !== '')
      .join(' '),
  );

const posesOf = (model: TaskModel, state: Float64Array): Float32Array => {
  const poses = new Float32Array(model.bodies.length * 7);
  model.poses(state, 0, poses, 0);
  return poses;
};

for (const [id, wanted] of [
  ['reach', ['hand xyz', 'goal xyz']],
  ['push', ['hand xyz', 'block xyz quaternion', 'goal xyz']],
  ['pick-place', ['hand xyz', 'leftFinger xyz', 'block xyz quaternion', 'goal xyz']],
  ['cartpole', ['cart: x slide', 'pole: theta angle']],
  ['pendulum', ['rod: theta angle']],
  ['grid-world', ['box 14 places', 'keyShaft 3 places', 'agent 15 places']],
  ['grid-cliff', ['walker 38 places']],
  ['grid-chain', ['walker 22 places']],
] as const)
  test(`${id} is taken hold of at: ${wanted.join(', ') || 'nothing'}`, () => {
    const { model, state } = startOf(id);
    assert.deepEqual(words(findHandles(model, state)), [...wanted]);
  });

test('cheetah is moved by its trunk, and each link by its own angle', () => {
  const { model, state } = startOf('cheetah');
  const [trunk, ...links] = findHandles(model, state);
  assert.deepEqual(words([trunk!]), ['torso xz']);
  assert.deepEqual(
    links.map(({ turn }) => turn?.element).sort((a, b) => a! - b!),
    [14, 15, 16, 17, 18, 19, 20],
  );
});

for (const id of ['push', 'pick-place', 'pendulum', 'cheetah', 'maze', 'drawer', 'rope'] as const)
  test(`what the handles of ${id} promise is what the poses do`, () => {
    const { model, state } = startOf(id);
    const before = posesOf(model, state);
    for (const { body, moves, slide, turn, title } of findHandles(model, state)) {
      for (const { axis, element, sign } of moves) {
        const moved = state.slice();
        moved[element]! += sign * 0.03;
        const after = posesOf(model, moved);
        const shift = [0, 1, 2].map((k) => after[body * 7 + k]! - before[body * 7 + k]!);
        const wanted = ['x', 'y', 'z'].map((name) => (name === axis ? 0.03 : 0));
        for (const k of [0, 1, 2])
          assert.ok(Math.abs(shift[k]! - wanted[k]!) < 1e-3, `${title} ${axis}: ${shift}`);
      }
      if (slide) {
        const moved = state.slice();
        moved[slide.element]! += 0.02;
        const after = posesOf(model, moved);
        for (const k of [0, 1, 2]) {
          const shift = after[body * 7 + k]! - before[body * 7 + k]!;
          assert.ok(Math.abs(shift - 0.02 * slide.way[k]!) < 1e-3, `${title}: ${shift}`);
        }
      }
      if (!turn) continue;
      const angle = 0.2;
      const turned = state.slice();
      if (turn.kind === 'angle') turned[turn.element]! += turn.sign * angle;
      else turnVector(turned, turn.kind, turn.element, turn.sign * angle);
      const after = posesOf(model, turned);
      const from = [0, 1, 2].map((k) => before[body * 7 + k]! - turn.pivot[k]!);
      const to = rotated(from, turn.axis, angle);
      for (const k of [0, 1, 2])
        assert.ok(
          Math.abs(after[body * 7 + k]! - turn.pivot[k]! - to[k]!) < 3e-3,
          `${title} about ${turn.axis}`,
        );
    }
  });

/** Rodrigues. */
function rotated(v: readonly number[], axis: readonly number[], angle: number): number[] {
  const [x, y, z] = [axis[0]!, axis[1]!, axis[2]!];
  const dot = v[0]! * x + v[1]! * y + v[2]! * z;
  const cross = [y * v[2]! - z * v[1]!, z * v[0]! - x * v[2]!, x * v[1]! - y * v[0]!];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [0, 1, 2].map((k) => v[k]! * c + cross[k]! * s + axis[k]! * dot * (1 - c));
}

test('each place on a grid is where the body then stands, in a state that an episode could have', () => {
  for (const id of ['grid-world', 'grid-cliff', 'grid-chain'] as const) {
    const { model, state } = startOf(id);
    for (const { body, places, title } of findHandles(model, state)) {
      const seen = new Set<string>();
      for (const { values, at } of places!.list) {
        const row = state.slice();
        for (const [k, element] of places!.elements.entries()) row[element] = values[k]!;
        assert.equal(stateProblem(model, row), null, `${title} at ${values}`);
        assert.deepEqual([...posesOf(model, row).subarray(body * 7, body * 7 + 3)], at);
        seen.add(String(values));
      }
      assert.equal(seen.size, places!.list.length);
      const now = places!.elements.map((element) => state[element]!);
      assert.ok(seen.has(String(now)), `${title} stands at one of its places`);
    }
  }
});

test('a square that is not there, or that nobody can come to, is refused in words', () => {
  const { model, state } = startOf('grid-world');
  const at = (name: string): number => model.stateLayout.find((field) => field.name === name)!.offset;
  const changed = (name: string, value: number) => {
    const row = state.slice();
    row[at(name)] = value;
    return stateProblem(model, row);
  };
  assert.equal(stateProblem(model, state), null);
  for (const [name, value] of [
    ['agent', 0],
    ['agent', 999],
    ['agent', 9.5],
    ['phase', 3],
  ] as const)
    assert.match(
      changed(name, value)!,
      new RegExp(`${name} ${value}.*: no episode comes to stand like that, wanted whole numbers of squares`),
    );
  const distracted = tasks['grid-world'].create({
    ...defaultsOf(tasks['grid-world'].fields),
    distractors: 1,
  });
  const row = new Float64Array(distracted.stateDim);
  distracted.reset(5, row, 0);
  row[row.length - 1] = 0;
  assert.match(stateProblem(distracted, row)!, /^ball0 is 0, wanted the number of a free square$/);
});

test('a state that no episode can have is named with its number', () => {
  const { model, state } = startOf('push');
  assert.equal(stateProblem(model, state), null);
  const changed = (index: number, value: number) => {
    const row = state.slice();
    row[index] = value;
    return stateProblem(model, row);
  };
  assert.match(changed(4, Number.NaN)!, /^block\.pos\[0\] is NaN, wanted a finite number/);
  assert.match(changed(14, 2e4)!, /^block\.vel\[0\] is 20000, wanted a number below 10000/);
  assert.match(changed(10, 1.5)!, /^block\.quat \(x, y, z, w\) has length 1\.\d+, wanted 1/);
  // Impulses kept for the next step lie behind the guard.
  assert.equal(changed(40, 2e4), null);
});

test('the gradient of a plane is its slope, in units of the axes, and nothing is made of a hole', () => {
  // value = 3 x - 2 y at x = 0, 0.5, 1 and y = 0, 2
  const values = Float32Array.of(0, 1.5, 3, -4, -2.5, -1);
  const grid = { width: 3, height: 2, depth: 1, spacing: [0.5, 2] };
  const gradient = gradientOf(values, grid);
  for (let i = 0; i < 6; i++) assert.deepEqual([gradient[2 * i], gradient[2 * i + 1]], [3, -2]);
  values[1] = Number.NaN;
  assert.deepEqual([...gradientOf(values, grid).subarray(0, 2)], [0, -2]);
  assert.deepEqual(rangeOf(values), { low: -4, high: 3 });
  assert.equal(rangeOf([Number.NaN]), null);
});

test('distance is in deviations, and its quantile counts frames of other episodes', () => {
  // Two episodes of two frames, one number each: 0 and 1, 3 and 7. Scale 2, mean 1.
  const near = new Neighbours(Float64Array.of(0, 1, 3, 7), [1, 1, 2, 2], {
    mean: Float64Array.of(1),
    scale: Float64Array.of(2),
  });
  // To the nearest frame of the other episode: 3, 2, 2 and 6, halved: 1, 1, 1.5, 3.
  assert.equal(near.distance(Float64Array.of(5), 0), 1);
  assert.equal(near.distance(Float64Array.of(1), 0), 0);
  assert.equal(near.quantile(0.5), 0);
  assert.equal(near.quantile(1.2), 0.5);
  assert.equal(near.quantile(2), 0.75);
  assert.equal(near.quantile(4), 1);
  // The others of a lone episode are all there is.
  const lone = new Neighbours(Float64Array.of(0, 4), [1, 1], {
    mean: Float64Array.of(0),
    scale: Float64Array.of(1),
  });
  assert.equal(lone.quantile(5), 1);
});
