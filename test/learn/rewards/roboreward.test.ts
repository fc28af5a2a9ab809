import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openCounterfactuals } from '../../../lab/counterfactuals.ts';
import { demonstrate, type Footage, play } from '../../../lab/footage.ts';
import { answeredScore, balanceOf, corn, cornScores, roboreward } from '../../../learn/rewards/roboreward.ts';
import { openSenses } from '../../../learn/rewards/senses.ts';
import type { CounterfactualSource, Demonstration, FitContext, Judge } from '../../../learn/rewards/types.ts';
import type { Compute } from '../../../learn/tensor/compute.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const near = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  assert.equal(found.length, wanted.length);
  for (const [i, value] of wanted.entries())
    assert.ok(Math.abs(found[i]! - value) < 1e-6, `${i}: ${found[i]}, ${value}`);
};

test('the loss is log 2 where nothing is known, and asks each example only the questions up to its own score', () => {
  // y = 0: question 0 alone (answer no). y = 2: questions 0 and 1 (yes), 2 (no). Four answers in all, each sigmoid 0 = 1/2.
  const dZ = new Float64Array(8);
  const loss = corn(new Float64Array(8), [0, 2], dZ);
  near([loss], [Math.LN2]);
  near(dZ, [0.5 / 4, 0, 0, 0, -0.5 / 4, -0.5 / 4, 0.5 / 4, 0]);
  // y = 4 alone: four questions, all yes. softplus(-1), softplus(1), softplus(-2), log 2 = 0.313262, 1.313262, 0.126928, 0.693147
  near([corn([1, -1, 2, 0], [4], new Float64Array(4))], [(0.313262 + 1.313262 + 0.126928 + Math.LN2) / 4]);
  // Logits far off neither overflow nor lose the loss: a sure wrong answer costs as much as its logit.
  near([corn([800, 0, 0, 0], [0], new Float64Array(4))], [800]);
});

test('the gradient is that of the loss', () => {
  const z = Float64Array.of(0.3, -1.2, 0.8, 2, -0.4, 0.1, 1.5, -2, 0.7, 0.2, -0.6, 0.9);
  const y = [1, 4, 3];
  const dZ = new Float64Array(12);
  corn(z, y, dZ);
  const unused = new Float64Array(12);
  const numeric = z.map((value, i) => {
    const [up, down] = [1e-5, -1e-5].map((step) =>
      corn(
        z.map((other, j) => (j === i ? value + step : other)),
        y,
        unused,
      ),
    );
    return (up! - down!) / 2e-5;
  });
  near(dZ, [...numeric]);
});

test('probabilities of the scores are products of the answers, and the progress is (expected score - 1) / 4', () => {
  // Answers 1/2 each: P(y > k) = 1/2, 1/4, 1/8, 1/16; their mean is 15/64.
  const p = new Float64Array(6);
  near([cornScores([9, 0, 0, 0, 0], 1, p, 1)], [15 / 64]);
  near(p, [0, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 16]);
  // Surely above 2 and surely not above 3: score 3, progress 1/2.
  near([cornScores([50, 50, -50, 0], 0, p, 0)], [0.5]);
  near(p.subarray(0, 5), [0, 0, 1, 0, 0]);
});

test('the balance is the share of each score', () => {
  near(balanceOf([{ y: 4 }, { y: 4 }, { y: 0 }, { y: 2 }]), [0.25, 0, 0.25, 0, 0.5]);
});

const model = tasks.push.create(defaultsOf(tasks.push.fields));
let compute: Compute;
let successes: Footage[];
let failures: Footage[];
before(async () => {
  compute = await openKernel({ threads: 1 });
  const seeds = (from: number) => Array.from({ length: 8 }, (_, i) => from + i);
  successes = play({ model, player: { kind: 'expert', noise: 0.2 }, seeds: seeds(1) }).filter(
    ({ outcome }) => outcome === 'success',
  );
  failures = play({ model, player: { kind: 'wandering' }, seeds: seeds(50) });
});
after(() => compute.dispose());

const sensesOf = (settings: AnySettings) =>
  roboreward.senses!({ ...defaultsOf(roboreward.fields), ...settings });

