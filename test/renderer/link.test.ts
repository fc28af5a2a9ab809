import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLink, writeLink } from '../../renderer/state/link.ts';
import { frameIndex } from '../../renderer/state/player.ts';

test('the address keeps project, run, nine episodes, moment, points, alignment, ghosts and layout', () => {
  const link = {
    project: 'first lab',
    run: 2,
    ...{ a: 31, b: 7, c: 8, d: 9, e: 10, f: 11, g: 12, h: 13, i: 14 },
    t: 1.85,
    in: 0.5,
    out: 2.25,
    active: 'c',
    align: 'path',
    ghosts: true,
    layout: 'my own',
  } as const;
  assert.deepEqual(readLink(writeLink(link)), link);
  assert.equal(
    writeLink({ run: 2, a: 31, t: 0, active: 'a', align: 'seconds', ghosts: false }),
    '#run=2&a=31',
  );
  assert.equal(writeLink({}), '');
});

test('nonsense in an address is ignored', () => {
  assert.deepEqual(
    readLink('#run=-1&a=x&b=1.5&j=3&t=NaN&in=-1&out=&active=z&align=guess&ghosts=2&layout='),
    {},
  );
});

test('a moment comes back as the frame it was, at any control rate', () => {
  for (const rate of [20, 24, 30, 50, 60, 120]) {
    for (let frame = 0; frame <= 500; frame++) {
      const { t = 0 } = readLink(writeLink({ t: frame * (1 / rate) }));
      assert.equal(frameIndex(t, 1 / rate, 500), frame, `frame ${frame} at ${rate} Hz`);
    }
  }
});
