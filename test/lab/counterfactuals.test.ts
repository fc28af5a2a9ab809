import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCounterfactuals, openRubric } from '../../lab/counterfactuals.ts';
import { play } from '../../lab/footage.ts';
import { Lab } from '../../lab/lab.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { type TaskId, tasks } from '../../sim/tasks/index.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const modelOf = (id: TaskId): TaskModel => tasks[id].create(defaultsOf(tasks[id].fields));
const push = modelOf('push');
const at = (name: string): number => {
  const field = push.stateLayout.find((one) => one.name === name);
  assert.ok(field, `no ${name} in ${push.stateLayout.map((one) => one.name).join(' ')}`);
  return field.offset;
};

interface Row {
  readonly x: number;
  readonly speed?: number;
}

/** An episode of push on the line y = 0: the hand is far off, the block at these places, its goal at `goal`. */
function onLine(goal: number, rows: readonly Row[]): Float64Array {
  const states = new Float64Array(rows.length * push.stateDim);
  for (const [t, { x, speed = 0 }] of rows.entries()) {
    const o = t * push.stateDim;
    push.reset(1, states, o);
    states.set([x, 0, 0.025], o + at('block.pos'));
    states.set([speed, 0, 0], o + at('block.vel'));
    states.set([goal, 0, 0.025], o + at('goal'));
    states.set([-0.2, 0.2, 0.2], o + at('tool.x'));
  }
  return states;
}

test('the rubric scores the share of the way, what is missing and success, as worked by hand', () => {
  // The block starts 0.25 m from its goal, so q = 1 - rest / 0.25. Success: within 0.04 m and slower than 0.1 m/s.
  const rows: readonly (readonly [Row, number, RegExp])[] = [
    [{ x: 0 }, 1, /^0 % of the way/],
    [{ x: 0.035 }, 1, /^14 %/],
    [{ x: 0.04 }, 2, /^16 %/],
    [{ x: 0.12 }, 2, /^48 %/],
    [{ x: 0.13 }, 3, /^52 %/],
    [{ x: 0.195 }, 3, /^78 %/],
    // Rest 0.045: not within 0.04.
    [{ x: 0.205 }, 4, /^82 %/],
    // Within, but still sliding.
    [{ x: 0.22, speed: 0.3 }, 4, /^only blockSpeed is not as wanted$/],
    [{ x: 0.22 }, 5, /^the task counts as done$/],
    // Away from the goal.
    [{ x: -0.1 }, 1, /^0 %/],
  ];
  const episode = onLine(
    0.25,
    rows.map(([row]) => row),
  );
  const rubric = openRubric(push, [episode, onLine(0.1, [{ x: 0 }])]);
  for (const [t, [row, score, reason]] of rows.entries()) {
    const found = rubric(episode, t);
    assert.equal(found.score, score, JSON.stringify(row));
    assert.match(found.reason, reason);
  }
});

test('a later stage than at the start is worth 2 even where the thing has not moved', () => {
  const states = onLine(0.25, [{ x: 0 }, { x: 0 }]);
  // Right behind the block.
  states.set([-0.045, 0, 0.015], push.stateDim + at('tool.x'));
  const { score, reason } = openRubric(push, [states])(states, 1);
  assert.deepEqual([score, reason], [2, '0 % of the way to the goal is done, but stage push is reached']);
});

