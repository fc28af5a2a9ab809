import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstPictures, type Quality, qualityOf } from '../../renderer/state/quality.ts';

const said = (times: readonly number[]): (Quality | null)[] => {
  const pictures = new FirstPictures();
  return times.map((ms) => pictures.add(ms));
};

test('pictures of 60 ms make the stage fast, pictures of 8 ms leave it fine', () => {
  assert.equal(said(Array(11).fill(60)).at(-1), 'fast');
  assert.equal(said(Array(11).fill(8)).at(-1), 'fine');
});

test('three pictures that upload are not counted, and nothing is said before eight more', () => {
  const found = said([900, 900, 900, ...Array(8).fill(8)]);
  assert.deepEqual(found, [...Array(10).fill(null), 'fine']);
});

test('a few late pictures change nothing', () => {
  assert.equal(said([5, 5, 5, 8, 300, 8, 300, 8, 300, 8, 8]).at(-1), 'fine');
});

test('what the user chose is taken; by itself a CPU draws fast, and a card finely until it was slow', () => {
  assert.equal(qualityOf('fine', true, 'fast'), 'fine');
  assert.equal(qualityOf('fast', false, 'fine'), 'fast');
  assert.equal(qualityOf('auto', true, null), 'fast');
  assert.equal(qualityOf('auto', false, null), 'fine');
  assert.equal(qualityOf('auto', false, 'fast'), 'fast');
});
