/** Runs side by side in a real browser: one visit through the table, curves of groups, truth beside proxy and reward distances. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import { twoGroups } from '../support/groups.ts';
import { temporaryFolder } from '../support/project.ts';
import { barriers, openWindow } from '../support/window.ts';

/** Two groups of three trained seeds, a written-down run whose return rises while its success falls, and a judgement of rewards. */
async function prepare(project: string): Promise<void> {
  const lab = new Lab({ project, device: 'wasm' });
  await twoGroups(lab);
  const { config, versions } = lab.store.runs.list()[0]!;
  const { group: _, ...alone } = config;
  const id = lab.store.runs.create({
    kind: 'train',
    name: 'hacked',
    task: 'reach',
    algorithm: 'ppo',
    seed: 4,
    status: 'done',
    config: alone,
    versions,
  });
  for (let k = 1; k <= 120; k++) {
    lab.store.metrics.add(id, k * 1000, {
      'rollout/success': 0.8 - 1.2 * Math.abs(k / 120 - 0.5) + (k % 2 === 0 ? 0.02 : -0.02),
      'rollout/return': 3 + k / 6 + (k % 3),
      'loss/value': 10 ** (1 - k / 40),
      'time/all': 120,
    });
  }
  lab.store.weightChanges.add(2, { step: 2048, line: 0, weight: 0.5, at: 1 });
  lab.store.weightChanges.add(5, { step: 4096, line: 0, weight: 2, at: 2 });
  lab.store.weightChanges.add(id, { step: 30_000, line: 0, weight: 3, at: 3 });
  await lab.evaluateRewards({
    task: 'reach',
    models: 'waypoints,sarm',
    episodes: 4,
    demonstrations: 6,
    failures: 3,
  });
  await lab.close();
}

