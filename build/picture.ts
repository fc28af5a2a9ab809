/**
 * A picture of the window on a real project, in real Chromium: what the README shows.
 *
 *   node build/picture.ts PROJECT '#run=9&a=60757&b=60769&t=1.6' docs/pictures/window.png [light]
 *
 * The part after # is what the address bar shows while the window is open: run, episodes and moment. With a task at the end, it is
 * of an evaluation of every reward on that task (minutes), which fills the window:
 *
 *   node build/picture.ts PROJECT '' docs/pictures/judge.png dark stack
 */

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Page } from 'playwright-core';
import { Lab } from '../lab/lab.ts';
import { serve } from '../lab/serve.ts';
import { tasks } from '../sim/tasks/index.ts';
import { launchBrowser } from '../test/support/browser.ts';
import { buildRenderer } from './renderer.ts';

const [project, link = '', file = 'docs/pictures/window.png', scheme, judged] = process.argv.slice(2);
if (project === undefined) {
  console.error('Wanted: node build/picture.ts PROJECT [LINK] [FILE] [light|dark] [TASK]');
  process.exit(2);
}

/** Every reward at the form's defaults. */
async function judge(page: Page, task: string): Promise<void> {
  const title = tasks[task as keyof typeof tasks]?.title;
  if (title === undefined) throw new RangeError(`No task is called ${task}`);
  await page.locator('.dv-tab', { hasText: 'Judge rewards' }).click();
  await page.getByTestId('judge-task').click();
  await page.getByRole('option', { name: title, exact: true }).click();
  await page.getByTestId('judge-start').click();
  await page.getByTestId('judge-result').waitFor({ timeout: 900_000 });
  await page.getByTestId('judge-wide').click();
}

await buildRenderer();
mkdirSync(dirname(file), { recursive: true });
const lab = new Lab({ project });
const door = await serve({ lab });
const browser = await launchBrowser();
try {
  const page = await browser.newPage({
    // Long enough for the answer, the verdicts and a table.
    viewport: { width: 1500, height: judged === undefined ? 920 : 1400 },
    colorScheme: scheme === 'light' ? 'light' : 'dark',
  });
  await page.goto(`${door.url}${link}`);
  if (judged === undefined) await page.getByTestId('episode-row').first().waitFor();
  else await judge(page, judged);
  // Software rendering needs a moment for shadows, curves and fonts.
  await page.waitForTimeout(4000);
  await page.screenshot({ path: file });
  console.log(`Wrote ${file}`);
} finally {
  await browser.close();
  await door.close();
  await lab.close();
}
