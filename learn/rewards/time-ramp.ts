// No paper: the clock as a reward.
/**
 *   progress_t = min(1, t / L)        L: steps of the mean successful demonstration, or as set
 *
 * It sees nothing but the number of frames since the episode began. On demonstrations, where time and progress go together,
 * value-order correlation calls it perfect; on failures it goes up all the same.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { openModel, packModel } from './bytes.ts';
import { throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel } from './model.ts';
import type { Demonstration, LearnedReward, RewardModel } from './types.ts';

const fields = {
  steps: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 100_000,
    unit: 'steps',
    help: 'When the ramp is at 1. 0: the mean length of the demonstrations that succeeded; of all where none did; 100 without any',
  },
} as const satisfies Fields;

const title = 'Time ramp model';
const magic = 'rl-tramp';
/** Of the ramp where there is nothing to take it from: the horizon of most tasks. */
const stepsByDefault = 100;

export const timeRamp: LearnedReward = {
  kind: 'learned',
  id: 'time-ramp',
  title: 'Time ramp (counter-baseline)',
  summary: 'The clock alone: it looks perfect on demonstrations and says the same of every failure.',
  source: 'none: a counter-baseline',
  fields,
  causal: true,
  baseline: true,
  leastDemonstrations: 0,
  workload: () => ({ networks: [], updateRows: 1, actRows: 1 }),
  async fit(demonstrations, given, { frameDim, stages, signal }) {
    throwIfAborted(signal);
    checkEpisodes(demonstrations, frameDim, 0);
    const { steps } = settingsOf(given);
    const length = steps > 0 ? steps : meanLength(demonstrations);
    return { model: createModel(length, frameDim, stages), metrics: { rampSteps: length } };
  },
  load(bytes) {
    const { header, frameDim, stages } = openModel(title, magic, bytes);
    const length = Number(header['length']);
    if (!(length > 0)) throw new RangeError(`${title}: found a ramp of ${length} steps, wanted more than 0`);
    return createModel(length, frameDim, stages);
  },
};

const settingsOf = (given: AnySettings) => ({ ...defaultsOf(fields), ...given }) as Settings<typeof fields>;

function meanLength(demonstrations: readonly Demonstration[]): number {
  if (demonstrations.length === 0) return stepsByDefault;
  const succeeded = demonstrations.filter(({ success }) => success);
  const counted = succeeded.length > 0 ? succeeded : demonstrations;
  return counted.reduce((sum, { length }) => sum + length, 0) / counted.length;
}

function createModel(length: number, frameDim: number, stages: readonly string[]): RewardModel {
  return createRewardModel({
    method: 'time-ramp',
    title,
    senses: ['observation'],
    frameDim,
    stages,
    scorer: () => ({
      // Frames since the first.
      memory: 1,
      extras: [],
      begin(_frames, _offset, memory, memoryOffset) {
        memory[memoryOffset] = 0;
      },
      run(_frames, _offset, rows, memory, memoryOffset, { progress }, isFirst) {
        for (let row = 0; row < rows; row++) {
          if (!isFirst) memory[memoryOffset + row]! += 1;
          progress[row] = Math.min(1, memory[memoryOffset + row]! / length);
        }
      },
    }),
    save: () => packModel(magic, { header: { length, frameDim, stages }, weights: new Float32Array(0) }),
  });
}
