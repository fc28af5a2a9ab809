/**
 * The twins of Gymnasium against straight implementations of the published equations, written here on their own, and
 * single steps worked by hand. Rows that Gymnasium 1.3.0 (NumPy 2.4.6) gave stand at the end.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { tasks } from '../../../sim/tasks/index.ts';
import { modelOf, randomAction } from './worlds.ts';

type Id = 'cartpole' | 'pendulum' | 'mountain-car' | 'mountain-car-continuous' | 'acrobot';
type Vector = readonly number[];
interface Outcome {
  readonly state: Vector;
  readonly observation: Vector;
  readonly reward: number;
  readonly terminated: boolean;
}
type Step = (state: Vector, action: number) => Outcome;

const { sin, cos, PI } = Math;
const clip = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** Florian 2007, equations 23 and 24, pole of 1 m and 0.1 kg on a cart of 1 kg; Euler's method. */
const cartpole: Step = ([x, v, th, w] = [], action) => {
  const [g, M, m, l, h] = [9.8, 1, 0.1, 0.5, 0.02] as const;
  const F = action === 1 ? 10 : -10;
  const inner = (F + m * l * w! ** 2 * sin(th!)) / (M + m);
  const alpha = (g * sin(th!) - cos(th!) * inner) / (l * (4 / 3 - (m * cos(th!) ** 2) / (M + m)));
  const a = inner - (m * l * alpha * cos(th!)) / (M + m);
  const state = [x! + h * v!, v! + h * a, th! + h * w!, w! + h * alpha];
  const terminated = Math.abs(state[0]!) > 2.4 || Math.abs(state[2]!) > (12 * 2 * PI) / 360;
  return { state, observation: state, reward: 1, terminated };
};

const pendulum: Step = ([th, w] = [], action) => {
  const [g, m, l, h] = [10, 1, 1, 0.05] as const;
  const u = clip(action, -2, 2);
  const folded = Math.atan2(sin(th!), cos(th!));
  const faster = clip(w! + ((3 * g * sin(th!)) / (2 * l) + (3 * u) / (m * l ** 2)) * h, -8, 8);
  const state = [th! + h * faster, faster];
  return {
    state,
    observation: [cos(state[0]!), sin(state[0]!), faster],
    reward: -(folded ** 2 + 0.1 * w! ** 2 + 0.001 * u ** 2),
    terminated: false,
  };
};

/** Sutton & Barto, example 10.1, with walls at -1.2 and 0.6. */
function car(force: number, goal: number, round: (x: number) => number): Step {
  return ([x, v] = [], action) => {
    // A rounded position is also tripled in float32; the start is not rounded yet.
    const tripled = round(x!) === x ? round(3 * x) : 3 * x!;
    let faster = clip(v! + force * action - 0.0025 * cos(tripled), -0.07, 0.07);
    const place = clip(x! + faster, -1.2, 0.6);
    if (place === -1.2 && faster < 0) faster = 0;
    const state = [round(place), round(faster)];
    return { state, observation: state, reward: -1, terminated: place >= goal && faster >= 0 };
  };
}
const mountainCar: Step = (state, action) => car(0.001, 0.5, (x) => x)(state, action - 1);
/** Its state is kept in float32. */
const mountainCarContinuous: Step = (state, action) => {
  const moved = car(0.0015, 0.45, Math.fround)(state, clip(action, -1, 1));
  return { ...moved, reward: (moved.terminated ? 100 : 0) - 0.1 * action ** 2 };
};

