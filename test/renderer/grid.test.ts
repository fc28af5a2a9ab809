import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf } from '../../renderer/stage/grid.ts';

const counts = [1, 2, 3, 4, 5, 6, 7, 8, 9];

test('one to nine views stand 1, 2, 3, 2 x 2, 3 x 2 and 3 x 3; in a high room the other way round', () => {
  assert.deepEqual(
    counts.map((n) => columnsOf(n, 800, 500)),
    [1, 2, 3, 2, 3, 3, 3, 3, 3],
  );
  assert.deepEqual(
    counts.map((n) => columnsOf(n, 400, 900)),
    [1, 1, 1, 2, 2, 2, 3, 3, 3],
  );
});
