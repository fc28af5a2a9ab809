import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { demonstrate, type Footage, play, sensed } from '../../../lab/footage.ts';
import { spearman } from '../../../learn/diagnostics/agreement.ts';
import { openSenses, type SenseId } from '../../../learn/rewards/senses.ts';
import type { FitContext, Judge } from '../../../learn/rewards/types.ts';
import { along, parseWaypoints, waypoints } from '../../../learn/rewards/waypoints.ts';
import type { Compute } from '../../../learn/tensor/compute.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const close = (actual: number, expected: number, within = 1e-9): void =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual}, wanted ${expected}`);

test('progress along a way is the nearest segment and the share of it that is done', () => {
  // Two segments of 1 m along x, then along y.
  const way = [
    [0, 0, 0],
    [1, 0, 0],
    [1, 1, 0],
  ] as const;
  close(along([0, 0, 0], way).value, 0);
  close(along([0.25, 0, 0], way).value, 0.25);
  close(along([1, 0.5, 0], way).value, 1.5);
  close(along([1, 1, 0], way).value, 2);
  // 0.5 beside the middle of the first: d to its end is sqrt(0.5), so 1 - 0.7071.
  close(along([0.5, -0.5, 0], way).value, 1 - Math.SQRT1_2);
  // A joint counts as reached.
  assert.deepEqual(along([1, 0, 0], way), { value: 1, segment: 1 });
  assert.ok(Number.isNaN(along([Number.NaN, 0, 0], way).value));
});

const push = tasks.push.create(defaultsOf(tasks.push.fields));
let expert: Footage[];
let wandering: Footage[];
before(() => {
  expert = play({ model: push, player: { kind: 'expert', noise: 0.2 }, seeds: [1, 2, 3, 4, 5, 6] });
  wandering = play({ model: push, player: { kind: 'wandering' }, seeds: [7, 8, 9] });
});

function contextOf(model: TaskModel, settings = {}, judge?: Judge): FitContext {
  const { dim, parts } = openSenses(
    model,
    waypoints.senses!({ ...defaultsOf(waypoints.fields), ...settings }),
  );
  return {
    // Nothing is computed: points are not learned by gradient.
    compute: undefined as unknown as Compute,
    seed: 1,
    frameDim: dim,
    layout: { dim, parts },
    stages: model.stages.map(({ id }) => id),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...(judge === undefined ? {} : { judge }),
  };
}

const objects: readonly SenseId[] = ['objects'];

test('the path of one demonstration serves in other scenes', async () => {
  const { model, metrics } = await waypoints.fit(
    [demonstrate(push, expert[0]!, objects)],
    {},
    contextOf(push),
  );
  assert.deepEqual([metrics['waypoints/hand'], metrics['waypoints/thing']], [2, 3]);
  for (const footage of expert.slice(1)) {
    const { perStep, extras } = model.score(sensed(push, footage, objects), footage.length);
    assert.ok(spearman(perStep, footage.truth.progress) > 0.8, footage.id);
    assert.equal(perStep.at(-1), 1);
    assert.equal(extras['success']!.at(-1), 1);
    assert.ok(perStep[0]! < 0.4);
  }
  for (const footage of wandering) {
    const { perStep } = model.score(sensed(push, footage, objects), footage.length);
    assert.ok(
      perStep.every((value) => value < 1),
      footage.id,
    );
  }
});

test('points of a person need no demonstration', async () => {
  const settings = { from: 'person', points: 'hand -0.06 0 0; thing 0.5 0; thing 1 0' };
  const { model } = await waypoints.fit([], settings, contextOf(push, settings));
  const { perStep, extras } = model.score(sensed(push, expert[0]!, objects), expert[0]!.length);
  assert.equal(perStep.at(-1), 1);
  assert.equal(extras['waypoint']![0], 1);
  assert.deepEqual(
    waypoints.load(model.save()).score(sensed(push, expert[0]!, objects), expert[0]!.length).perStep,
    perStep,
  );
});