test('runs are compared, marked, drawn as groups, held against the truth, and rewards are mapped', {
  timeout: 480_000,
}, async (t) => {
  const project = join(temporaryFolder(t), 'project');
  await prepare(project);
  const { page, url, picture, mistakes, lab } = await openWindow(t, {
    name: 'runs',
    project,
    size: { width: 1500, height: 900 },
  });
  // Screens are drawn in software, on a machine that may have other work.
  page.setDefaultTimeout(60_000);
  const step = async (title: string, part: () => Promise<void>): Promise<void> => {
    try {
      await part();
    } catch (cause) {
      await picture('failed');
      throw new Error(`Where ${title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };
  const rows = () =>
    page.getByTestId('run-table-row').evaluateAll((all) => all.map((row) => row.getAttribute('data-side')));

  await step(
    'r opens the table: seeds of a group in one row, opened to single runs, sorted, filtered',
    async () => {
      await page.goto(url);
      await page.locator('.dv-tab', { hasText: 'Compare runs' }).waitFor();
      await page.locator('.run-row, .episode-row').first().waitFor();
      await page.keyboard.press('r');
      await page.getByTestId('run-table-row').first().waitFor();
      assert.deepEqual(await rows(), ['7', 'g2', 'g1']);
      await page.getByRole('button', { name: 'Show the seeds of fast' }).click();
      assert.deepEqual(await rows(), ['7', 'g2', 'g1', '3', '2', '1']);
      await page.getByRole('button', { name: 'Seed', exact: true }).click();
      assert.deepEqual(await rows(), ['g2', 'g1', '1', '2', '3', '7']);
      await page.getByTestId('run-columns').fill('return, highest');
      await page.getByRole('option', { name: 'rollout/return, highest' }).click();
      await page.keyboard.press('Escape');
      const cell = page.locator('[data-side=g1] [data-column="highest:rollout/return"]');
      await cell.getByText(/\d to \d/).waitFor();
      const fitting = async (filter: string, count: number): Promise<void> => {
        await page.getByTestId('run-filter').fill(filter);
        await page.waitForFunction(
          (wanted) => document.querySelectorAll('[data-testid=run-table-row]').length === wanted,
          count,
        );
      };
      await fitting('hack', 1);
      assert.deepEqual(await rows(), ['7']);
      await page.getByTestId('run-filter').fill('sed:1');
      await page.getByText('there is no field "sed"; did you mean seed?').waitFor();
      await fitting('seed:1 OR name:hack', 3);
      await fitting('', 6);
    },
  );

  await step('tags and notes are written in place, and undone', async () => {
    await page.getByTestId('tags-g1').click();
    await page.keyboard.type('good');
    await page.keyboard.press('Enter');
    await page.keyboard.type('short');
    await page.keyboard.press('Tab');
    await page.getByTestId('tags-g1').getByText('short').waitFor();
    assert.deepEqual(
      [1, 2, 3].map((id) => lab.run(id).tags),
      [
        ['good', 'short'],
        ['good', 'short'],
        ['good', 'short'],
      ],
    );
    await page.getByTestId('note-7').click();
    await page.keyboard.type('look at its return');
    await page.keyboard.press('Enter');
    await page.getByTestId('note-7').getByText('look at its return').waitFor();
    assert.equal(lab.run(7).note, 'look at its return');
    await page.keyboard.press('Control+z');
    await page.getByTestId('note-7').getByText('add').waitFor();
    await page.keyboard.press('Control+z');
    await page.getByTestId('tags-g1').getByText('add').waitFor();
    assert.deepEqual(lab.run(2).tags, []);
    await page.keyboard.press('Control+Shift+z');
    await page.getByTestId('tags-g1').getByText('good').waitFor();
  });

  await step(
    'the pinned baseline and a checked group show the settings that differ, and how they compare',
    async () => {
      await page.getByTestId('pin-g2').click();
      await page.getByLabel('Compare group g1, fast').check();
      const difference = page.getByTestId('run-diff');
      await difference.waitFor();
      assert.deepEqual(
        await difference
          .locator('tbody tr[data-path]')
          .evaluateAll((all) => all.map((row) => row.textContent)),
        ['learningRate0.000010.003'],
      );
      assert.deepEqual(await lab.store.settings.get('runs.baseline'), 'g2');
      await page.waitForTimeout(200);
      await picture('table-dark');
      await page.getByTestId('run-compare').getByText('Progress', { exact: true }).click();
      const numbers = page.getByTestId('run-numbers');
      await numbers.waitFor();
      assert.match((await numbers.textContent()) ?? '', /methods.*exact rank test|rank test/);
      assert.match((await numbers.textContent()) ?? '', /0, 1, 2/);
      await page.getByTestId('run-table-wide').click();
      await page.waitForTimeout(200);
      await picture('numbers-dark');
      assert.deepEqual(await barriers(page), [], 'dark, compare runs');
      await page.getByTestId('run-table-wide').click();
    },
  );

  await step('both are drawn as groups with intervals, minus the baseline, and saved as a file', async () => {
    await page.getByTestId('draw-sides').click();
    const chart = page.getByTestId('group-rollout/return');
    await chart.getByText(/against the baseline at step 6,144, paired by training seed 0, 1, 2/).waitFor();
    assert.equal(
      await page.getByTestId('curves-changes').textContent(),
      'Weights changed while training: w1 (run 5) dense 1 to 2 at step 4,096; w1 (run 2) dense 1 to 0.5 at step 2,048.',
    );
    await page.waitForTimeout(300);
    await picture('groups-dark');
    await chart.locator('.u-over').scrollIntoViewIfNeeded();
    const box = (await chart.locator('.u-over').boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + 40);
    await chart
      .locator('.chart-readout')
      .getByText(/fast \(g1, 3 seeds\): .* to /)
      .waitFor();
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.getByTestId('curves-unzoom').click();
    // The same by keyboard: the clock, which has these keys elsewhere, stays.
    const slider = chart.getByRole('slider');
    const reading = () => slider.getAttribute('aria-valuetext');
    await page.getByLabel('Minus baseline').focus();
    for (let i = 0; i < 40 && !(await slider.evaluate((e) => e === document.activeElement)); i++)
      await page.keyboard.press('Tab');
    assert.match((await reading())!, /^step 6,144; .*fast \(g1, 3 seeds\) -?[\d.]+ \(/);
    await page.keyboard.press('Home');
    const first = (await reading())!;
    await page.keyboard.press('ArrowRight');
    const second = (await reading())!;
    const stepOf = (text: string) => Number(/^step ([\d,]+)/.exec(text)![1]!.replaceAll(',', ''));
    assert.ok(stepOf(first) < stepOf(second) && stepOf(second) < 6144, `${first} then ${second}`);
    const shown = (await chart.locator('.chart-readout').textContent())!;
    assert.ok(shown.startsWith(second.split(';')[0]!), `${shown} beside ${second}`);
    assert.equal(
      await page.locator('.chart-readout:visible').count(),
      await page.locator('.chart-host').count(),
    );
    await picture('groups-keyboard-dark');
    await page.keyboard.press('+');
    await page.getByTestId('curves-unzoom').waitFor();
    await page.keyboard.press('0');
    await page.getByTestId('curves-unzoom').waitFor({ state: 'detached' });
    await page.keyboard.press('Escape');
    await chart.locator('.chart-readout').waitFor({ state: 'hidden' });
    await page.getByTestId('curves-menu').click();
    await page.getByTestId('curves-table').waitFor();
    assert.deepEqual(await barriers(page), [], 'dark, menu of the curves');
    await page.getByTestId('curves-table').click();
    const table = page.getByRole('table', { name: /^rollout\/return, 40 of 200 places/ });
    await table.getByRole('rowheader', { name: 'step 6,144', exact: true }).waitFor();
    assert.equal(await table.getByRole('row').count(), 41);
    await picture('groups-table-dark');
    assert.deepEqual(await barriers(page), [], 'dark, curves as tables');
    await page.getByTestId('curves-menu').click();
    await page.getByTestId('curves-table').click();
    await page.getByLabel('Minus baseline').check();
    await page.getByText('rollout/return', { exact: true }).first().waitFor();
    await page.getByTestId('curves-menu').click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByTestId('curves-csv').click(),
    ]);
    const lines = readFileSync(await download.path(), 'utf8').split('\n');
    assert.equal(lines[0], 'metric,series,steps,value,low,high');
    assert.ok(
      lines.some((line) => line.startsWith('"rollout/return, minus the baseline","fast (g1, 3 seeds)",')),
    );
    await page.getByTestId('curves-menu').click();
    await page.getByRole('menuitem', { name: 'Time of training' }).click();
    await chart.getByText(/of training, paired by/).waitFor();
    await page.getByTestId('curves-menu').click();
    await page.getByRole('menuitem', { name: 'Environment steps' }).click();
  });

  await step('truth beside proxy says where they part, and that others do not', async () => {
    await page.getByTestId('curves').getByText('Truth beside proxy').click();
    await page.getByTestId('truth-side').click();
    await page.getByRole('option', { name: 'hacked #7' }).click();
    const answer = page.getByTestId('parting');
    await answer.getByText(/^They part at step/).waitFor();
    const at = Number(
      /They part at step ([\d,]+)/.exec((await answer.textContent())!)![1]!.replaceAll(',', ''),
    );
    assert.ok(Math.abs(at - 60_000) <= 10_000, `parted at ${at}`);
    assert.match(
      (await page.getByTestId('curves-changes').textContent())!,
      /w1 \(run 7\) dense 1 to 3 at step 30,000\.$/,
    );
    await page.waitForTimeout(300);
    await picture('truth-dark');
    assert.deepEqual(await barriers(page), [], 'dark, truth beside proxy');
  });

  await step('the last judgement is there after a reload: heat map, map, table, cards of pairs', async () => {
    await page.keyboard.press('Control+k');
    await page.getByPlaceholder('Type a command or the name of a run').fill('Reward distances');
    await page.keyboard.press('Enter');
    const heat = page.getByTestId('heat');
    await heat.waitFor();
    await heat.getByRole('button', { name: /^true progress and sarm: 0\.\d\d, 95 % / }).click();
    await page
      .getByTestId('pair-card')
      .getByText(/^STARC 0\./)
      .waitFor();
    // Both on the episode of the active player: true progress and a model that was only fitted for the judgement.
    const onEpisode = page.getByTestId('pair-episode');
    await onEpisode.getByText(/sarm was fitted for the judgement alone/).waitFor();
    await heat.getByRole('button', { name: /^true progress and time-ramp: / }).click();
    await onEpisode.getByText(/true progress and time-ramp, the grey band lies between them/).waitFor();
    const legend = page.getByRole('region', { name: 'Series' });
    await legend.locator('[data-series="progress/difference"]').getByText('difference of 2').waitFor();
    await legend.locator('[data-series="progress/model/time-ramp"]').waitFor();
    await picture('pair-dark');
    await heat.getByRole('button', { name: /^true progress and dense: / }).click();
    await onEpisode.getByText(/One is progress, the other a reward for each step/).waitFor();
    await legend.locator('[data-series="progress/difference"]').waitFor({ state: 'detached' });
    await page.getByTestId('timeline-pair').click();
    await onEpisode.getByText(/^Taken off the timeline/).waitFor();
    await page.waitForTimeout(200);
    await picture('heat-dark');
    await page.getByTestId('distances').getByText('Map', { exact: true }).click();
    await page
      .getByTestId('plane-stress')
      .getByText(/stress 0\.\d\d/)
      .waitFor();
    await page
      .getByTestId('plane')
      .getByRole('button', { name: /^waypoints/ })
      .focus();
    await page.keyboard.press('Enter');
    await page
      .getByTestId('plane')
      .getByRole('button', { name: /^dense/ })
      .focus();
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'waypoints and dense' }).waitFor();
    await picture('map-dark');
    assert.deepEqual(await barriers(page), [], 'dark, reward distances');
    await page.getByTestId('distances').getByText('Table', { exact: true }).click();
    assert.ok((await page.getByTestId('pair-table').locator('tbody tr').count()) >= 15);
    await page.getByRole('button', { name: 'All measures of this evaluation' }).click();
    await page.getByTestId('judge-table-distance').waitFor();
  });

  await step('the same in light', async () => {
    for (let i = 0; i < 3; i++) {
      if ((await page.evaluate(() => document.documentElement.dataset['mantineColorScheme'])) === 'light')
        break;
      await page.keyboard.press('t');
      await page.waitForTimeout(150);
    }
    await page.waitForTimeout(300);
    await picture('judge-light');
    await page.getByTestId('judge-table-distance').getByText('of all pairs, as a map').click();
    // The panel stays as it was left.
    await page.getByTestId('distances').getByText('Heat map', { exact: true }).click();
    await page.getByTestId('heat').waitFor();
    assert.deepEqual(await barriers(page), [], 'light, reward distances');
    await picture('heat-light');
    await page.getByTestId('distances').getByText('Map', { exact: true }).click();
    await page.waitForTimeout(200);
    await picture('map-light');
    await page.locator('.dv-tab', { hasText: 'Compare runs' }).click();
    await page.getByTestId('curves').getByText('Groups', { exact: true }).click();
    await page.waitForTimeout(600);
    assert.deepEqual(await barriers(page), [], 'light, compare runs and groups');
    await picture('table-light');
  });
  assert.deepEqual(mistakes, []);
});
