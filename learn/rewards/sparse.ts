import type { NativeReward } from './types.ts';

export const sparse: NativeReward = {
  kind: 'native',
  id: 'sparse',
  title: 'Sparse task reward',
  summary:
    "The task's own 0/1 facts about success. Nothing to fit; says what is wanted and nothing about how.",
  fields: {},
  termKind: 'sparse',
};
