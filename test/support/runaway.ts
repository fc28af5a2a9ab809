/** A world that diverges for real. */

import type { TaskModel } from '../../sim/env.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { modelOf } from '../sim/tasks/worlds.ts';

/** A point that every action pushes away from zero: it explodes after some steps, sooner or later by its seed. */
export function runaway({ guardDim }: { readonly guardDim?: number } = {}): TaskModel {
  return {
    ...modelOf(tasks.push),
    id: 'runaway',
    stateDim: 3,
    horizon: 1000,
    ...(guardDim === undefined ? {} : { guardDim }),
    actionSpace: { type: 'box', dim: 1, low: Float64Array.of(-1), high: Float64Array.of(1), names: ['push'] },
    observationSpace: {
      type: 'box',
      dim: 1,
      low: Float64Array.of(-1e4),
      high: Float64Array.of(1e4),
      names: ['place'],
    },
    reset(seed, state, o) {
      state.set([0, 0.001 * (1 + seed), 1], o);
    },
    advance(states, actions, first, count) {
      for (let w = first; w < first + count; w++) {
        states[3 * w]! += 1;
        states[3 * w + 1] = 1.05 * states[3 * w + 1]! + 1e-3 * actions[w]!;
        states[3 * w + 2]! *= 1.01;
      }
    },
    observe(state, o, out, at) {
      out[at] = state[o + 1]!;
    },
    terminal: () => false,
    success: () => false,
    progress: (state, o) => (state[o + 1]! < 100 ? 0 : 0.5),
    stage: () => 0,
    expert(_state, _o, out, at) {
      out[at] = 1;
    },
  };
}
