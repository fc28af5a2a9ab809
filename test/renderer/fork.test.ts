/** Forks, driving, their tree and the lineage, in a real browser: one visit on a short real run. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tinyRun } from '../support/tiny-run.ts';
import { barriers, openWindow } from '../support/window.ts';

test('somebody forks a failed episode with the expert, drives another by hand, and sees where all of it came from', {
  timeout: 240_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'fork' });
  page.setDefaultTimeout(45_000);
  const { id: runId } = lab.start(tinyRun({ steps: 1024 }), 0);
  assert.equal((await lab.finished(runId)).status, 'done');
  const [failed] = lab.store.episodes.list({ runId, kind: 'evaluation', success: false }).items;
  assert.ok(failed);
  const newest = () => lab.store.episodes.list({ sort: 'id', descending: true, limit: 1 }).items[0]!;
  await page.goto(`${url}#run=${runId}&a=${failed.id}&t=0.5`);
  const stage = page.getByRole('region', { name: 'Stage', exact: true });
  await stage.getByText(`${failed.id}`, { exact: false }).first().waitFor();
  await page.locator('.outcome', { hasText: 'no success' }).first().waitFor();

  // 1. The expert goes on, and succeeds beside its parent.
  const tab = (title: string) => page.locator('.dv-tab', { hasText: title });
  await tab('Forks').click();
  await page.getByTestId('forks').getByText('No forks yet').waitFor();
  await page.keyboard.press('Shift+F');
  const dialog = page.getByRole('dialog', { name: 'Fork here' });
  await dialog.getByText(`Episode ${failed.id} at step 10 (0.50 s)`).waitFor();
  await page.waitForTimeout(300);
  await picture('dialog');
  assert.deepEqual(await barriers(page), [], 'dialog');
  await dialog.getByTestId('fork-start').click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('region', { name: 'Stage B' }).locator('.outcome', { hasText: 'success' }).waitFor();
  const expert = newest();
  assert.deepEqual(expert.fork, { parent: failed.id, frame: 10, actor: 'the expert' });
  assert.equal(expert.success, true);

  // 2. Keys: a moment ahead and up, then the expert takes over.
  await page.getByTestId('letter-a').first().click();
  await page.keyboard.press('Shift+D');
  const bar = page.getByTestId('drive-bar');
  await bar.getByTestId('drive-state').getByText('Ready').waitFor();
  await bar.getByTestId('drive-go').click();
  const scheme = await page.locator('.window').getAttribute('data-scheme');
  await page.keyboard.down('w');
  await page.waitForFunction(() => {
    const numbers = document.querySelector('[data-testid="drive-numbers"]')?.textContent ?? '';
    return Number(/step (\d+)/.exec(numbers)?.[1]) > 11;
  });
  await page.keyboard.press('p');
  await bar.getByTestId('drive-state').getByText('Paused').waitFor();
  await picture('driving');
  // A shortcut of the window that steers nothing does nothing while somebody drives.
  await page.keyboard.press('t');
  assert.equal(await page.locator('.window').getAttribute('data-scheme'), scheme);
  const stepOf = async () =>
    Number(/step (\d+)/.exec(await bar.getByTestId('drive-numbers').innerText())?.[1]);
  // A step that was on its way comes in.
  await page.waitForTimeout(400);
  const before = await stepOf();
  assert.ok(before > 10, `driven to step ${before}`);
  await page.keyboard.press('.');
  await page.waitForFunction(
    (wanted) =>
      document.querySelector('[data-testid="drive-numbers"]')?.textContent?.includes(`step ${wanted} `),
    before + 1,
  );
  await page.keyboard.up('w');
  assert.deepEqual(await barriers(page), [], 'driving');
  await bar.getByTestId('drive-hand-over').click();
  await page.getByRole('menuitem', { name: 'The expert' }).click();
  await bar.getByTestId('drive-state').getByText('Success').waitFor({ timeout: 30_000 });
  await bar.getByRole('button', { name: 'Call it a success' }).click();
  await page.keyboard.press('Escape');
  await bar.waitFor({ state: 'detached' });
  await page.getByRole('region', { name: 'Stage C' }).locator('.outcome', { hasText: 'success' }).waitFor();
  const driven = newest();
  assert.match(driven.fork!.actor, /^keyboard, then the expert from step \d+, called a success$/);
  assert.equal(lab.verify(driven.id).ok, true);
  const actions = lab.store.episodes.columns(driven.id, ['action']).get('action')!.data;
  assert.deepEqual([...actions.slice(3 * before, 3 * before + 3)], [1, 0, 0], 'W is ahead');

  // 3. The tree.
  const tree = page.getByTestId('forks');
  const branch = (id: number) => tree.getByRole('button', { name: new RegExp(`#${id}\\b`) });
  await branch(driven.id).waitFor();
  assert.equal(await tree.locator('.forks-row').count(), 3);
  await page.waitForTimeout(600);
  await picture('tree');
  assert.deepEqual(await barriers(page), [], 'tree');
  await branch(failed.id).focus();
  await page.keyboard.press('Enter');
  await page
    .getByRole('region', { name: 'Stage C' })
    .locator('.outcome', { hasText: 'no success' })
    .waitFor();

  // 4. From a state that the probe edited: typed, then gone on from by the expert.
  await page.getByTestId('letter-a').first().click();
  await page.keyboard.press('Home');
  for (let n = 0; n < 8; n++) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('p');
  await page.getByTestId('probe-frame').getByText('Frame 8', { exact: false }).waitFor();
  const typed = page.locator('[data-element^="goal"]').first();
  const element = (await typed.getAttribute('data-element'))!;
  const was = Number(await typed.inputValue());
  assert.equal(await page.getByTestId('probe-fork').count(), 0, 'nothing was edited yet');
  await typed.fill(String(was - 0.02));
  await typed.press('Enter');
  await page.getByTestId('probe-edited').waitFor();
  await page.getByTestId('probe-fork').click();
  await dialog.getByTestId('fork-changes').getByText(`Edited: ${element} `, { exact: false }).waitFor();
  await page.waitForTimeout(300);
  await picture('dialog-edited');
  assert.deepEqual(await barriers(page), [], 'dialog of an edited state');
  await dialog.getByTestId('fork-start').click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('region', { name: 'Stage D' }).locator('.outcome', { hasText: 'success' }).waitFor();
  const edited = newest();
  assert.equal(edited.fork?.edited?.frame, 8);
  assert.deepEqual(
    edited.fork?.edited?.changes.map(({ name, to }) => [name, to]),
    [[element, was - 0.02]],
  );
  assert.equal(lab.verify(edited.id).ok, true);
  // It stands beside the frame that it was made of; the edit waits there.
  await page.getByTestId('probe-parked').waitFor();
  await tab('Forks').click();
  await branch(edited.id).getByText('edited, then the expert').waitFor();
  await page.waitForTimeout(600);
  await picture('edited-fork');
  assert.deepEqual(await barriers(page), [], 'a fork of an edited state');
  await page.getByTestId('letter-c').first().click();

  // 5. The lineage: of the run, then of the episode of the expert.
  // Its tab may be among those that have no room.
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('Type a command').fill('Lineage');
  await page.keyboard.press('Enter');
  const lineage = page.getByTestId('lineage');
  await lineage.locator('[data-node="run:1"]').waitFor();
  await lineage.getByText('This episode').click();
  await lineage.locator(`[data-node="episode:${failed.id}"][aria-current]`).waitFor();
  await lineage.getByTestId('episode-facts').getByText(`${expert.id}, ${driven.id}, ${edited.id}`).waitFor();
  await page.waitForTimeout(300);
  await picture('lineage');
  assert.deepEqual(await barriers(page), [], 'lineage');
  await lineage.locator(`[data-node="episode:${failed.id}"]`).focus();
  await page.keyboard.press('ArrowDown');
  const child = await page.evaluate(() => document.activeElement?.getAttribute('data-node'));
  assert.match(child ?? '', /^episode:/);
  await page.keyboard.press('Enter');
  await lineage.locator(`[data-node="${child}"][aria-current]`).waitFor();
  await lineage.getByText('List', { exact: true }).click();
  await lineage
    .locator('ol.lineage')
    .getByRole('button', { name: `episode ${failed.id}` })
    .waitFor();
  await lineage.getByText('Graph', { exact: true }).click();

  // 6. Light.
  await page.keyboard.press('t');
  await page.locator('.window[data-scheme="light"]').waitFor();
  await page.waitForTimeout(800);
  await picture('lineage-light');
  assert.deepEqual(await barriers(page), [], 'lineage in light');
  await tab('Forks').click();
  await page.keyboard.press('Shift+D');
  await bar.getByTestId('drive-state').getByText('Ready').waitFor();
  await page.waitForTimeout(600);
  await picture('light');
  assert.deepEqual(await barriers(page), [], 'driving in light');
  const total = lab.store.episodes.list({ limit: 1 }).total;
  await bar.getByTestId('drive-drop').click();
  await bar.waitFor({ state: 'detached' });
  assert.equal(lab.store.episodes.list({ limit: 1 }).total, total);
  assert.deepEqual(mistakes, []);
});
