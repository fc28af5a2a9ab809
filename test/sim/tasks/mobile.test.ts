/** The tasks of the mobile base keep every promise of the contract, and their mazes, gates, plates and tiles work. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import {
  cellAt,
  cellX,
  cellY,
  createPlan,
  type Direction,
  floodPlan,
  isWalled,
  neighbour,
  sideX,
  sideY,
} from '../../../sim/engine/floor-plan.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { base } from '../../../sim/robots/base.ts';
import { coverage } from '../../../sim/tasks/coverage.ts';
import { maze } from '../../../sim/tasks/maze.ts';
import { wallHalf } from '../../../sim/tasks/mobile.ts';
import { rooms } from '../../../sim/tasks/rooms.ts';
import { checkRelabelling, checkTask } from './contract.ts';
import { expertActions, modelOf } from './worlds.ts';

checkTask('maze', {
  golden: '29f24f10bac93d46',
  impossible: [
    [{ fixedGoal: true }, /fixedGoal is true, wanted false with layout 0/],
    [{ goalRadius: 0.25, corridor: 0.5 }, /goalRadius is 0.25, wanted less than 0.22/],
  ],
});
checkTask('rooms', { golden: 'd32d5b21d2df5826' });
checkTask('coverage', { golden: '711a60629357e756' });

const tasks = { maze, rooms, coverage };

test('goals can be written into mazes with a gate and into rooms with a map', () => {
  for (const player of ['expert', 'random'] as const) {
    checkRelabelling(modelOf(maze, { keyDoor: true }), player);
    checkRelabelling(modelOf(rooms, { map: true, tv: 'action' }), player);
  }
});

for (const settings of [{}, { keyDoor: true }])
  test(`maze${JSON.stringify(settings)}: another goal has its own ways, the old one written back has the old ones`, () => {
    const model = modelOf(maze, settings);
    const row = new Float64Array(model.stateDim);
    const goals = model.goals!;
    const action = new Float64Array(2);
    let looked = 0;
    for (let seed = 0; seed < 20; seed++) {
      model.reset(seed, row, 0);
      // A gated maze is looked at before its gate has been opened, and after.
      for (let t = 0; t < 10 * seed; t++) {
        model.expert(row, 0, action, 0);
        model.advance(row, action, 0, 1);
      }
      if (model.success(row, 0)) continue;
      const before = row.slice();
      const goal = new Float64Array(4);
      goals.desired(row, 0, goal, 0);
      goals.achieved(row, 0, goal, 2);
      goals.setDesired!(goal, 2, row, 0);
      assert.equal(model.progress(row, 0), 1);
      assert.notDeepEqual(row, before);
      looked++;
      goals.setDesired!(goal, 0, row, 0);
      assert.deepEqual(row, before);
    }
    assert.ok(looked > 5, `${looked} mazes looked at`);
  });

/** Where a named run of numbers begins in a row. */
const at = (model: TaskModel, name: string): number => {
  const field = model.stateLayout.find((known) => known.name === name);
  assert.ok(field, `no ${name} in the row`);
  return field.offset;
};
/** Index of an observed number. */
const seen = (model: TaskModel, name: string): number => {
  const i = model.observationSpace.names.indexOf(name);
  assert.ok(i >= 0, `no ${name} in the observation`);
  return i;
};
const rowOf = (model: TaskModel, seed: number): Float64Array => {
  const row = new Float64Array(model.stateDim);
  model.reset(seed, row, 0);
  return row;
};
const planOf = (model: TaskModel, columns: number, rows: number, cell: number) => ({
  plan: createPlan(columns, rows, cell, wallHalf),
  cells: at(model, 'cells'),
});

/** Plays the expert on seeds from 3000; success at the end and largest fall of progress. */
function play(model: TaskModel, count: number): { rate: number; drop: number; stages: number } {
  const batch = createBatch(model, count);
  const actions = new Float64Array(count * model.actionSpace.dim);
  const best = new Float64Array(count);
  const stages = new Set<number>();
  let drop = 0;
  for (let w = 0; w < count; w++) batch.reset(w, 3000 + w);
  for (let t = 0; t < model.horizon; t++) {
    expertActions(batch, actions, 0, () => 0);
    batch.step(actions);
    for (let w = 0; w < count; w++) {
      const progress = model.progress(batch.states, w * model.stateDim);
      drop = Math.max(drop, best[w]! - progress);
      best[w] = Math.max(best[w]!, progress);
      stages.add(model.stage(batch.states, w * model.stateDim));
    }
  }
  let successes = 0;
  for (let w = 0; w < count; w++) if (model.success(batch.states, w * model.stateDim)) successes++;
  return { rate: successes / count, drop, stages: stages.size };
}

