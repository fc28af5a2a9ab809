/** Hours of live training in half a minute: the window watches runs, opens episodes of several tasks, changes layouts; its memory stays flat. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CDPSession } from 'playwright-core';
import { tinyRun } from '../support/tiny-run.ts';
import { openWindow } from '../support/window.ts';

interface Memory {
  readonly heapMb: number;
  readonly nodes: number;
  readonly listeners: number;
}

/** After everything that can be freed was freed. */
async function memoryOf(cdp: CDPSession): Promise<Memory> {
  for (let i = 0; i < 3; i++) await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  return { heapMb: of('JSHeapUsedSize') / 2 ** 20, nodes: of('Nodes'), listeners: of('JSEventListeners') };
}

test('a window that watches run after run and opens episode after episode keeps its memory', {
  timeout: 600_000,
}, async (t) => {
  const { lab, page, url, mistakes } = await openWindow(t, { name: 'soak' });
  const finished = async (id: number): Promise<void> => {
    while (['queued', 'running'].includes(lab.run(id).status)) await new Promise((r) => setTimeout(r, 50));
    assert.equal(lab.run(id).status, 'done', lab.run(id).error ?? '');
  };
  for (const task of ['reach', 'cartpole']) await finished(lab.start(tinyRun({ task, steps: 2048 }), 0).id);
  await page.goto(url);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  await page.getByTestId('episode-row').first().waitFor();

  const layout = async (id: string): Promise<void> => {
    await page.getByTestId('layout-menu').click();
    await page.getByTestId(`layout-${id}`).click();
    await page.keyboard.press('Escape');
  };
  /** What somebody does in an hour or so. */
  const round = async (seed: number): Promise<void> => {
    const run = lab.start(tinyRun({ steps: 2048 }), seed).id;
    await layout('watch');
    const rows = page.getByTestId('episode-row');
    for (const row of [0, 5, 3]) {
      await rows.nth(row).click();
      await page.waitForTimeout(60);
    }
    await rows.nth(2).click({ modifiers: ['Shift'] });
    await page.getByTestId('stage-b').waitFor();
    await page.keyboard.press('c');
    await page.getByTestId('stage-b').waitFor({ state: 'detached' });
    await layout('all');
    await finished(run);
  };

  // Caches fill up to their bounds first.
  const [few, many] = [2, Number(process.env['SOAK_ROUNDS'] ?? 5)];
  for (let seed = 1; seed <= few; seed++) await round(seed);
  const early = await memoryOf(cdp);
  for (let seed = few + 1; seed <= many; seed++) await round(seed);
  const late = await memoryOf(cdp);
  t.diagnostic(`after ${few} rounds ${JSON.stringify(early)}, after ${many} ${JSON.stringify(late)}`);
  assert.ok(
    late.heapMb < early.heapMb * 1.15 + 2,
    `JavaScript heap: ${early.heapMb.toFixed(1)} MB after ${few} rounds, ${late.heapMb.toFixed(1)} MB after ${many}`,
  );
  assert.ok(
    late.nodes < early.nodes * 1.3,
    `page nodes: ${early.nodes} after ${few} rounds, ${late.nodes} after ${many}`,
  );
  assert.ok(
    late.listeners < early.listeners * 1.3,
    `listeners: ${early.listeners} after ${few} rounds, ${late.listeners} after ${many}`,
  );
  assert.deepEqual(mistakes, []);
});
