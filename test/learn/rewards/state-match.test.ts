import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demonstrate, type Footage, play, sensed } from '../../../lab/footage.ts';
import { type FrameLayout, openSenses } from '../../../learn/rewards/senses.ts';
import { match, matchingOf, partsOf, stateMatch, treeOf } from '../../../learn/rewards/state-match.ts';
import type { FitContext, RewardModel } from '../../../learn/rewards/types.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';

const near = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  assert.equal(found.length, wanted.length);
  for (const [i, value] of wanted.entries())
    assert.ok(Math.abs(found[i]! - value) < 1e-6, `${i}: ${found[i]}, ${value}`);
};

test('objects and attributes are read off names', () => {
  const parts = (name: string) => Object.values(partsOf(name)).join(': ');
  assert.deepEqual(
    ['block1Pos.x', 'blockSpeed', 'base.y', 'x', 'opened', 'handAbove', 'speed', 'target1FromThing1.z'].map(
      parts,
    ),
    [
      'block1: position',
      'block: speed',
      'base: position',
      'self: position',
      'self: opened',
      'hand: height above',
      'self: speed',
      'target1: from thing1',
    ],
  );
  assert.deepEqual(treeOf(['aPos.x', 'aPos.y', 'aSpeed', 'opened'], 4), [
    {
      name: 'a',
      attributes: [
        { name: 'position', at: [4, 5] },
        { name: 'speed', at: [6] },
      ],
    },
    { name: 'self', attributes: [{ name: 'opened', at: [7] }] },
  ]);
});

/** match of a state with a goal of the same names; scales of 1. */
function matched(names: readonly string[], goal: number[], state: number[], identity: 'name' | 'kind') {
  const matching = matchingOf(treeOf(names), treeOf(names), identity);
  const objects = new Float64Array(matching.objects.length);
  const attributes = new Float64Array(matching.attributeCount);
  const scales = new Float64Array(matching.attributeCount).fill(1);
  const reward = match(
    matching,
    scales,
    0,
    Float64Array.from(goal),
    0,
    Float64Array.from(state),
    0,
    objects,
    attributes,
  );
  return { reward, objects, attributes };
}

test('an object matches by the mean over its attributes, the state by the mean over objects', () => {
  // Position 3-4-5 away: e^-5; speed right: 1; opened 0.5 away: e^-0.5.
  const { reward, objects, attributes } = matched(
    ['aPos.x', 'aPos.y', 'aSpeed', 'opened'],
    [0, 0, 0, 1],
    [3, 4, 0, 0.5],
    'name',
  );
  near(attributes, [Math.exp(-5), 1, Math.exp(-0.5)]);
  near(objects, [(Math.exp(-5) + 1) / 2, Math.exp(-0.5)]);
  near([reward], [((Math.exp(-5) + 1) / 2 + Math.exp(-0.5)) / 2]);
});

test('of one kind the nearest object counts, by name only its own', () => {
  const names = ['block1Pos.x', 'block2Pos.x'];
  // Exchanged: block 2 is where block 1 should be, 2 m from its own place.
  near([matched(names, [0, 2], [2, 0], 'name').reward], [Math.exp(-2)]);
  near([matched(names, [0, 2], [2, 0], 'kind').reward], [1]);
});

test('a kin without the attribute does not match, and a broken number shows', () => {
  const goal = treeOf(['b1Pos.x', 'b1Speed']);
  const matching = matchingOf(
    goal,
    [...goal, { name: 'b2', attributes: [{ name: 'position', at: [0] }] }],
    'kind',
  );
  const [objects, attributes] = [new Float64Array(1), new Float64Array(2)];
  const of = (state: Float64Array) =>
    match(matching, [1, 1], 0, Float64Array.of(0, 0), 0, state, 0, objects, attributes);
  // Own: (e^-1 + 1) / 2; kin: (e^-1 + 0) / 2.
  near([of(Float64Array.of(1, 0))], [(Math.exp(-1) + 1) / 2]);
  assert.ok(Number.isNaN(of(Float64Array.of(Number.NaN, 0))));
});

const modelOf = (id: TaskId): TaskModel => tasks[id].create(defaultsOf(tasks[id].fields));