// ---------------------------------------------------------------------------------------------------------------------
// Options of all three

for (const [id, task] of Object.entries(tasks)) {
  test(`${id}: difficulty sets the size, and the expert manages the smallest, the largest and the most varied`, () => {
    const sizes = [0, 0.5, 1].map((difficulty) => modelOf(task, { difficulty }).bodies.length);
    assert.ok(sizes[0]! < sizes[1]! && sizes[1]! < sizes[2]!, `${sizes} bodies`);
    for (const [settings, count] of [
      [{ difficulty: 0 }, 60],
      [{ difficulty: 1, horizon: 800 }, 30],
      [{ randomisation: 1, distractors: 2, occlusion: 1, map: false, horizon: 700 }, 60],
    ] as const) {
      const { rate, drop } = play(modelOf(task, settings), count);
      assert.ok(rate >= 0.95, `${JSON.stringify(settings)}: ${rate}`);
      assert.ok(drop < 0.15, `${JSON.stringify(settings)}: progress fell by ${drop}`);
    }
  });

  test(`${id}: occlusion loses its share of the rays, others at every step, and moves nothing`, () => {
    const far = 10;
    const clear = createBatch(modelOf(task, { lidarRange: far }), 1);
    const hidden = createBatch(modelOf(task, { lidarRange: far, occlusion: 0.3 }), 1);
    const ray = seen(clear.model, 'lidar1');
    const actions = Float64Array.of(0.4, 0.5);
    const lostAt: string[] = [];
    let lost = 0;
    for (let t = 0; t < 100; t++) {
      clear.step(actions);
      hidden.step(actions);
      const which: number[] = [];
      for (let k = ray; k < ray + 16; k++) {
        assert.ok(clear.observations[k]! >= base.radius - 1e-9 && clear.observations[k]! < far);
        if (hidden.observations[k] === far) which.push(k);
        else assert.equal(hidden.observations[k], clear.observations[k]);
      }
      lost += which.length;
      lostAt.push(which.join());
      assert.deepEqual(hidden.states.slice(1, 7), clear.states.slice(1, 7));
    }
    // 1,600 rays of which 0.3 are lost: 480, five standard deviations of 18 either way.
    assert.ok(lost > 390 && lost < 570, `${lost} lost`);
    assert.ok(new Set(lostAt).size > 90);
  });

  test(`${id}: balloons drift, are observed and change nothing`, () => {
    const without = createBatch(modelOf(task), 1);
    const batch = createBatch(modelOf(task, { distractors: 3 }), 1);
    const x = seen(batch.model, 'balloon3Pos.x');
    const places = new Set<string>();
    for (let t = 0; t < 200; t++) {
      const actions = Float64Array.of(Math.sin(t), 0.8);
      without.step(actions);
      batch.step(actions);
      assert.deepEqual(batch.states.slice(1, 7), without.states.slice(1, 7));
      places.add(batch.observations.slice(x, x + 2).join());
      // 0.4 m/s whatever they bounce off.
      const speed = Math.hypot(batch.observations[x + 2]!, batch.observations[x + 3]!);
      assert.ok(Math.abs(speed - 0.4) < 1e-12);
    }
    // One that bounces stays where it is for a step.
    assert.ok(places.size > 180, `${places.size} places`);
    assert.equal(batch.model.bodies.length, without.model.bodies.length + 3);
  });

  test(`${id}: randomisation varies gains, grip, radius and walls from seed to seed, within its bounds`, () => {
    const plain = modelOf(task);
    const wild = modelOf(task, { randomisation: 1 });
    const names = ['wheelGain', 'grip', 'radius', 'tint'] as const;
    const of = (model: TaskModel, seed: number) => {
      const row = rowOf(model, seed);
      return names.map((name) => row[at(model, name)]!);
    };
    assert.deepEqual(of(plain, 1), of(plain, 2));
    assert.deepEqual(of(plain, 1).slice(0, 3), [1, 1, base.radius]);
    const drawn = Array.from({ length: 200 }, (_, seed) => of(wild, seed));
    for (const [k, low, high] of [
      [0, 0.8, 1.2],
      [1, 0.5, 1],
      [2, 0.85 * base.radius, 1.15 * base.radius],
    ] as const) {
      const values = drawn.map((row) => row[k]!);
      const width = high - low;
      assert.ok(Math.min(...values) >= low && Math.min(...values) < low + 0.05 * width);
      assert.ok(Math.max(...values) <= high && Math.max(...values) > high - 0.05 * width);
    }
    const colours = new Float32Array(3 * wild.bodies.length);
    const wall = 3 * wild.bodies.findIndex((body) => body.name === 'wallEast');
    const shades = [5, 6].map((seed) => {
      wild.colours!(rowOf(wild, seed), 0, colours, 0);
      return colours[wall]!;
    });
    assert.notEqual(shades[0], shades[1]);
    assert.ok(shades.every((shade) => shade >= 0 && shade <= 1));
  });

  test(`${id}: without the map the observation holds less`, () => {
    const [whole, little] = [modelOf(task), modelOf(task, { map: false })];
    assert.ok(little.observationSpace.dim < whole.observationSpace.dim);
    assert.deepEqual(
      little.observationSpace.names.filter((name) => !whole.observationSpace.names.includes(name)),
      [],
    );
  });
}

