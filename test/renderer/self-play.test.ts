/** Self-play in a real browser: its games live, who wins against whom, and an episode of it on the stage. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Recipe } from '../../lab/api.ts';
import { selfPlayRecipe, winRatesOf } from '../../lab/cli/self-play.ts';
import { barriers, openWindow, unchanging } from '../support/window.ts';

const recipeOf = (steps: number): Recipe => ({
  ...selfPlayRecipe({ task: 'tag', algorithm: 'ppo' }),
  algorithmSettings: { steps, worlds: 12, stepsPerWorld: 16, minibatch: 64, epochs: 2, hiddenSize: 8 },
  experiment: {
    evaluateEvery: 1000,
    checkpointEvery: 100_000,
    evaluationEpisodes: 3,
    shortEvaluationEpisodes: 2,
  },
  selfPlay: { games: 5, snapshotEvery: 3 },
});

test('both sides are watched while they learn, their win rates are drawn, explained and compared, and an episode is opened', {
  timeout: 400_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, { name: 'self-play' });
  const done = lab.start(recipeOf(2048), 0).id;
  await lab.finished(done);
  const { id } = lab.start(recipeOf(100_000_000), 1);
  // Training, drawing and the test share the cores.
  page.setDefaultTimeout(60_000);
  const tab = (name: string) =>
    page
      .getByRole('tab', { name })
      .or(page.getByText(name, { exact: true }))
      .first();
  await page.goto(url);

  await tab('Worlds').click();
  const foot = page.getByTestId('worlds-foot');
  // 12 worlds of each side.
  await foot.getByText('16 of 24 worlds').waitFor();
  const box = (await page.locator('.worlds-room canvas').boundingBox())!;
  const learns = new Set<string>();
  for (let i = 0; i < 30 && learns.size < 2; i++) {
    await page.mouse.move(box.x + box.width * (0.3 + 0.08 * (i % 6)), box.y + box.height * 0.5);
    await page.getByTestId('world-label').waitFor();
    const said = /here the (\w+) learn/.exec((await page.getByTestId('world-label').textContent())!);
    learns.add(said![1]!);
  }
  assert.deepEqual([...learns].sort(), ['runners', 'taggers']);
  await picture('worlds-dark');
  // One game alone, by keyboard.
  await page.getByTestId('worlds-one').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('option', { name: 'World 1', exact: true }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await foot.getByText('1 of 24 worlds').waitFor();
  await picture('one-dark');
  // The rest when the cores are free again.
  lab.stop(id);
  await lab.finished(id);
  await page.getByText(`run ${id} is paused; its worlds are shown while it trains`).waitFor();

  // Who wins against whom: chosen by itself, and one more by keyboard.
  const curves = page.getByTestId('curves');
  const names = curves.locator('.metric-name');
  await names.filter({ hasText: 'win/taggers/scripted-100' }).waitFor();
  assert.deepEqual((await names.allTextContents()).slice(0, 5), [
    'evaluation/success',
    'win/runners/scripted-100',
    'win/runners/untrained',
    'win/taggers/scripted-100',
    'win/taggers/untrained',
  ]);
  await curves.getByPlaceholder('Choose metrics').focus();
  await page.keyboard.type('win/taggers/random');
  await page.getByRole('option', { name: 'win/taggers/random' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  const chosen = names.filter({ hasText: 'win/taggers/random' });
  await chosen.waitFor();
  await picture('curves-dark');
  await chosen.focus();
  await page.getByRole('tooltip').getByText('against an opponent that does not change').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Self-play', level: 1 }).waitFor();
  await picture('docs-dark');

  // The same number for every run, in the table.
  await tab('Compare runs').click();
  await page.getByTestId('run-columns').focus();
  await page.keyboard.type('win/taggers/random');
  await page.getByRole('option', { name: 'win/taggers/random, newest' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  const rate = winRatesOf(lab, done).win['taggers']!['random']!.at(-1)!.rate;
  const row = page.getByTestId('run-table-row').filter({ hasText: `#${done}` });
  const cell = row.locator('[data-column$="win/taggers/random"]');
  await cell.getByText(/\d/).waitFor();
  assert.equal(Number(await cell.textContent()), rate);
  await picture('table-dark');
  assert.deepEqual(await barriers(page), [], 'dark');

  // The final evaluation is stored: the tagger that learnt against the scripted runner.
  const episode = lab.store.episodes.list({ runId: done, kind: 'evaluation', limit: 1 }).items[0]!;
  await tab('Episodes').click();
  await page.locator(`[data-testid=episode-row][data-episode="${episode.id}"]`).click();
  await tab('Stage').click();
  await page.getByTestId('legend-a').waitFor();
  await page.emulateMedia({ colorScheme: 'light' });
  await page.locator('html[data-mantine-color-scheme="light"]').waitFor();
  await unchanging(page.locator('body'));
  await picture('episode-light');
  assert.deepEqual(await barriers(page), [], 'light');
  await tab('Worlds').click();
  await tab('Curves').click();
  await unchanging(page.locator('body'));
  await picture('worlds-light');
  assert.deepEqual(await barriers(page), [], 'light, worlds');
  assert.deepEqual(mistakes, []);
});
