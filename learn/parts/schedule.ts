/** Learning rates over a run. */

import type { Field } from '../../sim/fields.ts';

/** Schedules end at this share of what they began with and stay there when a run is taken further. */
const lastShare = 0.05;

export const scheduleField = (byDefault: 'constant' | 'linear') =>
  ({
    type: 'choice',
    default: byDefault,
    options: ['constant', 'linear', 'cosine'],
    help: 'Over the training: kept, or lowered to a twentieth along a line or a cosine.',
  }) as const satisfies Field;

export type Schedule = ReturnType<typeof scheduleField>['options'][number];

/** What a schedule leaves after this share of the training, from 1 to a twentieth. */
export function scheduled(schedule: Schedule, done: number): number {
  if (schedule === 'constant') return 1;
  const left = schedule === 'linear' ? 1 - done : 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)));
  return Math.max(lastShare, left);
}

/** The step size of Adam once so many environment steps of the training are done. */
export const learningRateAfter = (
  done: number,
  settings: {
    readonly learningRate: number;
    readonly learningRateSchedule: Schedule;
    readonly steps: number;
  },
): number => settings.learningRate * scheduled(settings.learningRateSchedule, done / settings.steps);
