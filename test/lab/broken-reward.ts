/** Loaded into every thread by `node --import`: from the given step of an episode on, reach pays no number. */

import { tasks } from '../../sim/tasks/index.ts';

const { create } = tasks.reach;
const from = Number(process.env['BROKEN_FROM']);

Object.assign(tasks.reach, {
  create(settings: Parameters<typeof create>[0]): ReturnType<typeof create> {
    const model = create(settings);
    return {
      ...model,
      reward(state, stateOffset, action, actionOffset, next, nextOffset, out, outOffset) {
        model.reward(state, stateOffset, action, actionOffset, next, nextOffset, out, outOffset);
        // The first number of a state counts the steps of the episode.
        if (next[nextOffset]! >= from) out.fill(Number.NaN, outOffset, outOffset + model.rewardTerms.length);
      },
    };
  },
});