test('a relabelled episode is the same with the goal of the other, read again and scored anew', () => {
  const rows = [{ x: 0 }, { x: 0.1 }, { x: 0.22 }];
  const episodes = [
    { id: 'first', states: onLine(0.25, rows) },
    { id: 'second', states: onLine(0.1, [{ x: 0 }]) },
  ];
  const before = episodes[0]!.states.slice();
  const source = openCounterfactuals(push, episodes, ['goal']);
  const { frames, length, score, reason } = source.relabel(0, 7)!;
  // From 0.1 m before the new goal to 0.12 m behind it: q < 0.
  assert.equal(length, 2);
  assert.equal(score, 1);
  assert.equal(
    reason,
    'first with the goal of second (blockPos.x 0.1): 1, 0 % of the way to the goal is done',
  );
  // achieved x y z speed, desired x y z speed
  const frame = (t: number) => Array.from(frames.subarray(8 * t, 8 * t + 8), (v) => Number(v.toFixed(6)));
  assert.deepEqual(frame(0), [0, 0, 0.025, 0, 0.1, 0, 0.025, 0]);
  assert.deepEqual(frame(2), [0.22, 0, 0.025, 0, 0.1, 0, 0.025, 0]);
  assert.deepEqual(episodes[0]!.states, before);
  // Its clip ends at the new goal of the other, but keeps its own: 0.15 of 0.25 m are left.
  const clip = source.clip(0, 1);
  assert.deepEqual(
    [clip.length, clip.score, clip.reason],
    [1, 2, 'the first 1 of 2 steps of first: 2, 40 % of the way to the goal is done'],
  );
  assert.deepEqual(clip.frames, openCounterfactuals(push, episodes, ['goal']).clip(0, 2).frames.slice(0, 16));
});

test('the same seed draws the same goal, and no episode gets its own', () => {
  const episodes = [0.25, 0.1, 0.15, 0.25].map((goal, i) => ({
    id: `${i}`,
    states: onLine(goal, [{ x: 0 }]),
  }));
  const source = openCounterfactuals(push, episodes, ['goal']);
  const drawn = Array.from({ length: 30 }, (_, seed) => source.relabel(0, seed)!.reason.split(' ')[5]);
  assert.deepEqual(
    drawn,
    Array.from({ length: 30 }, (_, seed) => source.relabel(0, seed)!.reason.split(' ')[5]),
  );
  // Episode 3 has the same goal as episode 0.
  assert.deepEqual([...new Set(drawn)].sort(), ['1', '2']);
});

test('where the goal is no part of the state, or all goals are the same, there is nothing to relabel', () => {
  assert.equal(
    openCounterfactuals(push, [{ id: 'a', states: onLine(0.2, [{ x: 0 }]) }]).relabel(0, 1),
    undefined,
  );
  for (const id of ['drawer', 'peg'] as const) {
    const model = modelOf(id);
    const footage = play({ model, player: { kind: 'expert' }, seeds: [1, 2] });
    const source = openCounterfactuals(model, footage);
    assert.equal(source.relabel(0, 1), undefined, id);
    assert.equal(source.clip(0, 0).score, 1, id);
    assert.equal(source.clip(0, footage[0]!.length).score, 5, id);
    assert.deepEqual(
      Array.from({ length: footage[0]!.length + 1 }, (_, t) => source.clip(0, t).score).every(
        (score, t, all) => t === 0 || score >= all[t - 1]! - 1,
      ),
      true,
      id,
    );
  }
});

test('what is no episode, no clip or no number is refused with its name', () => {
  const states = onLine(0.25, [{ x: 0 }, { x: 0.1 }]);
  const source = openCounterfactuals(push, [{ id: 'here', states }]);
  assert.throws(() => source.clip(1, 1), /found episode 1, wanted 0 to 0/);
  assert.throws(() => source.clip(0, 3), /Episode here: found a clip of 3 steps, wanted 0 to 1/);
  states[push.stateDim + at('block.pos')] = Number.NaN;
  assert.throws(() => source.clip(0, 1), /Episode here: found a distance to the goal that is no number/);
});

test('a recipe with roboreward is fitted on the states of its demonstrations and trains', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  const settings = { updates: 40, clips: 3, relabels: 3 };
  const tiny = tinyRecipe({ reward: [{ reward: 'sparse' }, { reward: 'roboreward', settings }] });
  const { id } = lab.start({ ...tiny, algorithmSettings: { ...tiny.algorithmSettings, steps: 512 } }, 3);
  const run = await lab.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  const [model] = lab.models();
  assert.equal(model!.method, 'roboreward');
  const { metrics } = model!;
  assert.ok(metrics['examples/relabel']! > 0 && metrics['examples/clip']! > 0);
  const [demonstration] = lab.store.episodes.list({ kind: 'demonstration', limit: 1 }).items;
  assert.equal(lab.store.scores.of(demonstration!.id).length, 1);
});