/** Sutton & Barto, example 11.3 of the first edition, solved by RK4 over 0.2 s. */
const acrobot: Step = (state, action) => {
  const [m1, m2, l1, lc1, lc2, I1, I2, g] = [1, 1, 1, 0.5, 0.5, 1, 1, 9.8] as const;
  const f = ([t1, t2, w1, w2]: Vector): Vector => {
    const d1 = m1 * lc1 ** 2 + m2 * (l1 ** 2 + lc2 ** 2 + 2 * l1 * lc2 * cos(t2!)) + I1 + I2;
    const d2 = m2 * (lc2 ** 2 + l1 * lc2 * cos(t2!)) + I2;
    const phi2 = m2 * lc2 * g * cos(t1! + t2! - PI / 2);
    const phi1 =
      -m2 * l1 * lc2 * w2! ** 2 * sin(t2!) -
      2 * m2 * l1 * lc2 * w2! * w1! * sin(t2!) +
      (m1 * lc1 + m2 * l1) * g * cos(t1! - PI / 2) +
      phi2;
    const a2 =
      (action - 1 + (d2 / d1) * phi1 - m2 * l1 * lc2 * w1! ** 2 * sin(t2!) - phi2) /
      (m2 * lc2 ** 2 + I2 - d2 ** 2 / d1);
    return [w1!, w2!, -(d2 * a2 + phi1) / d1, a2];
  };
  const shifted = (k: Vector, h: number): Vector => state.map((s, i) => s + h * k[i]!);
  const k1 = f(state);
  const k2 = f(shifted(k1, 0.1));
  const k3 = f(shifted(k2, 0.1));
  const k4 = f(shifted(k3, 0.2));
  const next = state.map((s, i) => s + (0.2 / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!));
  for (const i of [0, 1]) {
    while (next[i]! > PI) next[i]! -= 2 * PI;
    while (next[i]! < -PI) next[i]! += 2 * PI;
  }
  next[2] = clip(next[2]!, -4 * PI, 4 * PI);
  next[3] = clip(next[3]!, -9 * PI, 9 * PI);
  const [t1, t2, w1, w2] = next as [number, number, number, number];
  const terminated = -cos(t1) - cos(t1 + t2) > 1;
  const observation = [cos(t1), sin(t1), cos(t2), sin(t2), w1, w2];
  return { state: next, observation, reward: terminated ? 0 : -1, terminated };
};

const references: Readonly<Record<Id, Step>> = {
  cartpole,
  pendulum,
  'mountain-car': mountainCar,
  'mountain-car-continuous': mountainCarContinuous,
  acrobot,
};

interface Run {
  readonly model: TaskModel;
  readonly row: Float64Array;
  step(action: number): Outcome;
}

function runOf(id: Id, start: Vector): Run {
  const model = modelOf(tasks[id]);
  const row = new Float64Array(model.stateDim);
  model.gymnasium!.start(start, row, 0);
  const terms = new Float64Array(2);
  const observation = new Float64Array(model.observationSpace.dim);
  return {
    model,
    row,
    step(action) {
      const before = row.slice();
      const chosen = Float64Array.of(action);
      model.advance(row, chosen, 0, 1);
      model.observe(row, 0, observation, 0);
      model.reward(before, 0, chosen, 0, row, 0, terms, 0);
      return {
        state: [...row.subarray(1, 1 + start.length)],
        observation: [...observation],
        reward: terms[1]!,
        terminated: model.terminal(row, 0),
      };
    },
  };
}

const worst = (found: Vector, wanted: Vector): number =>
  Math.max(...wanted.map((value, i) => Math.abs(value - found[i]!)));

function wantClose(found: Outcome, wanted: Outcome, tolerance: number, where: string): void {
  assert.ok(worst(found.state, wanted.state) <= tolerance, `${where}: ${found.state} ${wanted.state}`);
  assert.ok(worst(found.observation, wanted.observation) <= tolerance, `${where}: ${found.observation}`);
  assert.ok(Math.abs(found.reward - wanted.reward) <= tolerance, `${where}: reward ${found.reward}`);
  assert.equal(found.terminated, wanted.terminated, where);
}

/** Most steps an episode of `policy` lasts in both; they agree in every one. */
function compare(id: Id, seed: number, policy: (run: Run, t: number) => number): number {
  const model = modelOf(tasks[id]);
  const start = new Float64Array(model.stateDim);
  model.reset(seed, start, 0);
  let state: Vector = [...start.subarray(1, 1 + model.gymnasium!.vector.length)];
  const run = runOf(id, state);
  for (let t = 0; t < model.horizon; t++) {
    const action = policy(run, t);
    const wanted = references[id](state, action);
    wantClose(run.step(action), wanted, 1e-9, `${id}, seed ${seed}, step ${t}`);
    state = wanted.state;
    if (wanted.terminated) return t + 1;
  }
  return model.horizon;
}

