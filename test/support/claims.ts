import type { Claim } from '../../lab/claims/types.ts';

const base = {
  metric: 'a number made of the seed',
  arms: { good: 'seed + 1', bad: 'seed' },
  baseline: 'bad',
  task: 'reach',
  seeds: 3,
} as const;

/** Experiments of no cost: what the machinery around them makes of their numbers is tested. */
export const claims: Readonly<Record<string, readonly Claim[]>> = {
  sums: [
    {
      ...base,
      id: 'greater',
      statement: 'seed + 1 is more than seed',
      expects: [{ kind: 'better', arm: 'good', than: 'bad', want: 'higher' }],
      run: async ({ seed, onProgress }) => {
        onProgress('adding');
        return { good: seed + 1, bad: seed };
      },
    },
    {
      ...base,
      id: 'nothing',
      statement: 'the data says nothing',
      unsuitable: (model) => (model.id === 'push' ? 'this task is not for it' : undefined),
      expects: [{ kind: 'reaches', arm: 'good', atLeast: 0.5 }],
      run: async ({ seed }) => ({ good: Number.NaN, bad: seed }),
    },
  ],
  broken: [
    {
      ...base,
      id: 'throws',
      statement: 'it breaks',
      expects: [],
      run: async () => {
        throw new RangeError('Episode 7: found nothing, wanted something');
      },
    },
  ],
  uneven: [
    {
      ...base,
      id: 'one-breaks',
      statement: 'seed 0 breaks while seed 1 goes on for ever',
      expects: [],
      run: ({ seed }) =>
        seed === 0
          ? Promise.reject(new RangeError('seed 0 is broken'))
          : new Promise(() => setInterval(() => undefined, 1000)),
    },
  ],
  endless: [
    {
      ...base,
      id: 'waits',
      statement: 'it never ends',
      expects: [],
      run: ({ onProgress }) => {
        onProgress('waiting');
        return new Promise(() => setInterval(() => undefined, 1000));
      },
    },
  ],
};