test('where nothing can be moved the hand itself goes to the target', async () => {
  const reach = tasks.reach.create(defaultsOf(tasks.reach.fields));
  const [footage] = play({ model: reach, player: { kind: 'expert' }, seeds: [3] });
  const { model, metrics } = await waypoints.fit(
    [demonstrate(reach, footage!, objects)],
    {},
    contextOf(reach),
  );
  assert.deepEqual([metrics['waypoints/hand'], metrics['waypoints/thing']], [0, 3]);
  const { perStep } = model.score(sensed(reach, footage!, objects), footage!.length);
  assert.ok(spearman(perStep, footage!.truth.progress) > 0.9);
});

test('a vision model is shown the scene, and its cells become places on the table', async () => {
  const settings = { from: 'endpoint' };
  const senses = waypoints.senses!({ ...defaultsOf(waypoints.fields), ...settings });
  const demonstrations = expert.slice(0, 3).map((footage) => demonstrate(push, footage, senses));
  const layout = openSenses(push, senses);
  const seen = (name: string): number => {
    const part = layout.parts.find(({ names }) => names.includes(name))!;
    return demonstrations[0]!.frames[part.offset + part.names.indexOf(name)]!;
  };
  const shown: number[] = [];
  // A model that sees well: it answers with the cells in which thing and target lie.
  const cell = (name: string): string =>
    `${(8 * (1 + seen(`${name}X`))).toFixed(2)} ${(8 * (1 - seen(`${name}Y`))).toFixed(2)} 3`;
  const judge: Judge = {
    name: 'test eye',
    ask: async ({ pictures, prompt }) => {
      shown.push(pictures![0]!.width, pictures![0]!.height);
      assert.match(prompt, /16 x 16 cells/);
      return `hand ${cell('thing1')}\n\nthing ${cell('target1')}\n`;
    },
  };
  const { model } = await waypoints.fit(demonstrations, settings, contextOf(push, settings, judge));
  assert.deepEqual(shown, [384, 384]);
  // In use it needs no camera.
  assert.deepEqual(model.senses, objects);
  for (const footage of expert.slice(3)) {
    const { perStep } = model.score(sensed(push, footage, objects), footage.length);
    assert.ok(spearman(perStep, footage.truth.progress) > 0.7, footage.id);
  }
  const bad: Judge = { name: 'test eye', ask: async () => 'Sure! Here are the points' };
  await assert.rejects(
    waypoints.fit(demonstrations, settings, contextOf(push, settings, bad)),
    /test eye on episode expert 1: answered "Sure! Here are the points", wanted lines like/,
  );
  await assert.rejects(
    waypoints.fit(demonstrations, settings, contextOf(push, settings)),
    /from is "endpoint" and none is set/,
  );
});

test('points that cannot be read are named', () => {
  assert.deepEqual(parseWaypoints('hand 1 2 3; thing 0.5 0.1', 'points'), [
    { mover: 'hand', x: 1, y: 2, z: 3 },
    { mover: 'thing', share: 0.5, height: 0.1 },
  ]);
  const bad = [
    ['', /found 0 points and none of the thing/],
    ['hand 1 2 3', /found 1 points and none of the thing/],
    ['thing 1', /point 1: found "thing 1", wanted/],
    ['foot 1 2 3', /found "foot 1 2 3"/],
    ['thing 1 x', /found "thing 1 x"/],
    ['thing 1 0; hand 0 0 0', /point 2: found a point of the hand after one of the thing/],
  ] as const;
  for (const [text, words] of bad) assert.throws(() => parseWaypoints(text, 'points'), words, text);
});

test('demonstrations that show no way are named', async () => {
  const failed = wandering.map((footage) => demonstrate(push, footage, objects));
  await assert.rejects(
    waypoints.fit(failed, {}, contextOf(push)),
    /found no success among 3 demonstrations \(first: episode wandering 7\)/,
  );
  const still = demonstrate(
    push,
    play({
      model: push,
      player: { kind: 'script', act: (_s, _o, out) => out.fill(0) },
      seeds: [4],
      name: 'idle',
    })[0]!,
    objects,
  );
  await assert.rejects(
    waypoints.fit([{ ...still, success: true }], {}, contextOf(push)),
    /Episode idle 4: its thing never moves 0.01 m/,
  );
});
