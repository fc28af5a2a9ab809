import assert from 'node:assert/strict';
import { test } from 'node:test';
import { episode, project, run } from './support.ts';

const spans = [
  { stage: 0, start: 0, end: 8 },
  { stage: 2, start: 8, end: 21 },
];

test('labels of an episode, source and scheme replace each other and no others', (t) => {
  const { runs, episodes, labels } = project(t);
  const id = episodes.add(episode(runs.create(run)));
  labels.set(id, 'simulator', 'sparse', [{ stage: 1, start: 0, end: 21 }]);
  labels.set(id, 'Ada', 'sparse', spans.toReversed());
  labels.set(id, 'simulator', 'dense', [{ stage: 5, start: 3, end: 4 }]);
  labels.set(id, 'simulator', 'sparse', spans);
  assert.deepEqual(labels.get(id), [
    ...spans.map((span) => ({ episodeId: id, source: 'Ada', scheme: 'sparse', ...span })),
    { episodeId: id, source: 'simulator', scheme: 'dense', stage: 5, start: 3, end: 4 },
    ...spans.map((span) => ({ episodeId: id, source: 'simulator', scheme: 'sparse', ...span })),
  ]);
  labels.set(id, 'Ada', 'sparse', []);
  assert.equal(labels.get(id).length, 3);
});

test('impossible labels are refused by episode and frames, and the old ones stay', (t) => {
  const { runs, episodes, labels } = project(t);
  const id = episodes.add(episode(runs.create(run)));
  labels.set(id, 'simulator', 'sparse', spans);
  const bad = (list: typeof spans, message: string): void =>
    assert.throws(() => labels.set(id, 'simulator', 'sparse', list), new RangeError(message));
  bad(
    [{ stage: 0, start: 4, end: 4 }],
    'Episode 1: label of stage 0 over frames 4 to 4: the end must come after the start',
  );
  bad(
    [{ stage: 0, start: 4, end: 22 }],
    'Episode 1: label of stage 0 over frames 4 to 22: the episode has 21 frames',
  );
  bad(
    [
      { stage: 0, start: 5, end: 9 },
      { stage: 1, start: 0, end: 6 },
    ],
    'Episode 1: label of stage 0 over frames 5 to 9: overlaps the label that ends at 6',
  );
  bad(
    [{ stage: -1, start: 0, end: 9 }],
    'Episode 1: label of stage -1 over frames 0 to 9: wanted whole numbers of at least 0',
  );
  bad(
    [{ stage: 0, start: 0.5, end: 9 }],
    'Episode 1: label of stage 0 over frames 0.5 to 9: wanted whole numbers of at least 0',
  );
  assert.equal(labels.get(id).length, 2);
  assert.throws(
    () => labels.set(4, 'simulator', 'sparse', []),
    new RangeError('There is no episode 4 in this project'),
  );
});
