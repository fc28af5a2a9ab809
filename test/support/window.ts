/** The window in a real browser on a real lab, for tests of its flows. */

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { buildRenderer, root } from '../../build/renderer.ts';
import { Lab } from '../../lab/lab.ts';
import { serve } from '../../lab/serve.ts';
import { launchBrowser } from './browser.ts';
import { temporaryFolder } from './project.ts';

/** Where pictures of tests go; not in the repository. */
export const picturesOf = (name: string): string => join(root, 'test', 'output', name);

export interface OpenWindow {
  readonly lab: Lab;
  readonly page: Page;
  /** With the token; `#...` may follow. */
  readonly url: string;
  /** Errors that the page reported, oldest first. */
  readonly mistakes: readonly string[];
  picture(name: string): Promise<Buffer>;
}

export interface WindowOptions {
  /** Folder of the pictures. */
  readonly name: string;
  /** An existing project; else a new empty one. */
  readonly project?: string;
  readonly scheme?: 'dark' | 'light';
  readonly size?: { readonly width: number; readonly height: number };
}

/** Builds what is stale, opens a lab and a browser; all of it is closed when the test ends. Nothing is loaded yet: `page.goto(url)`. */
export async function openWindow(t: TestContext, options: WindowOptions): Promise<OpenWindow> {
  const { name, scheme = 'dark', size = { width: 1440, height: 860 } } = options;
  await buildRenderer();
  const folder = picturesOf(name);
  mkdirSync(folder, { recursive: true });
  const lab = new Lab({ project: options.project ?? join(temporaryFolder(t), 'project'), device: 'wasm' });
  const door = await serve({ lab });
  const browser = await launchBrowser();
  t.after(async () => {
    await browser.close();
    await door.close();
    await lab.close();
  });
  const page = await browser.newPage({ viewport: { ...size }, colorScheme: scheme });
  page.setDefaultTimeout(20_000);
  const mistakes: string[] = [];
  page.on('pageerror', (error) => mistakes.push(String(error.stack)));
  page.on('console', (message) => {
    if (message.type() === 'error') mistakes.push(message.text());
  });
  return {
    lab,
    page,
    url: door.url,
    mistakes,
    picture: (one) => page.screenshot({ path: join(folder, `${one}.png`) }),
  };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds serious or critical on the page as it stands. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    interface Violation {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
    }
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: readonly Violation[] }> };
    };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id} at ${node.target}: ${node.failureSummary}`));
  });
}
