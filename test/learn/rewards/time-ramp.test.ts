import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeRamp } from '../../../learn/rewards/time-ramp.ts';
import type { Demonstration, FitContext } from '../../../learn/rewards/types.ts';
import { plainLayout } from '../../support/layout.ts';

// Nothing is computed, so there is no compute to open.
const context = {
  seed: 1,
  frameDim: 1,
  layout: plainLayout(1),
  stages: ['only'],
  signal: new AbortController().signal,
  onProgress: () => undefined,
} as unknown as FitContext;

const episode = (id: string, length: number, success: boolean): Demonstration => ({
  id,
  length,
  frames: new Float64Array(length + 1),
  stages: [],
  success,
});

const rampOf = async (demonstrations: readonly Demonstration[], steps = 0) =>
  (await timeRamp.fit(demonstrations, { steps }, context)).metrics['rampSteps'];

test('the ramp is as long as the mean success, else as the mean episode, else 100, or as set', async () => {
  const [a, b, failed] = [episode('a', 10, true), episode('b', 30, true), episode('c', 90, false)];
  assert.equal(await rampOf([a, b, failed]), 20);
  assert.equal(await rampOf([failed, episode('d', 50, false)]), 70);
  assert.equal(await rampOf([]), 100);
  assert.equal(await rampOf([a, b], 7), 7);
});

test('a frame scores by its number, at most 1, and a world that starts anew counts anew', async () => {
  const { model } = await timeRamp.fit([], { steps: 4 }, context);
  assert.deepEqual(model.score(new Float64Array(7), 6).perStep, Float32Array.of(0, 0.25, 0.5, 0.75, 1, 1, 1));
  const online = model.online(2);
  for (const world of [0, 1]) online.reset(world, Float64Array.of(0, 0), world);
  online.step(Float64Array.of(0, 0));
  online.reset(1, Float64Array.of(0, 0), 1);
  online.step(Float64Array.of(0, 0));
  assert.deepEqual(online.values, Float64Array.of(0.5, 0.25));
});

test('a demonstration that is none is named', async () => {
  const broken = { ...episode('a', 10, true), frames: new Float64Array(11).fill(Number.NaN) };
  await assert.rejects(timeRamp.fit([broken], {}, context), /Episode a: number 0 of frame 0 is NaN/);
});
