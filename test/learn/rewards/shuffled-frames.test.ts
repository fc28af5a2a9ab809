import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import { shuffle, shuffledFrames } from '../../../learn/rewards/shuffled-frames.ts';
import { timeContrastive } from '../../../learn/rewards/time-contrastive.ts';
import type { Demonstration, FitContext } from '../../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { plainLayout } from '../../support/layout.ts';

const quick = { updates: 200, hiddenSize: 16, minibatch: 64, holdout: 0 };
let kernel: Kernel;
let context: FitContext;
before(async () => {
  kernel = await openKernel({ threads: 1 });
  context = {
    compute: kernel,
    seed: 1,
    frameDim: 2,
    layout: plainLayout(2),
    stages: ['only'],
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
});
after(() => kernel.dispose());

/** A point on a line from 0 to 1 in 20 steps, with noise. */
const walks = (count: number, seed: number, success = true): Demonstration[] => {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => ({
    id: `walk ${i}`,
    length: 20,
    frames: Float64Array.from({ length: 42 }, (_, n) =>
      n % 2 === 0 ? (success ? n / 40 : 0) + 0.02 * random.gaussian() : random.gaussian(),
    ),
    stages: [],
    success,
  }));
};

test('every frame is kept whole, in another order', () => {
  const [walk] = walks(1, 1);
  const rows = ({ frames }: Demonstration) =>
    Array.from({ length: 21 }, (_, t) => `${frames[t * 2]} ${frames[t * 2 + 1]}`);
  const other = shuffle(walk!, 2, new Random(2));
  assert.notDeepEqual(rows(other), rows(walk!));
  assert.deepEqual(rows(other).sort(), rows(walk!).sort());
});

test('a line that the regressor learns is nothing to the shuffled one, and failures do not help it', async () => {
  const training = [...walks(20, 3), ...walks(10, 4, false)];
  const spread = async (method: typeof shuffledFrames) => {
    const { model } = await method.fit(training, quick, context);
    const { perStep } = model.score(walks(1, 5)[0]!.frames, 20);
    return { rise: perStep[20]! - perStep[0]!, level: perStep[0]! };
  };
  const [shuffled, ordered] = [await spread(shuffledFrames), await spread(timeContrastive)];
  assert.ok(ordered.rise > 0.7, `in order ${ordered.rise}`);
  assert.ok(Math.abs(shuffled.rise) < 0.2, `shuffled ${shuffled.rise}`);
  assert.ok(Math.abs(shuffled.level - 0.5) < 0.15, `level ${shuffled.level}`);
});

test('a kept model names itself and is not taken for the regressor inside', async () => {
  const { model } = await shuffledFrames.fit(walks(3, 3), { ...quick, updates: 5 }, context);
  const bytes = model.save();
  assert.equal(shuffledFrames.load(bytes).method, 'shuffled-frames');
  assert.deepEqual(shuffledFrames.load(bytes).save(), bytes);
  assert.throws(() => timeContrastive.load(bytes), /found "rl-shuff" at the start, wanted "rl-time1"/);
});
