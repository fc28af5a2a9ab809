/**
 * All panels of the window on one sheet, in dark and in light, from a real project: what docs/window.md shows.
 *
 *   node build/panels.ts PROJECT ['#run=9&a=60757&t=1.6'] [FOLDER]
 *
 * Writes FOLDER/panels-dark.png and FOLDER/panels-light.png (docs/pictures by default).
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { Lab } from '../lab/lab.ts';
import { serve } from '../lab/serve.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { buildRenderer, root } from './renderer.ts';

interface Shot {
  readonly title: string;
  readonly png: Buffer;
}

const [project, link = '', folder = join(root, 'docs', 'pictures')] = process.argv.slice(2);
if (project === undefined) {
  console.error('Wanted: node build/panels.ts PROJECT [LINK] [FOLDER]');
  process.exit(2);
}

/** Each panel in front, as large as its place in the dock; those that need width fill the middle. */
async function shots(page: Page): Promise<Shot[]> {
  const titles = await page.locator('.dv-tab').allTextContents();
  const found: Shot[] = [];
  for (const title of titles.map((text) => text.trim())) {
    const inFront = page.locator('.dv-active-tab', { hasText: new RegExp(`^${title}$`) });
    if ((await inFront.count()) === 0) {
      // By the menu: a group may have more tabs than fit.
      await page.getByTestId('layout-menu').click();
      await page.getByRole('menuitem', { name: new RegExp(`^${title}\\s*,`) }).click();
      await page.keyboard.press('Escape');
    }
    await page.waitForTimeout(1500);
    const group = page.locator('.dv-groupview').filter({ has: inFront });
    // Small pictures come when nothing else goes on.
    const waiting = group.locator('[data-testid=episode-row] [data-testid=thumbnail]');
    if ((await waiting.count()) > 12)
      await waiting.and(page.locator('[data-state=drawn]')).nth(12).waitFor({ timeout: 60_000 });
    found.push({ title, png: await group.first().screenshot() });
  }
  return found;
}

async function sheet(
  browser: Browser,
  pictures: readonly Shot[],
  scheme: string,
  file: string,
): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1800, height: 1000 } });
  const [ground, text] = scheme === 'dark' ? ['#0d1014', '#d8dde5'] : ['#e6e9ed', '#1d2530'];
  const figures = pictures.map(
    ({ title, png }) =>
      `<figure><figcaption>${title}</figcaption><img src="data:image/png;base64,${png.toString('base64')}"></figure>`,
  );
  await page.setContent(`<!doctype html><style>
    body { margin: 0; padding: 24px; background: ${ground}; color: ${text}; font: 15px sans-serif; display: grid; grid-template-columns: repeat(4, 1fr); gap: 20px; align-items: start }
    figure { margin: 0 }
    figcaption { margin-bottom: 6px; font-weight: 600 }
    img { display: block; width: 100%; border-radius: 6px }
  </style>${figures.join('')}`);
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  await page.screenshot({ path: file, fullPage: true });
  await page.close();
}

await buildRenderer();
mkdirSync(folder, { recursive: true });
const lab = new Lab({ project, mode: 'read' });
const door = await serve({ lab });
const browser = await launchBrowser();
try {
  for (const scheme of ['dark', 'light'] as const) {
    const page = await browser.newPage({ viewport: { width: 1700, height: 1000 }, colorScheme: scheme });
    await page.goto(`${door.url}${link}`);
    await page.getByTestId('episode-row').first().waitFor();
    await page.waitForTimeout(2500);
    await sheet(browser, await shots(page), scheme, join(folder, `panels-${scheme}.png`));
    await page.close();
    console.log(`Wrote ${join(folder, `panels-${scheme}.png`)}`);
  }
} finally {
  await browser.close();
  await door.close();
  await lab.close();
}
