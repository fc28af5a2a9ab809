import type { NativeReward } from './types.ts';

export const dense: NativeReward = {
  kind: 'native',
  id: 'dense',
  title: 'Dense task reward',
  summary: "The task's own hand-written terms in [0, 1] (distances, contacts), one term each in the stack.",
  fields: {},
  termKind: 'dense',
};