for (const id of Object.keys(references) as Id[]) {
  test(`${id}: whole episodes equal the published equations to 1e-9`, () => {
    let longest = 0;
    for (let seed = 0; seed < 8; seed++) {
      const random = createRandom(seed);
      const anything = (run: Run, _t: number): number => {
        // Not representable in float32 and, for the car, not clipped: NumPy then rounds only at the end of a step.
        const action = randomAction(run.model, random, 0, id === 'pendulum' ? 1.1 : 0.99);
        return run.model.actionSpace.type === 'box' ? action + 1e-12 : action;
      };
      longest = Math.max(longest, compare(id, seed, anything));
      // An expert that errs now and then: long episodes for the pole, reached goals for the others.
      compare(id, seed, (run, t) => {
        const out = new Float64Array(1);
        run.model.expert(run.row, 0, out, 0);
        if (run.model.actionSpace.type === 'box') out[0]! *= 0.9 + 0.1 * random.uniform() - 1e-12;
        return random.uniform() < 0.1 ? anything(run, t) : out[0]!;
      });
    }
    if (id !== 'cartpole') assert.equal(longest, modelOf(tasks[id]).horizon);
  });
}

test('horizons, time steps and action spaces are those of Gymnasium', () => {
  const found = (Object.keys(references) as Id[]).map((id) => {
    const { horizon, settings, actionSpace: space, gymnasium } = modelOf(tasks[id]);
    const actions = space.type === 'discrete' ? space.n : [space.low[0], space.high[0]];
    return [gymnasium!.id, horizon, settings['fixedHorizon'], actions];
  });
  assert.deepEqual(found, [
    ['CartPole-v1', 500, false, 2],
    ['Pendulum-v1', 200, false, [-2, 2]],
    ['MountainCar-v0', 200, false, 3],
    ['MountainCarContinuous-v0', 999, false, [-1, 1]],
    ['Acrobot-v1', 500, false, 3],
  ]);
});

test('single steps have the numbers worked by hand', () => {
  // Cart at rest, pole upright, push right: temp = 10 / 1.1; thetaDDot = -temp / (0.5 (4/3 - 0.1 / 1.1)) = -14.634146...;
  // xDDot = temp + 0.05 * 14.634146 / 1.1 = 9.756097...; both times 0.02.
  const pole = runOf('cartpole', [0, 0, 0, 0]).step(1);
  assert.ok(worst(pole.state, [0, 0.1951219512195122, 0, -0.2926829268292683]) < 1e-15, `${pole.state}`);
  // Level pendulum, torque 2: speed = (15 * 1 + 3 * 2) * 0.05 = 1.05, angle moves by 0.0525; cost (pi/2)^2 + 0.004.
  const level = runOf('pendulum', [PI / 2, 0]).step(2.5);
  assert.ok(worst(level.state, [PI / 2 + 0.0525, 1.05]) < 1e-15, `${level.state}`);
  assert.ok(Math.abs(level.reward + (PI / 2) ** 2 + 0.004) < 1e-15);
  // Car at 0: cos 0 = 1, so the speed is 0.001 - 0.0025.
  assert.deepEqual(runOf('mountain-car', [0, 0]).step(2).state, [-0.0015, -0.0015]);
  // The left wall stops it; a step further up it arrives.
  assert.deepEqual(runOf('mountain-car', [-1.2, -0.07]).step(0).state, [-1.2, 0]);
  const arrived = runOf('mountain-car', [0.48, 0.05]).step(2);
  assert.deepEqual([arrived.terminated, arrived.reward], [true, -1]);
  // Charged for the force as asked for, moved by the force as clipped.
  const hard = runOf('mountain-car-continuous', [0.44, 0.05]).step(2);
  assert.deepEqual([hard.terminated, hard.reward], [true, 100 - 0.4]);
  assert.deepEqual(hard.state, runOf('mountain-car-continuous', [0.44, 0.05]).step(1).state);
  // Hanging still without torque it stays hanging.
  const hanging = runOf('acrobot', [0, 0, 0, 0]).step(1);
  assert.ok(worst(hanging.state, [0, 0, 0, 0]) < 1e-15);
  assert.deepEqual([hanging.reward, hanging.terminated], [-1, false]);
});

