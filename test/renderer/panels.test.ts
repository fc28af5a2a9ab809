/** Every registered panel, in light and in dark, and what is left when one of them breaks. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../build/renderer.ts';
import { tinyRun } from '../support/tiny-run.ts';
import { barriers, openWindow, unchanging } from '../support/window.ts';

/** Read as text: the registry itself cannot be imported without a bundler. */
const registry = readFileSync(join(root, 'renderer', 'panels', 'index.ts'), 'utf8');
const panels = [...registry.matchAll(/\bid: '([\w-]+)',\s*title: '([^']+)'/g)].map(([, id, title]) => ({
  id: id!,
  title: title!,
}));

async function finished(lab: Awaited<ReturnType<typeof openWindow>>['lab'], id: number): Promise<void> {
  while (['queued', 'running'].includes(lab.run(id).status)) await new Promise((r) => setTimeout(r, 50));
  assert.equal(lab.run(id).status, 'done', lab.run(id).error ?? '');
}

test('every panel comes to the front and has no serious barrier, in light and in dark', {
  timeout: 400_000,
}, async (t) => {
  const { lab, page, url, mistakes, picture } = await openWindow(t, {
    name: 'panels',
    size: { width: 1500, height: 920 },
  });
  await finished(lab, lab.start(tinyRun({ task: 'push', steps: 2048 }), 0).id);
  await page.goto(url);
  await page.getByTestId('episode-row').first().waitFor();
  assert.ok(panels.length >= 9, `panels found in the registry: ${panels.map(({ id }) => id)}`);
  /** By the menu: a group may have more tabs than fit. */
  const bring = async (id: string, title: string): Promise<void> => {
    const isInFront = page.locator('.dv-active-tab').filter({ hasText: new RegExp(`^${title}$`) });
    if ((await isInFront.count()) > 0) return;
    await page.getByTestId('layout-menu').click();
    await page.getByTestId(`panel-${id}`).click();
    await page.keyboard.press('Escape');
    await isInFront.waitFor();
  };
  const problems: string[] = [];
  /** The group of tabs whose front one this is: the tab, what lies beside it, and the panel. */
  const groupOf = (title: string) =>
    page.locator('.dv-groupview', {
      has: page.locator('.dv-active-tab', { hasText: new RegExp(`^${title}$`) }),
    });
  for (const scheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.waitForFunction(
      (one) => document.documentElement.dataset['mantineColorScheme'] === one,
      scheme,
    );
    for (const { id, title } of panels) {
      await bring(id, title);
      await unchanging(groupOf(title));
      await picture(`${id}-${scheme}`);
      // The whole page once: what is around this panel was looked at when it came to the front.
      const part = id === panels[0]!.id ? undefined : groupOf(title);
      for (const barrier of await barriers(page, part)) problems.push(`${scheme}, ${title}: ${barrier}`);
      if ((await page.getByTestId('crash-card').count()) > 0) problems.push(`${scheme}, ${title}: crashed`);
    }
  }
  assert.deepEqual([...new Set(problems)], []);
  assert.deepEqual(mistakes, []);
});

test('a panel that breaks shows a card, and the rest lives', { timeout: 120_000 }, async (t) => {
  const { lab, page, url } = await openWindow(t, { name: 'panels' });
  await finished(lab, lab.start(tinyRun({ steps: 2048 }), 0).id);
  let patched = 0;
  await page.route('**/assets/*.js', async (route) => {
    const answer = await route.fetch();
    const body = (await answer.text()).replace(
      /(["'`])The rewards of an episode are drawn here[^"'`]*\1/,
      () => {
        patched++;
        return `(()=>{throw new Error("broken on purpose")})()`;
      },
    );
    await route.fulfill({ response: answer, body });
  });
  await page.goto(url);
  const card = page.getByTestId('crash-card');
  await card.waitFor();
  assert.equal(patched, 1);
  assert.match((await card.textContent()) ?? '', /Timeline stopped.*broken on purpose/s);
  await page.getByTestId('episode-row').nth(1).click();
  await page.locator('[data-testid=stage-a]').waitFor();
  // With an episode on stage there is something to draw, so it can go on.
  await card.getByRole('button', { name: 'Start it again' }).click();
  await page.getByTestId('timeline').waitFor();
  assert.equal(await card.count(), 0);
  // Parts of the window that are still being fetched when it closes are no mistake.
  await page.unrouteAll({ behavior: 'ignoreErrors' });
});
