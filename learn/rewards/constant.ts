// No paper: the reward that knows nothing.
/**
 * The same progress for every frame. A measure that calls it good measures nothing; a reward that does not beat it in
 * training adds nothing to the terms beside it.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { openModel, packModel } from './bytes.ts';
import { throwIfAborted } from './fitting.ts';
import { createRewardModel } from './model.ts';
import type { LearnedReward, RewardModel } from './types.ts';

const fields = {
  value: { type: 'number', default: 0.5, min: 0, max: 1, help: 'Progress of every frame' },
} as const satisfies Fields;

const title = 'Constant model';
const magic = 'rl-const';

export const constant: LearnedReward = {
  kind: 'learned',
  id: 'constant',
  title: 'Constant (counter-baseline)',
  summary: 'The same progress for every frame: what a model must beat before its numbers mean anything.',
  source: 'none: a counter-baseline',
  fields,
  causal: true,
  baseline: true,
  leastDemonstrations: 0,
  workload: () => ({ networks: [], updateRows: 1, actRows: 1 }),
  async fit(_, given, { frameDim, stages, signal }) {
    throwIfAborted(signal);
    const { value } = settingsOf(given);
    return { model: createModel(value, frameDim, stages), metrics: {} };
  },
  load(bytes) {
    const { header, frameDim, stages } = openModel(title, magic, bytes);
    const value = Number(header['value']);
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${title}: found value ${value}, wanted 0 to 1`);
    return createModel(value, frameDim, stages);
  },
};

const settingsOf = (given: AnySettings) => ({ ...defaultsOf(fields), ...given }) as Settings<typeof fields>;

function createModel(value: number, frameDim: number, stages: readonly string[]): RewardModel {
  return createRewardModel({
    method: 'constant',
    title,
    senses: ['observation'],
    frameDim,
    stages,
    scorer: () => ({
      memory: 0,
      extras: [],
      begin() {},
      run(_frames, _offset, rows, _memory, _memoryOffset, { progress }) {
        progress.fill(value, 0, rows);
      },
    }),
    save: () => packModel(magic, { header: { value, frameDim, stages }, weights: new Float32Array(0) }),
  });
}
