/** Layouts, menus, documentation, the tour and undo, in a real browser: one visit on the sample project. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barriers, openWindow } from '../support/window.ts';

test('a newcomer makes the sample, is shown around, arranges panels, takes it back, and reads what a metric means', {
  timeout: 240_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'habits' });
  // The code of the tour comes late, when the first episode is on screen already: it starts all the same.
  let isLate = false;
  await page.route(/\/tour-[^/]*\.js/, async (route) => {
    await page.locator('.stage-message').waitFor({ state: 'detached' });
    await route.continue();
    isLate = true;
  });
  await page.goto(url);
  await page.getByTestId('make-sample').click();

  const popover = page.locator('.driver-popover');
  await popover.getByText('The stage', { exact: true }).waitFor({ timeout: 60_000 });
  assert.ok(isLate);
  await picture('tour');
  const titles: string[] = [];
  for (let i = 0; i < 12 && (await popover.count()) > 0; i++) {
    const title = (await popover.locator('.driver-popover-title').textContent()) ?? '';
    titles.push(title);
    // A key that comes before the light stands at its place, two pictures later where nothing moves, is not taken.
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(
      (before) => document.querySelector('.driver-popover-title')?.textContent !== before,
      title,
    );
  }
  assert.deepEqual(titles, [
    'The stage',
    'One clock for everything',
    'Rewards over time',
    'Every episode is kept',
    'Runs',
    'Curves',
    'Which reward to trust?',
    'Everything by name',
  ]);
  // Enough was trained to be shown around; the rest is about the window, and has the cores to itself.
  for (const { id, status } of lab.runs()) if (status === 'queued' || status === 'running') lab.stop(id);

  const tab = (title: string) => page.locator('.dv-tab', { hasText: new RegExp(`^${title}$`) });
  await page.getByTestId('layout-menu').click();
  await page.getByTestId('layout-watch').click();
  await tab('Curves').waitFor({ state: 'detached' });
  assert.equal(await tab('Timeline').count(), 1);
  await page.getByTestId('panel-curves').click();
  await tab('Curves').waitFor();
  await picture('layout-menu');
  await page.keyboard.press('Escape');
  // The panel that was opened by hand is taken back first, then the layout.
  await page.waitForTimeout(300);
  await page.keyboard.press('Control+z');
  await tab('Curves').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+z');
  await tab('Judge rewards').waitFor();
  await page.keyboard.press('Control+Shift+z');
  await tab('Judge rewards').waitFor({ state: 'detached' });

  // A layout of one's own survives a reload.
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('Type a command or the name of a run').fill('Save this layout');
  await page.keyboard.press('Enter');
  await page.getByLabel('Name').fill('mine');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Save this layout' }).waitFor({ state: 'detached' });
  await page.reload();
  await tab('Timeline').waitFor();
  assert.equal(await tab('Judge rewards').count(), 0);
  await page.getByTestId('layout-menu').click();
  await page.getByRole('menuitem', { name: 'mine', exact: true }).waitFor();
  assert.deepEqual(await barriers(page), [], 'layout menu');
  await page.getByTestId('layout-all').click();
  await page.keyboard.press('Escape');

  // The menu reads the same commands.
  await page.getByTestId('app-menu').click();
  await page.getByRole('menuitem', { name: 'Window', exact: true }).hover();
  await page.getByRole('menuitem', { name: /^Undo: layout/ }).waitFor();
  await picture('menu');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');

  await page.keyboard.press('F1');
  await page.getByTestId('docs').getByRole('heading', { name: 'The window', exact: true }).waitFor();
  await page.getByTestId('docs').getByRole('button', { name: 'eval-reward' }).first().click();
  await page
    .getByTestId('docs')
    .getByRole('heading', { level: 1, name: /reward/i })
    .waitFor();
  await page.waitForTimeout(300);
  await picture('docs');
  assert.deepEqual(await barriers(page), [], 'documentation');
  assert.deepEqual(mistakes, []);
});
