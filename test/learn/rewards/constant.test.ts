import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constant } from '../../../learn/rewards/constant.ts';
import type { FitContext } from '../../../learn/rewards/types.ts';
import { plainLayout } from '../../support/layout.ts';

// Nothing is computed, so there is no compute to open.
const context = {
  seed: 1,
  frameDim: 2,
  layout: plainLayout(2),
  stages: ['only'],
  signal: new AbortController().signal,
  onProgress: () => undefined,
} as unknown as FitContext;

test('without demonstrations every frame scores the value that was set, whatever it shows', async () => {
  const { model, metrics } = await constant.fit([], { value: 0.25 }, context);
  const frames = Float64Array.of(0, 1, 1e9, -3, Number.NaN, 2);
  assert.deepEqual(model.score(frames, 2), { perStep: Float32Array.of(0.25, 0.25, 0.25), extras: {} });
  assert.deepEqual(constant.load(model.save()).score(frames, 2), model.score(frames, 2));
  assert.deepEqual(metrics, {});
  assert.throws(() => model.score(frames, 3), /found 6 frame numbers, wanted 8/);
});
