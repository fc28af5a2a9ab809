import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headFor } from '../../../learn/parts/heads.ts';
import { createBatch, imitationLoss, Labelled } from '../../../learn/parts/imitation.ts';
import { Random } from '../../../learn/parts/random.ts';

test('rows come back as they were added, from the places they were told', () => {
  const labelled = new Labelled(2, 1);
  for (let i = 0; i < 5; i++) labelled.add(Float64Array.of(9, i, i + 0.5), 1, Float64Array.of(-i), 0);
  labelled.add(Float64Array.of(7, 8), 0, Float64Array.of(0.5), 0, 0.25);
  const batch = createBatch(3, 2, 1);
  labelled.gather(Int32Array.of(5, 0, 3), batch);
  assert.equal(labelled.rows, 6);
  assert.deepEqual(batch, {
    observations: Float64Array.of(7, 8, 0, 0.5, 3, 3.5),
    actions: Float64Array.of(0.5, -0, -3),
    weights: Float64Array.of(0.25, 1, 1),
  });
});

test('a row that is not finite is refused by what it is', () => {
  const labelled = new Labelled(1, 2);
  const one = Float64Array.of(1);
  assert.throws(
    () => labelled.add(one, 0, Float64Array.of(0, Number.NaN), 0),
    /row 0: action 1 is NaN, wanted a finite number/,
  );
  assert.throws(() => labelled.add(Float64Array.of(1 / 0), 0, one, 0), /observation 0 is Infinity/);
});

test('losses are the weighted squared distance and the weighted likelihood, errors the distance and the wrong share', () => {
  const head = headFor(2);
  const batch = { actions: Float64Array.of(0.5, 0, -1, 1), weights: Float64Array.of(3, 1) };
  const state = { outputs: Float64Array.of(0.1, 0.2, -1, 3), loose: Float64Array.of(0, 0) };
  const { loss, error } = imitationLoss(head, 'squared', 2, state, batch);
  // Rows count 3/4 and 1/4; the last mean, 3, is clipped to 1 as an action but not in the loss.
  assert.ok(Math.abs(loss - 0.5 * (0.75 * (0.16 + 0.04) + 0.25 * 4)) < 1e-12);
  assert.ok(Math.abs(error - 0.5 * 0.75 * 0.6) < 1e-12);
  const nll = imitationLoss(head, 'likelihood', 2, state, batch).loss;
  assert.ok(Math.abs(nll - (loss + Math.log(2 * Math.PI))) < 1e-12);

  const options = headFor(1, [2]);
  const judged = imitationLoss(
    options,
    'squared',
    2,
    { outputs: Float64Array.of(1, 1, 0, 2), loose: new Float64Array(0) },
    { actions: Float64Array.of(1, 1), weights: Float64Array.of(1, 1) },
  );
  assert.equal(judged.error, 0.5);
  assert.ok(Math.abs(judged.loss - 0.5 * (Math.log(2) + Math.log(1 + Math.exp(-2)))) < 1e-12);
});

test('rows that count for nothing give no loss and no gradient', () => {
  const out = { dOutputs: Float64Array.of(7), dLoose: Float64Array.of(0) };
  const state = { outputs: Float64Array.of(0.3), loose: Float64Array.of(0) };
  const batch = { actions: Float64Array.of(1), weights: Float64Array.of(0) };
  assert.equal(imitationLoss(headFor(1), 'likelihood', 1, state, batch, out).loss, 0);
  assert.ok(out.dOutputs[0] === 0 && out.dLoose[0] === 0);
});

test('gradients by hand equal finite differences', () => {
  const random = new Random(1);
  const cases = [
    [headFor(2), 'squared'],
    [headFor(2), 'likelihood'],
    [headFor(2, [3, 2]), 'likelihood'],
  ] as const;
  for (const [head, kind] of cases) {
    const rows = 3;
    const outputs = Float64Array.from({ length: rows * head.outputs }, () => random.gaussian());
    const loose = Float64Array.from({ length: head.looseCount }, () => 0.2 * random.gaussian());
    const batch = {
      actions: Float64Array.from({ length: rows * 2 }, () => (head.looseCount > 0 ? random.gaussian() : 1)),
      weights: Float64Array.of(1, 0.5, 2),
    };
    const out = { dOutputs: new Float64Array(outputs.length), dLoose: new Float64Array(loose.length) };
    imitationLoss(head, kind, rows, { outputs, loose }, batch, out);
    for (const [values, found] of [
      [outputs, out.dOutputs],
      [loose, out.dLoose],
    ] as const) {
      for (let k = 0; k < values.length; k++) {
        const kept = values[k]!;
        values[k] = kept + 1e-6;
        const up = imitationLoss(head, kind, rows, { outputs, loose }, batch).loss;
        values[k] = kept - 1e-6;
        const down = imitationLoss(head, kind, rows, { outputs, loose }, batch).loss;
        values[k] = kept;
        const wanted = (up - down) / 2e-6;
        assert.ok(Math.abs(found[k]! - wanted) < 1e-7, `${kind} ${k}: ${found[k]} ${wanted}`);
      }
    }
  }
});
