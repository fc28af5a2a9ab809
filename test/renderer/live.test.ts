/** Watching the worlds of a run while it trains, in a real browser. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tinyRecipe } from '../support/project.ts';
import { barriers, openWindow } from '../support/window.ts';

test('up to 64 worlds of a training run are watched, one alone, held, and let go', {
  timeout: 400_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'live', device: 'wasm' });
  const { id } = lab.start(
    tinyRecipe({
      name: 'watched',
      task: 'push',
      algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 4_000_000, worlds: 64 },
      reward: [
        { reward: 'sparse' },
        { reward: 'sarm', use: 'shaping', weight: 5, settings: { updates: 20 } },
      ],
    }),
    0,
  );
  // Training, drawing and the test share the cores.
  page.setDefaultTimeout(60_000);
  await page.goto(url);
  await page
    .getByRole('tab', { name: 'Worlds' })
    .or(page.getByText('Worlds', { exact: true }))
    .first()
    .click();
  const foot = page.getByTestId('worlds-foot');
  await foot.waitFor({ timeout: 90_000 });
  assert.match((await foot.textContent()) ?? '', /true progress \d+ %.*sarm.*16 of 64 worlds/);
  await page.waitForTimeout(1500);
  await picture('worlds-16-dark');

  await page.getByTestId('worlds-count').getByText('64', { exact: true }).click();
  await page.waitForFunction(() =>
    document.querySelector('[data-testid="worlds-foot"]')?.textContent?.includes('64 of 64 worlds'),
  );
  await page.waitForTimeout(1500);
  await picture('worlds-64-dark');
  const canvas = page.locator('.worlds-room canvas');
  const box = (await canvas.boundingBox())!;
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.getByTestId('world-label').waitFor();
  await picture('worlds-label');
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForFunction(() =>
    document.querySelector('[data-testid="worlds-foot"]')?.textContent?.includes('1 of 64 worlds'),
  );
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForTimeout(1500);
  await picture('worlds-one-light');
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForFunction(() =>
    document.querySelector('[data-testid="worlds-foot"]')?.textContent?.includes('64 of 64 worlds'),
  );
  await page.waitForTimeout(1500);
  await picture('worlds-64-light');
  assert.deepEqual(await barriers(page), []);

  // Held: nobody asks any more, and the trainer is left alone.
  await page.getByTestId('worlds-pause').click();
  const run = lab.live(id);
  assert.ok(typeof run !== 'string');
  const { reader } = run;
  const watched = async (wanted: boolean): Promise<void> => {
    const until = Date.now() + 20_000;
    while (reader.isWatched !== wanted && Date.now() < until) await page.waitForTimeout(20);
    assert.equal(reader.isWatched, wanted);
  };
  await watched(false);
  await page.waitForTimeout(500);
  assert.equal(reader.isWatched, false, 'and it stays so');
  await page.getByTestId('worlds-pause').click();
  await watched(true);

  lab.stop(id);
  await lab.finished(id);
  await page.getByText('is paused; its worlds are shown while it trains').waitFor();
  assert.deepEqual(mistakes, []);
});
