/** The state probe in a real browser: a block is dragged, a number typed, an axis swept, a field drawn and sliced. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { tinyRecipe } from '../support/project.ts';
import { barriers, openWindow } from '../support/window.ts';

const figureOf = async (row: Locator, cell = 0): Promise<number> =>
  Number((await row.locator('td').nth(cell).textContent())?.replace('−', '-'));

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  assert.fail(`never: ${what}`);
}

const middleOf = async (target: Locator): Promise<{ x: number; y: number }> => {
  const box = (await target.boundingBox())!;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
};

/** Presses, moves in a few steps and lets go. */
async function drag(page: Page, from: { x: number; y: number }, by: { x: number; y: number }): Promise<void> {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + by.x, from.y + by.y, { steps: 6 });
  await page.mouse.up();
}

test('a frame is stopped, taken apart by mouse and keyboard, and put together again', {
  timeout: 400_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, {
    name: 'probe',
    size: { width: 1360, height: 820 },
  });
  const { id } = lab.start(
    tinyRecipe({
      task: 'push',
      algorithmSettings: { steps: 2048, worlds: 8, stepsPerWorld: 64, minibatch: 128, hiddenSize: 16 },
      reward: [
        { reward: 'sparse' },
        { reward: 'dense' },
        { reward: 'sarm', use: 'shaping', weight: 5, settings: { updates: 40 } },
      ],
    }),
    3,
  );
  assert.equal((await lab.finished(id)).status, 'done');
  const episode = lab.store.episodes.list({ runId: id, kind: 'training', limit: 1 }).items[0]!.id;
  const { version, fields } = tasks['grid-world'];
  await lab.finished(
    lab.collect({
      name: 'grid',
      task: 'grid-world',
      taskVersion: version,
      taskSettings: defaultsOf(fields),
      seed: 1,
      policy: 'expert',
      noise: 0,
      episodes: 1,
      failures: 0,
    }),
  );

  const box = (name: string): Locator => page.locator(`[data-element="${name}"]`);
  const row = (table: string, name: string): Locator =>
    page.getByTestId(table).locator(`[data-row="${name}"]`);
  const value = async (name: string): Promise<number> => Number(await box(name).inputValue());
  const handle = (name: string): Locator => page.locator(`.probe-handle[data-handle="${name}"]`);

  await t.test('P opens the frame at hand, and at first it says what was recorded', async () => {
    // The first picture takes its time on a crowded machine.
    page.setDefaultTimeout(60_000);
    await page.goto(`${url}#a=${episode}&t=0`);
    await page.locator(`.stage-header:has-text("${episode}")`).waitFor();
    await page.keyboard.press('Home');
    await page.keyboard.press('k');
    await page.keyboard.press('Home');
    for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.press('p');
    await page.getByTestId('probe-table').waitFor();
    await until('frame 12', async () =>
      /Frame 12/.test((await page.getByTestId('probe-frame').textContent())!),
    );
    assert.equal(await row('probe-terms', 'total').locator('td').nth(2).textContent(), '0');
    assert.equal(await page.getByTestId('probe-edited').count(), 0);
    await handle('block').waitFor();
  });

  await t.test('the block is dragged on the stage, and every number follows', async () => {
    const before = [await value('block.pos[0]'), await value('block.pos[1]'), await value('block.pos[2]')];
    const total = await figureOf(row('probe-terms', 'total'), 1);
    await drag(page, await middleOf(handle('block')), { x: 70, y: -30 });
    await page.getByTestId('probe-edited').waitFor();
    const after = [await value('block.pos[0]'), await value('block.pos[1]'), await value('block.pos[2]')];
    assert.ok(Math.hypot(after[0]! - before[0]!, after[1]! - before[1]!) > 0.03, `${before} to ${after}`);
    assert.equal(after[2], before[2]);
    await until('another total', async () => (await figureOf(row('probe-terms', 'total'), 1)) !== total);
    assert.notEqual(await row('probe-table', 'progress').locator('td').nth(1).textContent(), '–');
    assert.match((await page.locator('.probe-banner').textContent())!, /no recorded moment/);
    // With Shift it goes up, and only up.
    await page.keyboard.down('Shift');
    await drag(page, await middleOf(handle('block')), { x: 0, y: -60 });
    await page.keyboard.up('Shift');
    assert.ok((await value('block.pos[2]')) > before[2]! + 0.02);
    assert.equal(await value('block.pos[0]'), after[0]);
    await picture('dragged');
  });

  await t.test('each drag is one step of undo', async () => {
    await page.keyboard.press('Control+z');
    await until('lowered', async () => (await value('block.pos[2]')) < 0.04);
    assert.ok((await page.getByTestId('probe-edited').count()) === 1);
    await page.keyboard.press('Control+z');
    await until('as recorded', async () => (await page.getByTestId('probe-edited').count()) === 0);
    await page.keyboard.press('Control+Shift+z');
    await page.getByTestId('probe-edited').waitFor();
  });

  await t.test('a handle is nudged by keys', async () => {
    const before = await value('tool.z');
    await handle('hand').focus();
    await page.keyboard.press('PageUp');
    await page.keyboard.press('PageUp');
    await until('raised', async () => Math.abs((await value('tool.z')) - before - 0.02) < 1e-3);
    const across = [await value('tool.x'), await value('tool.y')];
    await page.keyboard.press('ArrowRight');
    await until('moved', async () => {
      const now = [await value('tool.x'), await value('tool.y')];
      return Math.abs(Math.hypot(now[0]! - across[0]!, now[1]! - across[1]!) - 0.01) < 1e-3;
    });
    // The arrow belongs to the handle, not to the clock.
    assert.match((await page.getByTestId('probe-frame').textContent())!, /Frame 12/);
  });

  await t.test('a number is typed; one that no episode can have is refused in words', async () => {
    await box('block.pos[0]').fill('0.31');
    await box('block.pos[0]').press('Enter');
    const far = row(
      'probe-models',
      (await page
        .getByTestId('probe-models')
        .locator('[data-row^="distance/"]')
        .first()
        .getAttribute('data-row'))!,
    );
    await until('a distance', async () => /training frames/.test((await far.textContent())!));
    await box('block.pos[0]').fill('99999');
    await page.getByTestId('probe-error').waitFor();
    assert.match(
      (await page.getByTestId('probe-error').textContent())!,
      /block\.pos\[0\] is 99999, wanted a number below 10000/,
    );
    assert.equal(await row('probe-table', 'progress').locator('td').first().textContent(), '–');
    await box('block.pos[0]').press('Escape');
    await until('sound again', async () => (await page.getByTestId('probe-error').count()) === 0);
    assert.equal(await value('block.pos[0]'), 0.31);
  });

  await t.test('one axis is swept to curves', async () => {
    await page.getByLabel('Number that is swept').selectOption({ label: 'block.pos[1], m' });
    const curves = page.getByTestId('probe-sweep');
    await curves.waitFor();
    assert.equal(await curves.locator('path').count(), 2);
    assert.match((await curves.getAttribute('aria-label'))!, /^block\.pos\[1\] from .* True progress from/);
    const before = await value('block.pos[1]');
    await curves.scrollIntoViewIfNeeded();
    const at = (await curves.boundingBox())!;
    await page.mouse.click(at.x + at.width * 0.8, at.y + at.height / 2);
    await until('taken from the curve', async () => (await value('block.pos[1]')) !== before);
  });

  await t.test(
    'a field lies on the table and changes with its slice, alone and as a difference',
    async () => {
      await page.getByTestId('field-on').check();
      const map = page.getByTestId('field-map');
      await map.waitFor();
      await page.getByTestId('field-legend').waitFor();
      const ends = async (): Promise<string> =>
        `${await map.getAttribute('data-low')} ${await map.getAttribute('data-high')}`;
      await page.getByLabel('Quantity of the field').selectOption({ label: 'task/near, raw' });
      await until('near', async () => /task\/near/.test((await map.locator('figcaption').textContent())!));
      await page.getByLabel('Body that is moved about').selectOption({ label: 'hand' });
      await page.waitForTimeout(500);
      const first = await ends();
      const slider = page.getByRole('slider', { name: /Slice: tool\.z/ });
      await slider.focus();
      for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowRight');
      await until('another field', async () => (await ends()) !== first);
      await page.getByLabel('arrows uphill').check();
      await page.getByLabel('surface', { exact: true }).check();
      await until('a surface', async () =>
        /\d/.test((await page.locator('.probe-slice').last().locator('.mono').textContent())!),
      );
      await page.waitForTimeout(900);
      await picture('slice');
      await page.getByLabel('surface', { exact: true }).uncheck();
      await page.getByLabel('Quantity that is taken away').selectOption({ label: 'True progress' });
      await page.getByLabel('each by its own range').check();
      await until('a difference', async () =>
        /less True progress, each by its own range/.test((await map.locator('figcaption').textContent())!),
      );
      await page.waitForTimeout(500);
      await picture('difference');
      assert.deepEqual(await barriers(page), []);
    },
  );

  await t.test('seeking leaves the edit with a word, and it can be come back to', async () => {
    await page.getByTestId('stage-a').click({ position: { x: 20, y: 200 } });
    await page.keyboard.press('ArrowLeft');
    await page.getByTestId('probe-parked').waitFor();
    assert.equal(await page.locator('.probe-handle').count(), 0);
    await page.getByRole('button', { name: 'Come back to it' }).click();
    await page.getByTestId('probe-edited').waitFor();
    await handle('block').waitFor();
    await page.getByTestId('probe-reset').click();
    await until('recorded', async () => (await page.getByTestId('probe-edited').count()) === 0);
    assert.equal(await row('probe-terms', 'total').locator('td').nth(2).textContent(), '0');
  });

  await t.test('things on a grid go from square to square, by mouse and by keys', async () => {
    const grid = lab.store.episodes.list({ task: 'grid-world', limit: 1 }).items[0]!.id;
    await page.goto('about:blank');
    await page.goto(`${url}#a=${grid}&t=0`);
    await page.locator(`.stage-header:has-text("${grid}")`).waitFor();
    await page.keyboard.press('p');
    await until('frame 0', async () =>
      /Frame 0/.test((await page.getByTestId('probe-frame').textContent())!),
    );
    await handle('agent').waitFor();
    const agent = await value('agent');
    await handle('agent').focus();
    for (const key of ['ArrowRight', 'ArrowLeft', 'ArrowUp', 'ArrowDown']) {
      await page.keyboard.press(key);
      if ((await value('agent')) !== agent) break;
    }
    await until('a step aside', async () => (await value('agent')) !== agent);
    await page.getByTestId('probe-edited').waitFor();
    const box = await value('box');
    const from = await middleOf(handle('box'));
    const to = await middleOf(handle('agent'));
    await drag(page, from, { x: (to.x - from.x) / 2, y: (to.y - from.y) / 2 });
    await until('another square of the box', async () => (await value('box')) !== box);
    assert.ok(Number.isInteger(await value('box')));
    assert.equal(await page.getByTestId('probe-error').count(), 0);
    await page.waitForTimeout(500);
    await picture('grid');
    await page.keyboard.press('Control+z');
    await until('the box is back', async () => (await value('box')) === box);
    assert.deepEqual(await barriers(page), []);
  });

  await t.test('all of it reads as well in the light', async () => {
    await page.emulateMedia({ colorScheme: 'light' });
    await page.waitForTimeout(900);
    await picture('light');
    assert.deepEqual(await barriers(page), []);
    await page.getByTestId('stage-a').click({ position: { x: 20, y: 200 } });
    await page.keyboard.press('p');
    await until('closed', async () => (await page.locator('.probe-handle').count()) === 0);
    assert.deepEqual(mistakes, []);
  });
});
