/**
 * A picture of the window on a real project, in real Chromium: what the README shows.
 *
 *   node build/picture.ts PROJECT '#run=9&a=60757&b=60769&t=1.6' docs/pictures/window.png [light]
 *
 * The part after # is what the address bar shows while the window is open: run, episodes and moment.
 */

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Lab } from '../lab/lab.ts';
import { serve } from '../lab/serve.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { buildRenderer } from './renderer.ts';

const [project, link = '', file = 'docs/pictures/window.png', scheme] = process.argv.slice(2);
if (project === undefined) {
  console.error('Wanted: node build/picture.ts PROJECT [LINK] [FILE] [light]');
  process.exit(2);
}
await buildRenderer();
mkdirSync(dirname(file), { recursive: true });
const lab = new Lab({ project });
const door = await serve({ lab });
const browser = await launchBrowser();
try {
  const page = await browser.newPage({
    viewport: { width: 1500, height: 920 },
    colorScheme: scheme === 'light' ? 'light' : 'dark',
  });
  await page.goto(`${door.url}${link}`);
  await page.getByTestId('episode-row').first().waitFor();
  // Software rendering needs a moment for shadows, curves and fonts.
  await page.waitForTimeout(4000);
  await page.screenshot({ path: file });
  console.log(`Wrote ${file}`);
} finally {
  await browser.close();
  await door.close();
  await lab.close();
}
