import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeHandle } from '../../lab/api.ts';
import { isolines, isosurface } from '../../renderer/stage/isolines.ts';
import {
  cycled,
  fieldPlace,
  groupsOf,
  laid,
  lastChoice,
  levelsOf,
  moved,
  stepped,
  tidy,
  turned,
  typed,
} from '../../renderer/state/edits.ts';

const layout = [
  { name: 'step', offset: 0, size: 1, unit: 'steps' },
  { name: 'block.pos', offset: 1, size: 3, unit: 'm' },
  { name: 'block.quat', offset: 4, size: 4, unit: 'x, y, z, w' },
  { name: 'impulses', offset: 8, size: 2, unit: 'N s' },
];
const state = [0, 0.1, 0.2, 0.3, 0, 0, 0, 1, 0, 0];

const block: ProbeHandle = {
  id: 'move/0',
  title: 'block',
  body: 0,
  bodies: [0],
  moves: [
    { axis: 'x', element: 1, sign: 1 },
    { axis: 'y', element: 2, sign: -1 },
  ],
  slide: null,
  turn: { kind: 'quaternion', element: 4, axis: [0, 0, 1], pivot: [0, 0, 0], sign: 1 },
  places: null,
};

const near = (found: readonly number[], wanted: readonly number[]): void => {
  assert.equal(found.length, wanted.length);
  found.forEach((value, k) => {
    assert.ok(Math.abs(value - wanted[k]!) < 1e-9, `${found} is not ${wanted}`);
  });
};

test('a body goes where it is dragged, along the axes that it has', () => {
  near(moved(state, block, [0.05, 0.05, 0.05]), [0, 0.15, 0.15, 0.3, 0, 0, 0, 1, 0, 0]);
  // A drawer that slides along the diagonal at half a metre for one unit takes what of the drag lies along it.
  const drawer = { ...block, moves: [], slide: { element: 3, way: [0.3, 0.4, 0] } };
  near([moved(state, drawer, [0.3, 0.4, 9])[3]!], [1.3]);
});

test('a quarter turn is a quarter turn of the quaternion, and its length stays', () => {
  const quarter = turned(state, block, Math.PI / 2);
  near(quarter.slice(4, 8), [0, 0, Math.SQRT1_2, Math.SQRT1_2]);
  near(turned(quarter, block, -Math.PI / 2), state);
  const angle = { ...block, turn: { ...block.turn!, kind: 'angle' as const, element: 3, sign: -1 } };
  near([turned(state, angle, 0.2)[3]!], [0.1]);
});

test('a number typed into a direction leaves it a direction', () => {
  near(typed(state, layout, 2, 7), [0, 0.1, 7, 0.3, 0, 0, 0, 1, 0, 0]);
  near(typed(state, layout, 6, 0.6).slice(4, 8), [0, 0, 0.6, 0.8]);
  near(typed(state, layout, 7, 0).slice(4, 8), [1, 0, 0, 0]);
  near(typed(state, layout, 6, 3).slice(4, 8), [0, 0, 1, 0]);
});

test('numbers of one thing stand together, and what the engine keeps stands apart', () => {
  const { groups, engine } = groupsOf(layout, 8);
  assert.deepEqual(
    groups.map(({ title, fields }) => [title, fields.map(({ name }) => name)]),
    [
      ['block', ['block.pos', 'block.quat']],
      ['episode', ['step']],
    ],
  );
  assert.deepEqual(
    engine.map(({ name }) => name),
    ['impulses'],
  );
});

test('a field lies where its axes move the body, and nowhere where they do not', () => {
  const x = { element: 1, from: 0, to: 0.4, count: 3 };
  const y = { element: 2, from: 0.1, to: 0.5, count: 3 };
  const place = fieldPlace(state, block, [1, 2, 3], [x, y])!;
  near(place.corner, [0.9, 2.1, 3]);
  near(place.ways[0]!, [0.4, 0, 0]);
  near(place.ways[1]!, [0, -0.4, 0]);
  assert.equal(fieldPlace(state, block, [1, 2, 3], [x, { ...y, element: 3 }]), null);
});

