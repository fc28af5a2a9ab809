import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrangementOf, fitPlan, isSavedLayout, layoutPlans } from '../../renderer/state/layouts.ts';

const panels = [
  { id: 'stage', place: 'stage' },
  { id: 'timeline', place: 'timeline' },
  { id: 'episodes', place: 'left' },
  { id: 'runs', place: 'left' },
  { id: 'curves', place: 'right' },
] as const;

test('the first layout has every panel in its place, the others only panels that there are', () => {
  const [all, ...rest] = layoutPlans.map((plan) => fitPlan(plan, panels));
  assert.deepEqual(
    [all!.left, all!.centre, all!.below, all!.right],
    [['episodes', 'runs'], ['stage'], ['timeline'], ['curves']],
  );
  const known = new Set<string>(panels.map(({ id }) => id));
  for (const plan of rest) {
    assert.ok(plan.centre.includes('stage'), plan.id);
    for (const id of [...plan.left, ...plan.centre, ...plan.below, ...plan.right])
      assert.ok(known.has(id), `${plan.id}: ${id}`);
  }
});

const leaf = (views: string[], size = 1) => ({ type: 'leaf', data: { views, activeView: views[0] }, size });
const dock = (...children: unknown[]) => ({
  grid: { root: { type: 'branch', data: children }, orientation: 'HORIZONTAL' },
});

test('sizes and the tab in front are no edit, a moved panel is', () => {
  const before = arrangementOf(dock(leaf(['a', 'b'], 10), leaf(['c'])));
  assert.equal(arrangementOf(dock(leaf(['a', 'b'], 90), leaf(['c']))), before);
  assert.notEqual(arrangementOf(dock(leaf(['a']), leaf(['c', 'b']))), before);
  assert.notEqual(arrangementOf(dock(leaf(['b', 'a']), leaf(['c']))), before);
});

test('what is no saved layout is not taken for one', () => {
  assert.equal(isSavedLayout({ name: null, dock: {}, known: ['a'] }), true);
  for (const value of [null, 3, {}, { name: 1, dock: {}, known: [] }, { name: 'x', dock: null, known: [] }])
    assert.equal(isSavedLayout(value), false, JSON.stringify(value));
});
