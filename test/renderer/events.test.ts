import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besideTime, type Eventful, eventsOf } from '../../renderer/state/events.ts';

const episode = (patch: Partial<Eventful>): Eventful => ({
  episode: { ending: 'terminated' },
  stages: [{ title: 'Reach' }, { title: 'Grasp' }, { title: 'Lift' }],
  length: 6,
  trueStage: Uint8Array.of(0, 0, 1, 1, 0, 2, 2),
  trueSuccess: Uint8Array.of(0, 0, 0, 0, 0, 0, 1),
  contact: null,
  ...patch,
});

const said = (one: Eventful): string[] => eventsOf(one).map(({ frame, title }) => `${frame} ${title}`);

test('every change of stage but the first stage, and where success begins, are events in order', () => {
  assert.deepEqual(said(episode({})), [
    '2 Stage: Grasp',
    '4 Stage: Reach',
    '5 Stage: Lift',
    '6 Success begins',
  ]);
});

test('touches, the frame of a fork and a divergence are events; at one frame stages come first', () => {
  const events = eventsOf(
    episode({
      episode: { ending: 'diverged', fork: { frame: 5, actor: 'the expert' } },
      contact: Uint8Array.of(1, 0, 1, 1, 0, 0, 0),
      trueSuccess: new Uint8Array(7),
    }),
  );
  assert.deepEqual(
    events.map(({ kind, frame }) => [frame, kind]),
    [
      [0, 'contact'],
      [2, 'stage'],
      [2, 'contact'],
      [4, 'stage'],
      [5, 'stage'],
      [5, 'intervention'],
      [6, 'diverged'],
    ],
  );
});

test('an episode in which nothing happens has no events', () => {
  assert.deepEqual(said(episode({ trueStage: new Uint8Array(7), trueSuccess: new Uint8Array(7) })), []);
});

test('the next and the previous event are never the one the clock stands at', () => {
  const events = [{ time: 0.1 }, { time: 0.1 + 0.2 }, { time: 0.7 }];
  assert.equal(besideTime(events, 0, 1)?.time, 0.1);
  assert.equal(besideTime(events, 0.3, 1)?.time, 0.7);
  assert.equal(besideTime(events, 0.3, -1)?.time, 0.1);
  assert.equal(besideTime(events, 0.7, 1), undefined);
});
