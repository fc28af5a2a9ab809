import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { mostEdits, perform, redo, remember, undo, useHistory } from '../../renderer/state/history.ts';

beforeEach(() => useHistory.setState({ done: [], undone: [], error: null }));

/** Adds a letter to a word, and takes it away again. */
function typing(word: string[], letter: string) {
  return { title: letter, redo: () => void word.push(letter), undo: () => void word.pop() };
}

test('edits are taken back and made again in order', async () => {
  const word: string[] = [];
  await perform(typing(word, 'a'));
  await perform(typing(word, 'b'));
  await Promise.all([undo(), undo(), undo()]);
  assert.deepEqual(word, []);
  await redo();
  assert.deepEqual(word, ['a']);
  await perform(typing(word, 'c'));
  await redo();
  assert.equal(word.join(''), 'ac', 'a new edit ends what could be redone');
});

test('an undo that fails says why and stays to be tried again', async () => {
  let isAway = true;
  remember({
    title: 'tag 3',
    redo: () => undefined,
    undo: () => {
      if (isAway) throw new Error('the lab does not answer');
    },
  });
  await undo();
  assert.equal(useHistory.getState().error, 'Undo tag 3: the lab does not answer');
  isAway = false;
  await undo();
  const { done, undone, error } = useHistory.getState();
  assert.deepEqual([done.length, undone.length, error], [0, 1, null]);
});

test('an edit that fails is not remembered, and the oldest are forgotten', async () => {
  await assert.rejects(
    perform({ title: 'x', redo: () => Promise.reject(new Error('no')), undo: () => undefined }),
    /no/,
  );
  assert.equal(useHistory.getState().done.length, 0);
  for (let i = 0; i <= mostEdits; i++) remember({ title: String(i), redo() {}, undo() {} });
  assert.deepEqual(
    [useHistory.getState().done[0]?.title, useHistory.getState().done.length],
    ['1', mostEdits],
  );
});