test('levels are round and lie inside', () => {
  assert.deepEqual(levelsOf(0, 1, 5), [0.2, 0.4, 0.6, 0.8]);
  assert.deepEqual(levelsOf(2, 2, 5), []);
  assert.equal(tidy(0.12345678), '0.1235');
  assert.equal(tidy(1.5e-7), '1.50e-7');
});

test('the line of a slope is straight, and a hole has none', () => {
  // value = x on 3 x 2 points
  const values = [0, 1, 2, 0, 1, 2];
  assert.deepEqual(isolines(values, 3, 2, [0.5]), [0.5, 0, 0.5, 1]);
  assert.deepEqual(isolines([0, Number.NaN, 2, 0, 1, 2], 3, 2, [0.5]), []);
  // A saddle gives two pieces that do not cross.
  assert.equal(isolines([1, 0, 0, 1], 2, 2, [0.5]).length, 8);
});

test('the surface of a ball lies at its radius and is closed', () => {
  const n = 13;
  const values = Float32Array.from({ length: n ** 3 }, (_, i) => {
    const [x, y, z] = [i % n, Math.floor(i / n) % n, Math.floor(i / (n * n))];
    return -Math.hypot(x - 6, y - 6, z - 6);
  });
  const surface = isosurface(values, n, n, n, -4);
  assert.ok(surface.length > 9 * 100 && surface.length % 9 === 0);
  const edges = new Map<string, number>();
  const corner = (k: number): string => [0, 1, 2].map((d) => surface[k * 3 + d]!.toFixed(6)).join();
  for (let k = 0; k < surface.length / 3; k++) {
    const radius = Math.hypot(surface[k * 3]! - 6, surface[k * 3 + 1]! - 6, surface[k * 3 + 2]! - 6);
    assert.ok(Math.abs(radius - 4) < 0.12, `radius ${radius}`);
  }
  for (let triangle = 0; triangle < surface.length / 9; triangle++) {
    const [a, b, c] = [corner(triangle * 3), corner(triangle * 3 + 1), corner(triangle * 3 + 2)];
    // Where the surface meets a corner of the grid triangles shrink to lines.
    if (a === b || b === c || c === a) continue;
    for (const edge of [
      [a, b],
      [b, c],
      [c, a],
    ])
      edges.set(edge.sort().join(' '), (edges.get(edge.sort().join(' ')) ?? 0) + 1);
  }
  assert.ok([...edges.values()].every((count) => count % 2 === 0));
});

test('a thing of places goes to the nearest one, from square to square, and round all of them', () => {
  // Squares 0 .. 5 in two rows of three, 0.25 m apart; 4 is a wall.
  const squares = [0, 1, 2, 3, 5];
  const box: ProbeHandle = {
    ...block,
    moves: [],
    turn: null,
    places: {
      elements: [1],
      list: squares.map((square) => ({
        values: [square],
        at: [0.25 * (square % 3), 0.25 * Math.floor(square / 3), 0.1],
      })),
    },
  };
  const on = (square: number): number[] => [7, square, 9];
  assert.deepEqual(laid(on(0), box, [0.3, -0.2, 0.1]), on(1));
  assert.deepEqual(laid(on(0), box, [9, 9, 0]), on(5));
  assert.deepEqual(stepped(on(0), box, [1, 0, 0]), on(1));
  assert.deepEqual(stepped(on(0), box, [0, 1, 0]), on(3));
  assert.deepEqual(stepped(on(0), box, [-1, 0, 0]), on(0), 'nothing lies that way');
  // Over the wall to what lies behind it.
  assert.deepEqual(stepped(on(3), box, [1, 0, 0]), on(5));
  assert.deepEqual(stepped(on(1), box, [0, 1, 0]), on(3), 'what lies aside is better than nothing');
  assert.deepEqual(cycled(on(5), box, 1), on(0));
  assert.deepEqual(cycled(on(0), box, -1), on(5));
  assert.deepEqual(laid(state, block, [1, 1, 1]), state, 'of what has no places nothing changes');
  assert.deepEqual([lastChoice('0 .. 63'), lastChoice('m')], [63, null]);
});
