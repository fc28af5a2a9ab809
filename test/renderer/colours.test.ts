import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hues, Palette, progressRgb, runColour } from '../../renderer/state/colours.ts';

const names = ['reward/success', 'reward/distance', 'reward/sarm', 'reward/reach'];

test('a series keeps its colour whatever comes after it', () => {
  const palette = new Palette();
  const before = names.map((name) => palette.hue(name));
  for (let i = 0; i < 40; i++) palette.hue(`reward/later${i}`);
  assert.deepEqual(
    names.map((name) => palette.hue(name)),
    before,
  );
});

test('a palette that is loaded again gives the same colours in any order of asking', () => {
  let kept: Readonly<Record<string, number>> = {};
  const memory = {
    load: () => kept,
    save: (slots: Readonly<Record<string, number>>) => {
      kept = { ...slots };
    },
  };
  const first = new Palette(memory);
  const given = new Map(names.map((name) => [name, first.hue(name)]));
  const second = new Palette(memory);
  for (const name of [...names].reverse()) assert.equal(second.hue(name), given.get(name));
});

test('the first names of a timeline differ from each other and from the progress and total lines', () => {
  const palette = new Palette();
  const all = ['progress/true', 'progress/learned', 'reward/total', 'value', ...names];
  assert.equal(new Set(all.map((name) => palette.hue(name))).size, hues.length);
});

test('true progress is the same green and runs go through the hues by number', () => {
  assert.equal(new Palette().colour('progress/true', 'dark'), hues[2]!.dark);
  assert.equal(runColour(1, 'light'), hues[0]!.light);
  assert.equal(runColour(9, 'light'), hues[0]!.light);
});

/** WCAG relative luminance of #rrggbb. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

test('every hue stands out from its panel by 3 to 1', () => {
  const contrast = (a: string, b: string): number => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high! + 0.05) / (low! + 0.05);
  };
  for (const hue of hues) {
    assert.ok(contrast(hue.dark, '#171b21') >= 3, `${hue.name} on dark`);
    assert.ok(contrast(hue.light, '#ffffff') >= 3, `${hue.name} on light`);
  }
});

test('the progress ramp gets lighter all the way and bears numbers outside of 0 to 1', () => {
  const light = (value: number): number => {
    const [r, g, b] = progressRgb(value);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (let i = 1; i <= 20; i++) assert.ok(light(i / 20) > light((i - 1) / 20));
  assert.deepEqual(progressRgb(Number.NaN), progressRgb(0));
  assert.deepEqual(progressRgb(7), progressRgb(1));
});