for (const [id, task, settings] of [
  ['maze', maze, {}],
  ['maze with a key', maze, { keyDoor: true }],
  ['rooms', rooms, { difficulty: 0 }],
] as const) {
  test(`${id}: the reward of a state's own pair is its success`, () => {
    const model: TaskModel = modelOf(task, settings);
    const batch = createBatch(model, 8);
    const random = createRandom(2);
    const actions = new Float64Array(16);
    const pair = new Float64Array(4);
    let successes = 0;
    for (let t = 0; t < model.horizon; t++) {
      // Half of the worlds by the expert, half at random.
      expertActions(batch, actions, 0, () => 0);
      for (let i = 8; i < 16; i++) actions[i] = random.uniform(-1, 1);
      batch.step(actions);
      for (let o = 0; o < batch.states.length; o += model.stateDim) {
        model.goals!.achieved(batch.states, o, pair, 0);
        model.goals!.desired(batch.states, o, pair, 2);
        const success = model.success(batch.states, o);
        assert.equal(model.goals!.computeReward(pair, 0, pair, 2), success ? 1 : 0);
        if (success) successes++;
      }
    }
    assert.ok(successes > 100, `${successes} states with success`);
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// maze

test('maze: every maze is a tree, and start and goal are most of the longest way apart', () => {
  const model = modelOf(maze);
  const { plan, cells } = planOf(model, 6, 6, 0.6);
  const hops = new Int16Array(36);
  const order = new Int16Array(36);
  for (let seed = 0; seed < 100; seed++) {
    const row = rowOf(model, seed);
    const goal = cellAt(plan, row[at(model, 'goal')]!, row[at(model, 'goal') + 1]!);
    // Connected, with one open side fewer than cells: no way round.
    assert.equal(floodPlan(plan, row, cells, goal, hops, order), 36);
    let open = 0;
    for (let c = 0; c < 36; c++) {
      for (const d of [0, 1] as const) {
        if (neighbour(plan, c, d) >= 0 && !isWalled(row, cells, c, d)) open++;
      }
    }
    assert.equal(open, 35);
    assert.ok(hops[cellAt(plan, row[1]!, row[2]!)]! >= 0.6 * Math.max(...hops));
  }
});

test('maze: progress is the share of the way through the open sides, found by a second search', () => {
  const model = modelOf(maze);
  const { plan, cells } = planOf(model, 6, 6, 0.6);
  const goalAt = at(model, 'goal');
  let compared = 0;
  for (let seed = 0; seed < 20; seed++) {
    const row = rowOf(model, seed);
    const goal = cellAt(plan, row[goalAt]!, row[goalAt + 1]!);
    /** From a point in a cell, entered from a direction, by trying every open side: there is only one way. */
    const way = (x: number, y: number, c: number, from: number): number => {
      if (c === goal) return Math.hypot(row[goalAt]! - x, row[goalAt + 1]! - y);
      for (const d of [0, 1, 2, 3] as const) {
        if (d === from || isWalled(row, cells, c, d)) continue;
        const [toX, toY] = [sideX(plan, c, d), sideY(plan, c, d)];
        const rest = way(toX, toY, neighbour(plan, c, d), (d + 2) % 4);
        if (rest < Number.POSITIVE_INFINITY) return rest + Math.hypot(toX - x, toY - y);
      }
      return Number.POSITIVE_INFINITY;
    };
    const whole = way(row[1]!, row[2]!, cellAt(plan, row[1]!, row[2]!), -1);
    assert.equal(model.progress(row, 0), 0);
    for (let c = 0; c < 36; c++) {
      row[1] = cellX(plan, c) + 0.07;
      row[2] = cellY(plan, c) - 0.05;
      if (c === goal) continue;
      const wanted = Math.max(0, 1 - way(row[1]!, row[2]!, c, -1) / whole);
      assert.ok(Math.abs(model.progress(row, 0) - wanted) < 1e-12, `seed ${seed}, cell ${c}`);
      if (wanted > 0) compared++;
    }
  }
  assert.ok(compared > 300);
});

test('maze: a layout is the same maze for every seed, and its goal too where that is asked for', () => {
  const walls = (settings: AnySettings, seed: number) => {
    const model = modelOf(maze, settings);
    const row = rowOf(model, seed);
    const goal = at(model, 'goal');
    return {
      walls: row.slice(at(model, 'cells'), at(model, 'cells') + 36),
      goal: [row[goal], row[goal + 1]],
      start: [row[1], row[2]],
    };
  };
  assert.notDeepEqual(walls({}, 1).walls, walls({}, 2).walls);
  const one = { layout: 7 };
  assert.deepEqual(walls(one, 1).walls, walls(one, 2).walls);
  assert.notDeepEqual(walls(one, 1).walls, walls({ layout: 8 }, 1).walls);
  assert.ok(new Set(Array.from({ length: 20 }, (_, seed) => walls(one, seed).goal.join())).size > 5);
  const fixed = { layout: 7, fixedGoal: true };
  const starts = Array.from({ length: 20 }, (_, seed) => walls(fixed, seed));
  assert.equal(new Set(starts.map(({ goal }) => goal.join())).size, 1);
  assert.equal(new Set(starts.map(({ start }) => start.join())).size, 20);
});

test('maze: nobody passes the gate without the key, and the expert fetches it first', () => {
  const model = modelOf(maze, { keyDoor: true });
  const { plan, cells } = planOf(model, 6, 6, 0.6);
  const hasKey = at(model, 'hasKey');
  const hops = new Int16Array(36);
  const order = new Int16Array(36);
  const action = new Float64Array(2);
  for (let seed = 0; seed < 30; seed++) {
    const row = rowOf(model, seed);
    const near = floodPlan(plan, row, cells, cellAt(plan, row[1]!, row[2]!), hops, order);
    assert.ok(near >= 2 && near < 36, `${near} cells before the gate`);
    const side = hops.slice();
    const key = cellAt(plan, row[at(model, 'key')]!, row[at(model, 'key') + 1]!);
    assert.ok(side[key]! >= 1, 'the key lies before the gate');
    assert.equal(side[cellAt(plan, row[at(model, 'goal')]!, row[at(model, 'goal') + 1]!)], -1);
    // An expert that believes it has the key drives at the gate.
    row[hasKey] = 1;
    for (let t = 0; t < 250; t++) {
      model.expert(row, 0, action, 0);
      model.advance(row, action, 0, 1);
      assert.ok(side[cellAt(plan, row[1]!, row[2]!)]! >= 0, `seed ${seed}, step ${t}`);
    }
    assert.ok(!model.success(row, 0));
  }
  const { rate, drop, stages } = play(model, 100);
  assert.ok(rate >= 0.95, `${rate}`);
  assert.ok(drop < 0.08, `progress fell by ${drop}`);
  assert.equal(stages, 4);
});

test('maze: fetching the key opens the gate, for lidar, map and wheels alike', () => {
  const model = modelOf(maze, { keyDoor: true });
  const { plan, cells } = planOf(model, 6, 6, 0.6);
  const row = rowOf(model, 3);
  const gate = at(model, 'gate');
  const [c, d] = [row[gate]!, row[gate + 1]! as Direction];
  const key = at(model, 'key');
  row[1] = row[key]! + 0.15;
  row[2] = row[key + 1]!;
  assert.ok(isWalled(row, cells, c, d));
  const observation = new Float64Array(model.observationSpace.dim);
  model.observe(row, 0, observation, 0);
  const owner = d < 2 ? c : neighbour(plan, c, d);
  const wall = seen(model, `wall${owner}${d % 2 === 0 ? 'East' : 'North'}`);
  assert.deepEqual([observation[seen(model, 'hasKey')], observation[wall]], [0, 1]);
  model.advance(row, Float64Array.of(0, 0), 0, 1);
  assert.ok(!isWalled(row, cells, c, d));
  model.observe(row, 0, observation, 0);
  assert.deepEqual([observation[seen(model, 'hasKey')], observation[wall]], [1, 0]);
});

// ---------------------------------------------------------------------------------------------------------------------
// rooms

test('rooms: plates count only in their order, and each opens its own gate', () => {
  const model = modelOf(rooms);
  const { plan, cells } = planOf(model, 9, 6, 0.6);
  const [plates, gates, pressed] = [at(model, 'plates'), at(model, 'gates'), at(model, 'pressed')];
  const row = rowOf(model, 4);
  const ways: Direction[] = [0, 0, 1, 2, 2];
  const isOpen = () => ways.map((d, i) => !isWalled(row, cells, row[gates + i]!, d));
  const standOn = (room: number) => {
    row[1] = row[plates + 2 * room]!;
    row[2] = row[plates + 2 * room + 1]!;
    model.advance(row, Float64Array.of(0, 0), 0, 1);
  };
  assert.deepEqual(isOpen(), [false, false, false, false, false]);
  standOn(1);
  assert.equal(row[pressed], 0);
  standOn(0);
  assert.deepEqual(isOpen(), [true, false, false, false, false]);
  standOn(0);
  assert.equal(row[pressed], 1);
  standOn(2);
  assert.equal(row[pressed], 1);
  for (const room of [1, 2, 3, 4]) standOn(room);
  assert.deepEqual(isOpen(), [true, true, true, true, true]);
  assert.equal(plan.count, 54);
});

test('rooms: progress measures the way over all plates and gates that are left', () => {
  const model = modelOf(rooms, { difficulty: 0 });
  const row = rowOf(model, 9);
  const { plan } = planOf(model, 3, 6, 0.6);
  const plate = [row[at(model, 'plates')]!, row[at(model, 'plates') + 1]!] as const;
  const c = row[at(model, 'gates')]!;
  const gate = [sideX(plan, c, 1), sideY(plan, c, 1)] as const;
  const goal = [row[at(model, 'goal')]!, row[at(model, 'goal') + 1]!] as const;
  const start = [row[1]!, row[2]!] as const;
  const length = (...points: (readonly [number, number])[]): number =>
    points.slice(1).reduce((sum, p, i) => sum + Math.hypot(p[0] - points[i]![0], p[1] - points[i]![1]), 0);
  const whole = length(start, plate, gate, goal);
  assert.equal(model.progress(row, 0), 0);
  [row[1], row[2]] = plate;
  const near = (found: number, wanted: number): void => assert.ok(Math.abs(found - wanted) < 1e-12);
  near(model.progress(row, 0), 1 - length(plate, gate, goal) / whole);
  row[at(model, 'pressed')] = 1;
  [row[1], row[2]] = start;
  near(model.progress(row, 0), Math.max(0, 1 - length(start, gate, goal) / whole));
  [row[1], row[2]] = [gate[0], gate[1] + 0.01];
  near(model.progress(row, 0), 1 - length([row[1]!, row[2]!], goal) / whole);
});

test('rooms: the television shows new pixels on the action, in its room only, and changes nothing else', () => {
  const plain = createBatch(modelOf(rooms), 1);
  const model = modelOf(rooms, { tv: 'action' });
  const batch = createBatch(model, 1);
  const [screen, pixel] = [at(model, 'screen'), seen(model, 'pixel1')];
  const shown = () => [...batch.states.slice(screen, screen + 16)].join();
  const pictures = new Set([shown()]);
  for (let t = 0; t < 100; t++) {
    const before = shown();
    batch.step(Float64Array.of(-0.3, 0.3, t % 2 === 0 ? 0.5 : -0.5));
    plain.step(Float64Array.of(-0.3, 0.3));
    assert.equal(shown() !== before, t % 2 === 0);
    pictures.add(shown());
    assert.equal([...batch.observations.slice(pixel, pixel + 16)].join(), shown());
    assert.deepEqual(batch.states.slice(1, 7), plain.states.slice(1, 7));
  }
  assert.equal(pictures.size, 51);
  // In the last room it is neither seen nor switched.
  const row = batch.saveState(0);
  row[1] = row[at(model, 'goal')]!;
  row[2] = row[at(model, 'goal') + 1]!;
  batch.restoreState(0, row);
  const before = shown();
  batch.step(Float64Array.of(0, 0, 1));
  assert.equal(shown(), before);
  assert.ok(batch.observations.slice(pixel, pixel + 16).every((value) => value === 0));
  const colours = new Float32Array(3 * model.bodies.length);
  model.colours!(row, 0, colours, 0);
  const body = model.bodies.findIndex((known) => known.name === 'pixel1');
  assert.ok(Math.abs(colours[3 * body + 1]! - (0.08 + 0.85 * row[screen]!)) < 1e-6);
});

test('rooms: a television that is looked at changes as long as it is', () => {
  const model = modelOf(rooms, { tv: 'facing' });
  assert.equal(model.actionSpace.dim, 2);
  const row = rowOf(model, 5);
  const screen = at(model, 'screen');
  // The first room of three by two is around (-1.8, -0.9); the screen is on its northern wall.
  const stand = (c: number, s: number) => {
    row.set([-1.8, -0.9, c, s, 0, 0], 1);
    const before = row.slice(screen);
    model.advance(row, Float64Array.of(0, 0), 0, 1);
    return row.slice(screen).some((value, i) => value !== before[i]);
  };
  assert.deepEqual(
    [stand(0, 1), stand(0, 1), stand(1, 0), stand(0, -1), stand(0.6, 0.8)],
    [true, true, false, false, true],
  );
});

// ---------------------------------------------------------------------------------------------------------------------
// coverage

test('coverage: furniture leaves all free tiles connected, as many pieces as asked for', () => {
  for (const furniture of [0, 0.15, 0.3]) {
    const model = modelOf(coverage, { furniture });
    const { plan, cells } = planOf(model, 6, 6, 0.5);
    const hops = new Int16Array(36);
    let fewest = 36;
    for (let seed = 0; seed < 50; seed++) {
      const row = rowOf(model, seed);
      const free = floodPlan(plan, row, cells, cellAt(plan, row[1]!, row[2]!), hops, new Int16Array(36));
      const observation = new Float64Array(model.observationSpace.dim);
      model.observe(row, 0, observation, 0);
      const first = seen(model, 'tile0');
      for (let c = 0; c < 36; c++) assert.equal(observation[first + c] === -1, hops[c] === -1);
      assert.equal(row[at(model, 'wanted')], Math.ceil(0.95 * free));
      fewest = Math.min(fewest, 36 - free);
      assert.ok(36 - free <= Math.round(36 * furniture));
    }
    assert.equal(fewest, Math.round(36 * furniture));
  }
});

test('coverage: tiles count once, where the middle of the base has been', () => {
  const model = modelOf(coverage, { furniture: 0, target: 0.5 });
  const { plan } = planOf(model, 6, 6, 0.5);
  const row = rowOf(model, 1);
  const count = at(model, 'coveredCount');
  // 18 of 36 are wanted; the first is covered from the beginning.
  assert.deepEqual([row[count], row[at(model, 'wanted')], model.progress(row, 0)], [1, 18, 0]);
  const start = cellAt(plan, row[1]!, row[2]!);
  let covered = 1;
  for (let c = 0; c < 36 && covered < 18; c++) {
    row.set([cellX(plan, c), cellY(plan, c), 1, 0, 0, 0], 1);
    model.advance(row, Float64Array.of(0, 0), 0, 1);
    if (c !== start) covered++;
    assert.equal(row[count], covered);
    assert.ok(Math.abs(model.progress(row, 0) - (covered - 1) / 17) < 1e-12);
    assert.equal(model.stage(row, 0), covered === 18 ? 4 : Math.floor((4 * (covered - 1)) / 17));
  }
  assert.ok(model.success(row, 0));
});

test('coverage: the expert covers every last tile when that is the target', () => {
  const { rate } = play(modelOf(coverage, { target: 1, horizon: 600 }), 60);
  assert.ok(rate >= 0.95, `${rate}`);
});