const fit = (
  demonstrations: readonly Demonstration[],
  counterfactuals: CounterfactualSource | undefined,
  settings: AnySettings = {},
  judge?: Judge,
) => {
  const { dim, parts } = openSenses(model, sensesOf(settings));
  const context: FitContext = {
    compute,
    seed: 3,
    frameDim: dim,
    layout: { dim, parts },
    stages: model.stages.map(({ id }) => id),
    ...(counterfactuals === undefined ? {} : { counterfactuals }),
    ...(judge === undefined ? {} : { judge }),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
  return roboreward.fit(
    demonstrations,
    { ...defaultsOf(roboreward.fields), updates: 60, ...settings },
    context,
  );
};
const asDemonstrations = (footage: readonly Footage[], settings: AnySettings = {}) =>
  footage.map((one) => demonstrate(model, one, sensesOf(settings)));

test('switches say which examples there are, and the balance shows what they change', async () => {
  const footage = [...successes, ...failures];
  const source = openCounterfactuals(model, footage);
  const counts = async (settings: AnySettings) => {
    const { metrics } = await fit(asDemonstrations(footage), source, {
      updates: 1,
      holdout: 0,
      clips: 3,
      relabels: 2,
      ...settings,
    });
    return ['organic', 'clip', 'relabel'].map((kind) => metrics[`examples/${kind}`]);
  };
  const [s, f] = [successes.length, failures.length];
  assert.deepEqual(await counts({}), [s + f, 3 * s, 2 * s]);
  assert.deepEqual(await counts({ negatives: 'clips' }), [s + f, 3 * s, 0]);
  assert.deepEqual(await counts({ negatives: 'relabels', failures: 'ignore' }), [s, 0, 2 * s]);
  assert.deepEqual(await counts({ negatives: 'none', failures: 'ignore' }), [s, 0, 0]);
  const { metrics } = await fit(asDemonstrations(successes), openCounterfactuals(model, successes), {
    updates: 1,
  });
  assert.equal(metrics['balance/before/5'], 1);
  assert.ok(metrics['balance/after/5']! < 0.7);
});

test('with negatives it learns to tell a success from its start; from successes alone it does not', async () => {
  const source = openCounterfactuals(model, successes);
  const first = async (settings: AnySettings) => {
    const { model: fitted, metrics } = await fit(asDemonstrations(successes), source, {
      updates: 300,
      holdout: 0,
      ...settings,
    });
    const scores = asDemonstrations(successes).map(({ frames, length }) => fitted.score(frames, length));
    return {
      metrics,
      starts: scores.map(({ perStep }) => perStep[0]!),
      ends: scores.map(({ perStep }) => perStep.at(-1)!),
      sums: scores.map(({ extras }) => Object.values(extras).reduce((sum, track) => sum + track[5]!, 0)),
    };
  };
  const both = await first({});
  assert.ok(Math.max(...both.starts) < 0.3, String(both.starts));
  assert.ok(Math.min(...both.ends) > 0.6, String(both.ends));
  for (const sum of both.sums) assert.ok(Math.abs(sum - 1) < 1e-6);
  const none = await first({ negatives: 'none' });
  // What it makes of a start that it never saw is chance; it has no reason to call it a failure.
  assert.ok(Math.min(...none.ends) > 0.9, String(none.ends));
  assert.ok(Math.max(...none.starts) > 0.8, String(none.starts));
  assert.deepEqual(await first({}), both);
});

test('labels that contradict the predicates are counted and corrected, or refused with their names', async () => {
  const called = asDemonstrations([...successes, ...failures.slice(0, 2)]).map((one, i) =>
    i === successes.length ? { ...one, success: true } : one,
  );
  const source = openCounterfactuals(model, [...successes, ...failures.slice(0, 2)]);
  const { metrics } = await fit(called, source, { updates: 1 });
  assert.equal(metrics['labels/contradicted'], 1);
  await assert.rejects(
    fit(called, source, { contradictions: 'refuse' }),
    /1 of \d+ contradict the simulator's predicates, wanted none: wandering 50 is called a success, but the whole of wandering 50: [1-4]/,
  );
});

test('what nobody can tell is refused, with the episode where there is one', async () => {
  const demonstrations = asDemonstrations(successes);
  const failed = asDemonstrations(failures.slice(0, 1));
  const source = openCounterfactuals(model, successes);
  await assert.rejects(fit(failed, undefined), /none of the 1 succeeded \(first: episode wandering 50\)/);
  await assert.rejects(fit(demonstrations, undefined), /negatives is both, but nobody gave the states/);
  await assert.rejects(
    fit([...demonstrations, ...failed], undefined, { negatives: 'none' }),
    /Episode wandering 50: it failed, and without its states nobody knows how badly/,
  );
  await assert.rejects(
    fit(demonstrations.slice(0, 1), openCounterfactuals(model, successes.slice(0, 1)), {
      negatives: 'relabels',
    }),
    /no demonstration can get another goal/,
  );
  const same: CounterfactualSource = {
    relabel: () => undefined,
    clip: (index, length) => ({ ...source.clip(index, length), score: 5 }),
  };
  await assert.rejects(fit(demonstrations, same), /all \d+ examples have score 5, wanted at least two/);
});

test('the score of an answer is that of its last ANSWER', () => {
  const cases: [string, number | undefined][] = [
    ['ANSWER: 4', 4],
    ['Not ANSWER: 1, since it moved.\nanswer: 2.', 2],
    ['**ANSWER: 5**', 5],
    ['ANSWER: 6', undefined],
    ['ANSWER: 2.5', undefined],
    ['4', undefined],
  ];
  for (const [text, score] of cases) assert.equal(answeredScore(text), score, text);
});

test('an endpoint scores the examples by two pictures; in use the model needs neither', async () => {
  const settings = { labels: 'endpoint', clips: 3, relabels: 2, view: 'top', instruction: 'push the block' };
  const footage = [...successes.slice(0, 3), ...failures.slice(0, 1)];
  const source = openCounterfactuals(model, footage, sensesOf(settings));
  const demonstrations = asDemonstrations(footage, settings);
  const sizes = new Set<string>();
  let asked = 0;
  // It sees only whether anything has changed at all.
  const judge: Judge = {
    name: 'test eye',
    ask: async ({ prompt, pictures }) => {
      assert.match(prompt, /push the block/);
      asked++;
      const [before, now] = pictures!;
      for (const { width, height } of [before!, now!]) sizes.add(`${width} x ${height}`);
      const isSame = Buffer.from(before!.rgb).equals(Buffer.from(now!.rgb));
      return `Looking.\nANSWER: ${isSame ? 1 : 4}`;
    },
  };
  const { model: fitted, metrics } = await fit(demonstrations, source, { ...settings, holdout: 0 }, judge);
  assert.deepEqual([...sizes], ['224 x 224']);
  // 3 successes with 3 clips and 2 relabels each, and a failure.
  assert.equal(asked, 3 * 6 + 1);
  assert.ok(metrics['labels/agreement']! > 0 && metrics['labels/agreement']! < 1);
  assert.equal(metrics['balance/after/5'], 0);
  assert.ok(metrics['balance/after/1']! >= 3 / 19 && metrics['balance/after/4']! > 0.5);
  assert.deepEqual([...fitted.senses], ['observation']);
  assert.equal(fitted.learnedFrom, 'test eye');
  const again = roboreward.load(fitted.save());
  const { frames, length } = asDemonstrations(footage)[0]!;
  assert.deepEqual(again.score(frames, length), fitted.score(frames, length));
  assert.equal(again.learnedFrom, 'test eye');

  await assert.rejects(fit(demonstrations, source, settings), /labels is endpoint and none is set; set one/);
  await assert.rejects(
    fit(demonstrations, source, settings, { ...judge, ask: async () => 'I cannot tell.' }),
    /test eye on episode expert \d+: answered "I cannot tell.", wanted a last line "ANSWER: n"/,
  );
});

test('predicates can be made as unsure as a model: that share of the labels is off by one', async () => {
  const source = openCounterfactuals(model, successes);
  const agreement = async (labelNoise: number) =>
    (await fit(asDemonstrations(successes), source, { updates: 1, labelNoise })).metrics['labels/agreement']!;
  assert.equal(await agreement(0), 1);
  assert.equal(await agreement(1), 0);
  const some = await agreement(0.3);
  assert.ok(some > 0.5 && some < 0.85, String(some));
});
