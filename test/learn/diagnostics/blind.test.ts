import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { demonstrate, play, sensed } from '../../../lab/footage.ts';
import { oracle, withoutOracle } from '../../../learn/diagnostics/blind.ts';
import { rewards } from '../../../learn/rewards/index.ts';
import { openSenses } from '../../../learn/rewards/senses.ts';
import type { Demonstration, RewardMethod, RewardModel } from '../../../learn/rewards/types.ts';
import type { Compute } from '../../../learn/tensor/compute.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const model = tasks.push.create(defaultsOf(tasks.push.fields));
const blind = withoutOracle(model);
const seeds = [1, 2, 3, 4, 5];
const footage = [
  ...play({ model, player: { kind: 'expert', noise: 0.3 }, seeds }),
  ...play({ model, player: { kind: 'wandering' }, seeds: seeds.slice(0, 2) }),
];
let compute: Compute;
before(async () => {
  compute = await openKernel({ threads: 1 });
});
after(() => compute.dispose());

test('a demonstration takes no truth, and no model scores an episode that carries it', () => {
  const { truth } = footage[0]!;
  const demonstration = demonstrate(model, footage[0]!);
  // @ts-expect-error: the oracle does not fit into what a reward model is fitted on
  const leaked: Demonstration = { ...demonstration, truth };
  assert.ok('truth' in leaked && !('truth' in demonstration));
  const ask = (reward: RewardModel): unknown =>
    // @ts-expect-error: a model scores plain frames
    reward.score(footage[0]!, footage[0]!.length);
  assert.equal(typeof ask, 'function');
});

test('whatever knows how the task goes throws in a blind model', () => {
  const state = footage[0]!.states.slice(0, model.stateDim);
  for (const name of oracle) {
    if (!(name in model)) continue;
    const asked = blind[name] as (...args: unknown[]) => unknown;
    assert.throws(() => asked(state, 0), new RegExp(`push: ${name} was asked for where only senses`), name);
  }
  const { goals } = blind;
  assert.throws(() => goals!.computeReward(state, 0, state, 0), /goals.computeReward/);
});

for (const [id, reward] of Object.entries(rewards) as [string, RewardMethod][]) {
  if (reward.kind !== 'learned') continue;
  test(`${id} reads its senses and scores without asking the oracle it is judged by`, async () => {
    const settings = {
      ...defaultsOf(reward.fields),
      ...('updates' in reward.fields ? { updates: 20 } : {}),
    };
    const senses = reward.senses?.(settings) ?? ['observation'];
    const { dim, parts } = openSenses(blind, senses);
    // Labels of the demonstrations come from the simulator, as they do from a person; frames come from the blind model.
    const demonstrations = footage.map((one) => ({
      ...demonstrate(model, one),
      frames: sensed(blind, one, senses),
    }));
    const fitted = await reward
      .fit(demonstrations, settings, {
        compute,
        seed: 1,
        frameDim: dim,
        layout: { dim, parts },
        stages: model.stages.map((stage) => stage.id),
        signal: new AbortController().signal,
        onProgress: () => undefined,
      })
      .catch((error: unknown) => {
        // A method that wants more than demonstrations says so; the oracle is not among what it may want.
        assert.ok(error instanceof RangeError, String(error));
        assert.doesNotMatch(error.message, /only senses may be read/);
        return undefined;
      });
    if (fitted === undefined) return;
    const { frames, length } = demonstrations[0]!;
    assert.equal(fitted.model.score(frames, length).perStep.length, length + 1);
    if (!reward.causal) return;
    const online = fitted.model.online(1);
    const needed = openSenses(blind, fitted.model.senses);
    const row = new Float64Array(needed.dim);
    needed.read(footage[0]!.states, 0, 1, row, 0);
    online.reset(0, row, 0);
    assert.ok(Number.isFinite(online.values[0]!));
  });
}
