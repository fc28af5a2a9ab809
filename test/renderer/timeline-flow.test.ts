/** The timeline and the search of disagreements in a real browser: zoom, stack, models beside what was recorded, table, Enter goes there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { tinyRecipe } from '../support/project.ts';
import { twoModels } from '../support/two-models.ts';
import { barriers, openWindow } from '../support/window.ts';

const stepOf = async (page: Page): Promise<number> =>
  Number(await page.getByTestId('position').getAttribute('data-step'));

const boxOf = async (locator: Locator) => {
  const box = await locator.boundingBox();
  assert.ok(box);
  return box;
};

/** Seconds at the pointer, as the label beside it says. */
async function timeUnder(page: Page, x: number, y: number): Promise<number> {
  await page.mouse.move(x, y);
  const text = (await page.getByTestId('timeline-hover').textContent()) ?? '';
  return Number(/^([\d.]+) s/.exec(text)?.[1]);
}

test('the timeline zooms, stacks, draws any models with their difference and goes to where they differ', {
  timeout: 300_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'timeline' });
  await twoModels(lab);
  const recipe = tinyRecipe({
    reward: [
      { reward: 'sparse' },
      { reward: 'dense' },
      { reward: 'sarm', use: 'shaping', weight: 5, model: 1 },
    ],
    algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 2048 },
  });
  const run = await lab.finished(lab.start(recipe, 3).id);
  assert.equal(run.status, 'done', run.error ?? '');
  const [training] = lab.store.episodes.list({
    runId: run.id,
    kind: 'training',
    sort: 'length',
    limit: 1,
  }).items;

  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.goto(`${url}#run=${run.id}&a=${training!.id}&t=0`);
  page.setDefaultTimeout(45_000);
  const canvas = page.getByTestId('timeline');
  await page.locator(`[data-series="advantage"]`).waitFor();
  const box = await boxOf(canvas);
  const left = box.x + 52;
  const right = box.x + box.width - 14;
  const middle = (left + right) / 2;
  const y = box.y + box.height * 0.45;

  // Stage, success, true progress and every term have a place; truth cannot be hidden.
  const legend = page.getByRole('region', { name: 'Series' });
  assert.equal(await legend.getByRole('button', { name: /true progress/ }).count(), 0);
  assert.match((await legend.textContent()) ?? '', /true progress.*success.*critic value.*advantage/);

  // Zoom at the pointer: what lies under it stays.
  const duration = training!.length * 0.05;
  const before = await timeUnder(page, middle, y);
  await page.mouse.wheel(0, -700);
  await page.waitForTimeout(120);
  const after = await timeUnder(page, middle + 1, y);
  assert.ok(Math.abs(after - before) < duration / 25, `${before} s became ${after} s`);
  const edge = await timeUnder(page, right - 1, y);
  assert.ok(edge < duration * 0.9, `the right edge is at ${edge} s of ${duration} s`);
  await page.mouse.wheel(60, 0);
  await page.waitForTimeout(120);
  assert.ok((await timeUnder(page, middle, y)) > before, 'the wheel sideways pans');
  await page.getByTestId('zoom-reset').click();
  assert.ok(Math.abs((await timeUnder(page, right - 1, y)) - duration) < 0.1);
  await page.keyboard.press('+');
  await page.waitForTimeout(100);
  assert.ok((await timeUnder(page, right - 1, y)) < duration * 0.8, 'plus zooms around the cursor');
  await canvas.dblclick({ position: { x: middle - box.x, y: y - box.y } });
  await page.waitForTimeout(100);
  assert.ok(Math.abs((await timeUnder(page, right - 1, y)) - duration) < 0.1, 'a double click shows all');
  await canvas.click({ position: { x: middle - box.x, y: y - box.y } });
  assert.ok(Math.abs((await stepOf(page)) - training!.length / 2) < 3, 'a click seeks');

  // Chosen models are scored by the lab; two of them have a difference.
  await page.getByTestId('model-picker').click();
  await page.getByTestId('model-choice').click();
  await page.getByRole('option', { name: /sarm, 2 models/ }).click();
  await page.getByRole('option', { name: /time-ramp/ }).click();
  await page.getByRole('option', { name: /sarm #2/ }).click();
  await page.locator('[data-series="progress/model/2"]').waitFor();
  await page.locator('[data-series="progress/difference"]').waitFor();
  await picture('picker-dark');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.getByTestId('timeline-stacked').click();
  await page.waitForTimeout(200);
  await picture('stacked-dark');
  assert.match(
    (await legend.textContent()) ?? '',
    /sarm, mean of 2.*time ramp over \d+ steps.*difference of 4/,
  );

  // The same numbers as a table, bands included.
  await page.getByTestId('timeline-table-toggle').click();
  const table = page.getByTestId('timeline-table');
  const heads = await table.locator('th').allTextContents();
  for (const wanted of [
    'stage',
    'event',
    'success',
    'true progress',
    'sarm, mean of 2, low',
    'difference of 4',
    'advantage',
  ])
    assert.ok(heads.includes(wanted), `${wanted} of ${heads}`);
  assert.equal(await table.locator('tr[aria-current="step"]').count(), 1);
  await picture('table-dark');
  await page.getByTestId('timeline-table-toggle').click();

  // Where the two models differ most; Enter and the arrows go there.
  await page.keyboard.press('d');
  await page.getByTestId('disagreement-start').click();
  await page.getByTestId('disagreement-list').waitFor();
  const rows = page.locator('.disagreement-moment');
  assert.ok((await rows.count()) >= 5);
  await page.getByTestId('disagreement-list').focus();
  await page.keyboard.press('Enter');
  const go = async (place: number): Promise<void> => {
    const row = rows.nth(place);
    const [episode, frame] = [await row.getAttribute('data-episode'), await row.getAttribute('data-frame')];
    await page.locator(`.stage-header:has-text("${episode}")`).first().waitFor();
    await page.waitForFunction(
      (wanted) => document.querySelector('[data-testid=position]')?.getAttribute('data-step') === wanted,
      frame,
    );
    assert.equal(await row.getAttribute('aria-selected'), 'true');
  };
  await go(0);
  await page.keyboard.press('ArrowDown');
  await go(1);
  await page.waitForTimeout(500);
  await picture('disagreement-dark');
  assert.deepEqual(await barriers(page), []);

  // Up to nine at once: legend and rows get compact.
  const more = lab.store.episodes.list({ task: 'reach', limit: 3 }).items;
  const letters = ['b', 'c', 'd'].map((letter, i) => `${letter}=${more[i]!.id}`).join('&');
  await page.goto('about:blank');
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto(`${url}#run=${run.id}&a=${training!.id}&${letters}&t=1&in=0.5&out=2`);
  await page.getByTestId('timeline-draw-d').waitFor();
  await page.waitForTimeout(1500);
  await picture('four-light');
  await page.getByTestId('timeline-draw-b').click();
  assert.equal(await page.getByTestId('timeline-draw-b').getAttribute('aria-pressed'), 'false');
  assert.deepEqual(await barriers(page), []);

  // In and out points by their buttons; the link says where they are.
  const isSet = (end: 'in' | 'out') => page.getByTestId(`${end}-point`).getAttribute('aria-pressed');
  assert.deepEqual([await isSet('in'), await isSet('out')], ['true', 'true']);
  await page.getByTestId('clear-points').click();
  await page.getByTestId('clear-points').waitFor({ state: 'detached' });
  assert.deepEqual([await isSet('in'), await isSet('out')], ['false', 'false']);
  await page.getByTestId('out-point').click();
  await page.waitForFunction(() => /[#&]out=1(&|$)/.test(location.hash) && !/[#&]in=/.test(location.hash));
  assert.deepEqual([await isSet('in'), await isSet('out')], ['false', 'true']);

  // What the run's own reward model saw at the end of its episodes, as the proxy beside the truth.
  await page.locator('.dv-tab', { hasText: 'Curves' }).click();
  await page.getByTestId('curves').getByText('Truth beside proxy').click();
  await page.getByTestId('proxy-metric').click();
  await page.getByRole('option', { name: /^learned progress, as recorded \(\d+\)/ }).click();
  await page
    .getByText(/dashed, as it is, 0 to 1: at the last frame of \d+ stored training episodes/)
    .waitFor();
  await page.getByTestId('truth-chart').getByRole('slider').waitFor();
  await page.waitForTimeout(300);
  await picture('learned-proxy-light');
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(mistakes, []);
});