async function fitted(
  task: TaskModel,
  footage: readonly Footage[] = [],
  given: AnySettings = {},
  layout?: FrameLayout,
): Promise<{ model: RewardModel; metrics: Readonly<Record<string, number>> }> {
  const settings = { ...defaultsOf(stateMatch.fields), ...given };
  const senses = stateMatch.senses!(settings);
  const own = layout ?? openSenses(task, senses);
  const context: FitContext = {
    // Nothing is computed on it.
    compute: undefined as unknown as FitContext['compute'],
    seed: 0,
    frameDim: own.dim,
    layout: own,
    stages: task.stages.map(({ id }) => id),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
  return stateMatch.fit(
    footage.map((one) => demonstrate(task, one, senses)),
    settings,
    context,
  );
}

test('scales come from the first frame: half the way is e^-1/2, and what is right at the start has restScale', async () => {
  const { model, metrics } = await fitted(modelOf('push'), [], { restScale: 2 });
  assert.deepEqual(metrics, { 'goal/objects': 1, 'goal/attributes': 2 });
  // achieved x y z speed, desired x y z speed: 0.2 m away at rest; half way at 0.4 m/s; there at rest.
  const frames = Float64Array.of(
    ...[0, 0, 0.025, 0, 0.2, 0, 0.025, 0],
    ...[0.1, 0, 0.025, 0.4, 0.2, 0, 0.025, 0],
    ...[0.2, 0, 0.025, 0, 0.2, 0, 0.025, 0],
  );
  const { perStep, extras } = model.score(frames, 2);
  assert.deepEqual(Object.keys(extras), [
    'object/block',
    'attribute/block/position',
    'attribute/block/speed',
  ]);
  near(extras['attribute/block/position']!, [Math.exp(-1), Math.exp(-0.5), 1]);
  near(extras['attribute/block/speed']!, [1, Math.exp(-0.2), 1]);
  near(perStep, [(Math.exp(-1) + 1) / 2, (Math.exp(-0.5) + Math.exp(-0.2)) / 2, 1]);
  const fixed = await fitted(modelOf('push'), [], { scaling: 'fixed', scale: 0.1 });
  near(fixed.model.score(frames, 2).extras['attribute/block/position']!, [Math.exp(-2), Math.exp(-1), 1]);
});

test('every task with goals has a tree, and its expert ends with a better match than it began', async () => {
  for (const id of ['reach', 'stack', 'drawer', 'sort', 'drill-hover', 'maze'] as const) {
    const task = modelOf(id);
    const [episode] = play({ model: task, player: { kind: 'expert' }, seeds: [3] });
    const { model } = await fitted(task);
    const { perStep } = model.score(sensed(task, episode!, model.senses), episode!.length);
    assert.ok(perStep.at(-1)! > perStep[0]! + 0.05, `${id}: ${perStep[0]} -> ${perStep.at(-1)}`);
  }
});

test('without a stated goal the end of a demonstration is one', async () => {
  const peg = modelOf('peg');
  const footage = play({ model: peg, player: { kind: 'expert' }, seeds: [1, 2, 3] });
  await assert.rejects(fitted(peg), /task peg has no goals, so there is no sense "goal"/);
  const { model, metrics } = await fitted(peg, footage.slice(0, 1), { goalFrom: 'demonstration' });
  assert.ok(Math.abs(metrics['match/end']! - 1) < 1e-6);
  const { perStep } = model.score(sensed(peg, footage[2]!, model.senses), footage[2]!.length);
  assert.ok(perStep.at(-1)! > perStep[0]! + 0.1, `${perStep[0]} -> ${perStep.at(-1)}`);
  const wandering = play({ model: peg, player: { kind: 'wandering' }, seeds: [9] });
  await assert.rejects(
    fitted(peg, wandering, { goalFrom: 'demonstration' }),
    /found 1, none of them a success, wanted one to take the goal from/,
  );
});

test('other senses and broken demonstrations are refused', async () => {
  const push = modelOf('push');
  await assert.rejects(
    fitted(push, [], {}, openSenses(push, ['observation'])),
    /found senses observation, wanted goal alone/,
  );
  const [episode] = play({ model: push, player: { kind: 'expert' }, seeds: [3], name: 'broken' });
  const demonstration = demonstrate(push, episode!, ['goal']);
  demonstration.frames[5] = Number.NaN;
  const layout = openSenses(push, ['goal']);
  await assert.rejects(
    stateMatch.fit([demonstration], defaultsOf(stateMatch.fields), {
      compute: undefined as unknown as FitContext['compute'],
      seed: 0,
      frameDim: layout.dim,
      layout,
      stages: [],
      signal: new AbortController().signal,
      onProgress: () => undefined,
    }),
    /broken 3/,
  );
});
