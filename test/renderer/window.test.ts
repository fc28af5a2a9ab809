/** The window in a real browser on a real lab: one visit from the empty project to two episodes side by side. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { root } from '../../build/renderer.ts';
import { serve } from '../../lab/serve.ts';
import { barriers, openWindow } from '../support/window.ts';

/** Different colours in a picture of this element, by the browser's own decoder. */
async function coloursIn(page: Page, png: Buffer): Promise<number> {
  return page.evaluate(
    async (source) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      const context = canvas.getContext('2d')!;
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set<number>();
      for (let i = 0; i < data.length; i += 4) {
        seen.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
      }
      return seen.size;
    },
    `data:image/png;base64,${png.toString('base64')}`,
  );
}

const stepOf = async (page: Page): Promise<number> =>
  Number(await page.getByTestId('position').getAttribute('data-step'));

/** Long enough for the stage to have drawn what the clock says, also in software rendering. */
const settled = (page: Page): Promise<void> => page.waitForTimeout(400);

/** Types into settings by their path in the recipe. */
async function fillAll(page: Page, values: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    await page.locator(`[data-path="${name}"]`).fill(String(value));
  }
}

const textOf = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? '';

test('a newcomer starts a run from the form, watches it, replays, scrubs and compares', {
  timeout: 240_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture, door } = await openWindow(t, {
    name: 'window',
    moves: true,
    device: 'wasm',
    transport: 'socket',
  });
  let again: Awaited<ReturnType<typeof serve>> | null = null;
  t.after(() => again?.close());

  /** One visit, so each part needs the one before; the first that fails leaves a picture and ends it. */
  const step = async (title: string, part: () => Promise<void>): Promise<void> => {
    try {
      await part();
    } catch (cause) {
      await picture('failed');
      throw new Error(`Where ${title}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  };

  await step('an empty project says what to do next', async () => {
    await page.goto(url);
    await page.getByTestId('make-sample').waitFor();
    // Every registered panel stands in the built-in layout; its file cannot be imported without a bundler.
    const registry = readFileSync(join(root, 'renderer', 'panels', 'index.ts'), 'utf8');
    const titles = [...registry.matchAll(/\bid: '[\w-]+',\s+title: '([^']+)'/g)].map((match) => match[1]!);
    assert.ok(titles.length >= 7, `panels found in the registry: ${titles}`);
    for (const title of titles) {
      assert.equal(
        await page
          .locator('.dv-tab')
          .filter({ hasText: new RegExp(`^${title}$`) })
          .count(),
        1,
        title,
      );
    }
    await picture('empty');
    await page.getByTestId('welcome-new-run').click();
    await page.getByTestId('start-run').waitFor();
  });

  await step('the form refuses a value out of range at its field and starts when it is right', async () => {
    await page.getByTestId('field-recipe').click();
    await page.getByRole('option', { name: /Reach/ }).first().click();
    await page.getByTestId('section-algorithmSettings').click();
    await page.getByTestId('section-reward.1.settings').click();
    await fillAll(page, { 'algorithmSettings.clipCoef': 50 });
    await page.getByText('50 is outside').first().waitFor();
    assert.equal(await page.getByTestId('start-run').isDisabled(), true);
    await page.getByTestId('reset-clipCoef').click();
    await fillAll(page, {
      'algorithmSettings.steps': 16_384,
      'algorithmSettings.worlds': 8,
      'algorithmSettings.stepsPerWorld': 64,
      'algorithmSettings.minibatch': 128,
      'algorithmSettings.hiddenSize': 16,
      'reward.1.settings.updates': 60,
      'experiment.demonstrations': 6,
      'experiment.evaluationEpisodes': 10,
      'experiment.shortEvaluationEpisodes': 4,
      'experiment.evaluateEvery': 2048,
    });
    await page.getByTestId('field-name').fill('from-the-form');
    await picture('form');
    assert.equal(await page.getByTestId('start-run').isDisabled(), false);
    await page.getByTestId('start-run').click();
    // Nothing typed in a form may reach the shortcuts.
    assert.equal(await page.getByRole('dialog').count(), 0);
  });

  await step('the stage follows the run live and the curves move', async () => {
    await page.getByTestId('live-badge').waitFor();
    // Starting brings the list of runs up; this one is stopped and resumed.
    await page.getByRole('button', { name: 'Stop' }).first().click();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page
      .getByRole('tab', { name: 'Curves' })
      .or(page.locator('.dv-tab', { hasText: /^Curves$/ }))
      .first()
      .click();
    const value = page.getByTestId('curve-value-rollout/return');
    await value.waitFor();
    const seen = new Set<string>();
    for (let i = 0; i < 200 && seen.size < 2; i++) {
      seen.add(await textOf(value));
      await page.waitForTimeout(100);
    }
    assert.ok(seen.size >= 2, `the newest value of a curve stayed at ${[...seen]}`);
    await page.locator('.dv-tab', { hasText: /^Runs$/ }).click();
    const status = page.getByTestId('run-row').filter({ hasText: 'from-the-form' }).getByText('done');
    await status.first().waitFor({ timeout: 120_000 });
    const parts = await page.getByTestId('run-part').allTextContents();
    assert.equal(parts.length, 2, `parts of the run: ${parts}`);
    assert.match(parts.join(' '), /demonstrations.*sarm/);
    await picture('runs');
  });

  await step('an episode from the list plays, pauses, and is drawn differently at another step', async () => {
    await page.locator('.dv-tab', { hasText: /^Episodes$/ }).click();
    // The third of all that the run has left, once the list shows it: it follows what comes in, and rows move while it does.
    const newest = lab.store.episodes.list({ sort: 'id', descending: true, limit: 3 }).items;
    const episode = newest[2]!.id;
    await page.locator(`[data-testid=episode-row][data-episode="${episode}"]`).click();
    await page.locator(`.stage-header:has-text("${episode}")`).waitFor();
    // It plays by itself.
    await page.waitForFunction(
      () => Number(document.querySelector('[data-testid=position]')?.getAttribute('data-step')) > 0,
    );
    await page.keyboard.press('Home');
    // On a busy machine it may have been over before the key was pressed.
    if ((await page.getByTestId('play').getAttribute('aria-pressed')) !== 'true')
      await page.keyboard.press('Space');
    await page.waitForFunction(
      () => document.querySelector('[data-testid=play][aria-pressed=true]') !== null,
    );
    await page.waitForFunction(
      () => Number(document.querySelector('[data-testid=position]')?.getAttribute('data-step')) > 2,
    );
    await page.keyboard.press('Space');
    const paused = await stepOf(page);
    await page.waitForTimeout(300);
    assert.equal(await stepOf(page), paused);

    await page.keyboard.press('Home');
    await settled(page);
    const first = await page.getByTestId('stage-a').screenshot();
    assert.equal(await stepOf(page), 0);
    await page.keyboard.press('End');
    await settled(page);
    const last = await page.getByTestId('stage-a').screenshot();
    assert.ok((await coloursIn(page, first)) > 200, 'the stage is blank');
    assert.notDeepEqual(first, last);
  });

  await step('a click on the timeline seeks there and arrow keys step from there', async () => {
    const box = (await page.getByTestId('timeline').boundingBox())!;
    await page.mouse.click(box.x + box.width * 0.3, box.y + box.height / 2);
    const near = await stepOf(page);
    await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    const far = await stepOf(page);
    assert.ok(far > near + 5, `dragged from step ${near} to ${far}`);
    // By mouse, so that Space after it still means play.
    await page.getByTestId('step-back').click();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await page.waitForFunction(() => document.querySelector('[data-testid=play][aria-pressed=true]'));
    await page.keyboard.press('Space');
    await page.mouse.click(box.x + box.width * 0.7, box.y + box.height / 2);
    await page.keyboard.press('ArrowLeft');
    assert.equal(await stepOf(page), far - 1);
    assert.match(
      (await page.getByTestId('timeline').getAttribute('aria-valuetext')) ?? '',
      /^step \d+ of \d+/,
    );
  });

  await step('a second episode opens beside the first on the same clock', async () => {
    await page
      .getByTestId('episode-row')
      .nth(5)
      .click({ modifiers: ['Shift'] });
    await page.getByTestId('stage-b').waitFor();
    await page.locator('.legend-head', { hasText: 'B' }).waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('ArrowLeft');
    await settled(page);
    assert.ok((await coloursIn(page, await page.getByTestId('stage-b').screenshot())) > 200);
    await picture('compare-dark');
    await page.getByTestId('timeline-table-toggle').click();
    assert.ok((await page.getByTestId('timeline-table').locator('tbody tr').count()) > 10);
    await page.getByTestId('timeline-table-toggle').click();
  });

  await step(
    'an episode is verified from its row, and palette and theme work from the keyboard',
    async () => {
      await page.getByTestId('episode-row').nth(2).getByTestId('verify').click();
      await page.getByText('replays exactly').first().waitFor();
      await page.keyboard.press('Control+k');
      await page.getByPlaceholder('Type a command or the name of a run').fill('Dark, light');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => document.documentElement.dataset['mantineColorScheme'] === 'light');
      // Keys are silent while the palette is still on its way out.
      await page.getByPlaceholder('Type a command or the name of a run').waitFor({ state: 'hidden' });
      await picture('compare-light');
      await page.keyboard.press('?');
      await page.getByRole('dialog').getByText('One step forward').waitFor();
      await page.keyboard.press('Escape');
    },
  );

  await step('screens are free of serious barriers, in light and in dark', async () => {
    for (const scheme of ['light', 'dark']) {
      if (scheme === 'dark') {
        await page.getByTestId('theme').click();
        await page.waitForFunction(() => document.documentElement.dataset['mantineColorScheme'] === 'dark');
      }
      // Colours fade from one theme to the other.
      await page.waitForTimeout(300);
      assert.deepEqual(await barriers(page), [], `${scheme}, episodes and curves`);
      await page.locator('.dv-tab', { hasText: /^New run$/ }).click();
      await page.locator('.dv-tab', { hasText: /^Runs$/ }).click();
      await page.getByTestId('start-run').waitFor();
      assert.deepEqual(await barriers(page), [], `${scheme}, runs and form`);
      await page.locator('.dv-tab', { hasText: /^Curves$/ }).click();
      await page.locator('.dv-tab', { hasText: /^Episodes$/ }).click();
    }
  });

  await step(
    'rewards are judged, with the answer, the tables and the command; a stop keeps nothing',
    async () => {
      await page.keyboard.press('Control+k');
      await page.getByPlaceholder('Type a command or the name of a run').fill('Judge rewards');
      await page.keyboard.press('Enter');
      await page.getByTestId('judge-task').click();
      await page.getByRole('option', { name: 'Reach', exact: true }).click();
      await page.getByTestId('judge-episodes').fill('0');
      await page.getByText('0 is outside 1 to 1000').waitFor();
      assert.equal(await page.getByTestId('judge-start').isDisabled(), true);
      await page.getByTestId('judge-episodes').fill('3');
      // The reward model that the run above was paid by, and a cheap method beside it.
      await page.getByTestId('judge-models').fill('sarm #');
      await page.getByRole('option', { name: /^sarm #1 / }).click();
      await page.getByTestId('judge-models').fill('waypoints');
      await page.getByRole('option', { name: 'waypoints' }).click();
      await page.keyboard.press('Escape');
      await page.getByTestId('judge-start').click();
      await page.getByTestId('judge-stop').click();
      await page.getByTestId('judge-stopped').waitFor();
      assert.equal(await page.getByTestId('judge-result').count(), 0);
      await page.getByTestId('judge-start').click();
      await page.getByText(/^Part \d of \d: /).waitFor();
      await page.getByTestId('judge-result').waitFor();
      assert.match(await textOf(page.getByTestId('judge-verdicts')), /waypoints/);
      const tables = page.locator('[data-testid^="judge-table-"]');
      assert.equal(await tables.count(), 6);
      const ranks = page.getByTestId('judge-table-truth');
      assert.deepEqual(
        (await ranks.locator('tbody th').allTextContents()).map((text) => text.trim()),
        [
          'sarm #1 card',
          'waypoints',
          'constant counter-baseline',
          'time-ramp counter-baseline',
          'shuffled-frames counter-baseline',
        ],
      );
      assert.ok((await ranks.locator('.judge-best').count()) >= 4, 'a best value in each of four columns');
      assert.match(
        await textOf(ranks),
        /not measurable \[1\].*\[1\] not measurable: the scores do not change/s,
      );
      assert.match(
        await textOf(ranks),
        /Protocol: .*eval-reward --task reach --models 1,waypoints --episodes 3 .*--seed 0/s,
      );
      await ranks.getByTestId('judge-card-1').click();
      await page.getByTestId('model-card').getByText('Last evaluation').waitFor();
      assert.match(await textOf(page.getByTestId('model-card')), /6 demonstrations/);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      for (const scheme of ['dark', 'light']) {
        // Dark, as the system (which is dark), light.
        for (let i = 0; scheme === 'light' && i < 2; i++) {
          await page.getByTestId('theme').click();
          await page.waitForTimeout(100);
        }
        await page.waitForFunction(
          (one) => document.documentElement.dataset['mantineColorScheme'] === one,
          scheme,
        );
        await page.waitForTimeout(300);
        assert.deepEqual(await barriers(page), [], `${scheme}, judged rewards`);
        await picture(`judge-${scheme}`);
      }
      // Tables scroll inside; neither the page nor the panel does sideways.
      assert.equal(
        await page.evaluate(() => {
          const panel = document.querySelector('[data-testid=judge] > section')!;
          return document.documentElement.scrollWidth <= innerWidth && panel.scrollWidth <= panel.clientWidth;
        }),
        true,
      );
      await page.getByTestId('judge-wide').click();
      await picture('judge-wide');
      // Another panel comes out from behind the one that fills the window.
      await page.keyboard.press('e');
      await page.locator('.dv-tab', { hasText: /^Stage$/ }).click();
      await page.getByTestId('stage-b').waitFor();
    },
  );

  await step('a reload comes back to the same episodes at the same moment', async () => {
    await page.waitForFunction(() => /a=\d+&b=\d+/.test(location.hash));
    const before = { step: await stepOf(page), hash: await page.evaluate(() => location.hash) };
    assert.ok(before.step > 0);
    await page.reload();
    await page.getByTestId('stage-b').waitFor();
    await page.locator('.legend-head', { hasText: 'B' }).waitFor();
    assert.equal(await stepOf(page), before.step);
    await page.waitForTimeout(500);
    assert.equal(await page.evaluate(() => location.hash), before.hash);
  });

  assert.deepEqual(mistakes, []);

  await step(
    'a lab that is gone is said in a banner, what is on screen stays, and it comes back',
    async () => {
      await door.close();
      await page.getByTestId('connection-banner').waitFor();
      assert.equal(await page.getByTestId('stage-a').isVisible(), true);
      // While the lab is away the banner cannot go away between finding the button and clicking it.
      assert.equal(await page.getByRole('button', { name: 'Try now' }).isVisible(), true);
      const tries = await page.evaluate(() => {
        const Real = window.WebSocket;
        let made = 0;
        window.WebSocket = new Proxy(Real, {
          construct(target, [url]: [string]) {
            made++;
            return new target(url);
          },
        });
        document.querySelector<HTMLElement>('[data-testid=connection-banner] button')!.click();
        window.WebSocket = Real;
        return made;
      });
      assert.equal(tries, 1, 'tries to connect that a click on "Try now" makes at once');
      again = await serve({ lab, port: door.port, token: door.token });
      await page.getByTestId('connection-banner').waitFor({ state: 'detached' });
      await page.getByTestId('episode-row').nth(7).click();
      const episode = await page.getByTestId('episode-row').nth(7).getAttribute('data-episode');
      await page.locator(`.stage-header:has-text("${episode}")`).waitFor();
    },
  );
});
