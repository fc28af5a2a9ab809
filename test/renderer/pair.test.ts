import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RewardName } from '../../renderer/state/distances.ts';
import type { LoadedEpisode, Series } from '../../renderer/state/opened.ts';
import {
  curveOfReward,
  ownRewards,
  pairDifference,
  pairWords,
  picksOfPair,
  type RewardPair,
} from '../../renderer/timeline/pair.ts';

/** What a pair reads of an episode. */
const episode = {
  episode: { id: 9, task: 'reach' },
  length: 2,
  terms: [
    ['task/near', 0.5],
    ['task/held', 1],
    ['task/done', 1],
  ].map(([id, raw]) => ({ id, raw: Float64Array.of(0, Number(raw)) })),
} as unknown as LoadedEpisode;

const terms = [
  { id: 'near', kind: 'dense', weight: 2 },
  { id: 'held', kind: 'dense', weight: 3 },
  { id: 'done', kind: 'sparse', weight: 1 },
];

const truth: RewardName = { key: 'true progress', title: '', kind: 'task', id: null };
const dense: RewardName = { key: 'dense', title: '', kind: 'task', id: null };
const sparse: RewardName = { key: 'sparse', title: '', kind: 'task', id: null };
const sarm: RewardName = { key: 'sarm #4', title: '', kind: 'model', id: 4 };
const ramp: RewardName = { key: 'time-ramp', title: '', kind: 'baseline', id: null };
const shuffled: RewardName = { key: 'shuffled-frames', title: '', kind: 'baseline', id: null };
const pairOf = (...sides: [RewardName, RewardName]): RewardPair => ({ task: 'reach', sides, terms });

const line = (name: string, lane: Series['lane'], values: readonly number[]): Series => ({
  name,
  lane,
  values,
  label: name,
  help: '',
});

test('a reward of a judgement is scored, found among what was recorded, or said to be neither', () => {
  assert.deepEqual(
    [truth, dense, sarm, ramp].map((side) => curveOfReward(side, episode, terms)),
    [
      { name: 'progress/true', pick: null },
      { name: 'reward/own/dense', pick: null },
      { name: 'progress/model/4', pick: '4' },
      { name: 'progress/model/time-ramp', pick: 'time-ramp' },
    ],
  );
  // 2 x 0.5 + 3 x 1
  assert.deepEqual(
    ownRewards(pairOf(dense, sarm), episode).map(({ name, values }) => [name, [...Array.from(values)]]),
    [['reward/own/dense', [0, 4]]],
  );
  assert.deepEqual(picksOfPair(pairOf(sarm, ramp), episode), ['4', 'time-ramp']);
  assert.deepEqual(picksOfPair(pairOf(truth, shuffled), episode), []);
  assert.match(
    pairWords(pairOf(truth, shuffled), episode),
    /^Not both on episode 9: shuffled-frames was fitted for the judgement alone/,
  );
  assert.match(
    pairWords(pairOf(sarm, dense), { ...episode, terms: episode.terms.slice(1) }),
    /dense was not recorded in episode 9/,
  );
  assert.match(pairWords(pairOf(sarm, ramp), null), /^No episode is open/);
});

test('the band of a pair lies between its two curves alone, and only where they have one unit', () => {
  const series = [
    line('progress/true', 'progress', [0, 0.5]),
    line('progress/model/4', 'progress', [0.25, 0.25]),
    line('progress/model/7', 'progress', [0.9, 0.9]),
    line('reward/own/dense', 'reward', [2]),
    line('reward/own/sparse', 'reward', [-1]),
  ];
  const band = pairDifference(pairOf(truth, sarm), episode, series)!;
  assert.deepEqual(
    [band.name, [...Array.from(band.values)], [...Array.from(band.band!.low)]],
    ['progress/difference', [0.25, 0.25], [0, 0.25]],
  );
  const rewards = pairDifference(pairOf(dense, sparse), episode, series)!;
  assert.deepEqual([rewards.name, rewards.lane, rewards.values[0]], ['reward/difference', 'reward', 3]);
  assert.equal(pairDifference(pairOf(truth, dense), episode, series), null);
  assert.equal(pairDifference(pairOf(truth, ramp), episode, series), null, 'not scored yet');
});