test('a pole that fell is paid for the step it fell in and not afterwards; arriving ends an episode, balancing does not', () => {
  const run = runOf('cartpole', [0, 0, 0.2, 2]);
  assert.deepEqual([run.step(0).reward, run.step(0).reward, run.step(0).reward], [1, 0, 0]);
  const up = runOf('pendulum', [0, 0]);
  for (let t = 0; t < 300; t++) assert.equal(up.step(0).terminated, false);
  assert.ok(up.model.success(up.row, 0));
});

test('a discrete action that is no option is refused and the states stay', () => {
  const batch = createBatch(modelOf(tasks.acrobot), 2);
  const before = batch.states.slice();
  for (const bad of [0.5, -1, 3, Number.NaN]) {
    assert.throws(() => batch.step(Float64Array.of(1, bad)), RangeError, String(bad));
    assert.deepEqual(batch.states, before);
  }
  assert.throws(
    () => batch.step(Float64Array.of(1, 3)),
    /torque of world 1: found 3, wanted a whole number from 0 to 2/,
  );
});

test('a start vector of another size or with a number missing is refused by name', () => {
  assert.throws(
    () => runOf('cartpole', [0, 0]),
    /CartPole-v1: found 2 numbers, wanted 4 \(x, xDot, theta, thetaDot\)/,
  );
  assert.throws(() => runOf('pendulum', [0, Number.NaN]), /Pendulum-v1: thetaDot is NaN/);
});

test('whole episodes end where Gymnasium 1.3.0 ended them', () => {
  // Returned by Gymnasium for these starts and actions; `single` are its own float32 actions, `double` float64 ones.
  const rows: [Id, Vector, (t: number) => number, Vector, number, number][] = [
    [
      'cartpole',
      [0.01, -0.02, 0.03, 0.04],
      (t) => Math.floor((t * t) / 3) % 2,
      [-0.05396484015098616, -0.050060762663290626, 0.22296619562071052, 0.7197738024308199],
      22,
      22,
    ],
    [
      'pendulum',
      [2, 0.5],
      (t) => ((t * 37) % 41) / 10 - 2,
      [3.3010562289109835, -4.128182083063828],
      -1354.0094242382247,
      200,
    ],
    [
      'mountain-car',
      [-0.5, 0],
      (t) => (Math.floor(t / 18) % 2 === 1 ? 2 : 0),
      [-0.4224647946718481, -0.005039924767819078],
      -200,
      200,
    ],
    // single
    [
      'mountain-car-continuous',
      [-0.47, 0],
      (t) => (Math.floor(t / 19) % 2 === 1 ? 1 : -1) * (0.75 + ((t * 7) % 11) / 64),
      [-0.5860421061515808, 0.006932430900633335],
      -68.74948730468745,
      999,
    ],
    // double
    [
      'mountain-car-continuous',
      [-0.47, 0],
      (t) => (Math.floor(t / 19) % 2 === 1 ? 1 : -1) * (0.7 + ((t * 7) % 11) / 110),
      [-0.5330463647842407, 0.00994317140430212],
      -55.594611570248034,
      999,
    ],
    [
      'acrobot',
      [0.05, -0.03, 0.02, 0.01],
      (t) => Math.floor((t * t) / 5) % 3,
      [0.06600826198007284, -0.31867487936858424, -0.36644728659280923, -0.1242719699074553],
      -500,
      500,
    ],
  ];
  for (const [id, start, action, state, total, steps] of rows) {
    const run = runOf(id, start);
    let sum = 0;
    let last: Outcome | undefined;
    let t = 0;
    while (t < steps) {
      last = run.step(action(t++));
      sum += last.reward;
      assert.equal(last.terminated, id === 'cartpole' && t === steps, `${id} ${t}`);
    }
    assert.ok(worst(last!.state, state) < 1e-9, `${id}: ${last!.state}`);
    assert.ok(Math.abs(sum - total) < 1e-7, `${id}: return ${sum}`);
  }
});
