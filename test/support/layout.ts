import type { FrameLayout } from '../../learn/rewards/senses.ts';

/** A layout of `dim` observation numbers, for episodes that no task made. */
export const plainLayout = (dim: number): FrameLayout => ({
  dim,
  parts: [
    { sense: 'observation', offset: 0, dim, names: Array.from({ length: dim }, (_, i) => `number${i}`) },
  ],
});
