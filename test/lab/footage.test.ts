import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demonstrate, play, trajectory } from '../../lab/footage.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

const model = tasks.push.create(defaultsOf(tasks.push.fields));

test('the same player and seed play the same episode, and the truth is that of its states', () => {
  const [one] = play({ model, player: { kind: 'expert', noise: 0.3 }, seeds: [5] });
  const [same] = play({ model, player: { kind: 'expert', noise: 0.3 }, seeds: [5] });
  assert.deepEqual(one, same);
  const last = one!.length * model.stateDim;
  assert.equal(one!.truth.progress.length, one!.length + 1);
  assert.equal(one!.truth.progress.at(-1), model.progress(one!.states, last));
  assert.equal(one!.outcome === 'success', model.success(one!.states, last));
});

test('an expert succeeds where somebody who wanders does not', () => {
  const outcomes = (kind: 'expert' | 'wandering') =>
    play({ model, player: { kind }, seeds: [1, 2, 3, 4] }).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes('expert'), ['success', 'success', 'success', 'success']);
  assert.ok(outcomes('wandering').every((outcome) => outcome !== 'success'));
});

test('played actions lead to the played states', () => {
  const [footage] = play({ model, player: { kind: 'wandering' }, seeds: [8], steps: 20 });
  const state = footage!.states.slice(0, model.stateDim);
  for (let t = 0; t < footage!.length; t++) {
    model.advance(state, footage!.actions.slice(t * 3, t * 3 + 3), 0, 1);
    assert.deepEqual(state, footage!.states.slice((t + 1) * model.stateDim, (t + 2) * model.stateDim));
  }
});

test('a script, another start and steps beyond the end are possible', () => {
  const [idle] = play({
    model,
    player: { kind: 'script', act: (_state, _offset, out) => out.fill(0) },
    seeds: [2],
    steps: 7,
    name: 'idle',
    start: (state) => {
      state[0] = 3;
    },
  });
  assert.deepEqual([idle!.id, idle!.length, idle!.states[0]], ['idle 2', 7, 3]);
  const player = { kind: 'expert' } as const;
  // By default episodes of push last to the horizon.
  const ending = tasks.push.create({ ...defaultsOf(tasks.push.fields), fixedHorizon: false });
  const [ended] = play({ model: ending, player, seeds: [1] });
  const [on] = play({ model: ending, player, seeds: [1], beyondEnd: true });
  assert.ok(on!.length === ending.horizon && ended!.length < on!.length);
});

test('a demonstration carries frames and labels and nothing of the truth', () => {
  const [footage] = play({ model, player: { kind: 'expert' }, seeds: [1] });
  const demonstration = demonstrate(model, footage!, ['goal', 'observation']);
  assert.deepEqual(Object.keys(demonstration).sort(), [
    'frames',
    'id',
    'length',
    'stages',
    'success',
    'task',
  ]);
  assert.equal(
    demonstration.frames.length,
    (footage!.length + 1) * (2 * model.goals!.dim + model.observationSpace.dim),
  );
  assert.equal(demonstration.stages.at(-1)!.end, footage!.length + 1);
  assert.equal(trajectory(model, footage!).actions.length, footage!.length * model.actionSpace.dim);
});
