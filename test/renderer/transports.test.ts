/** The same visit over both transports: a WebSocket in a browser, a MessagePort in Electron (with a fake of its shell). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tinyRun } from '../support/tiny-run.ts';
import { openWindow } from '../support/window.ts';

for (const transport of ['socket', 'port'] as const) {
  test(`a run is started, watched, replayed and compared over a ${transport}, and a window that vanishes stops nothing`, {
    timeout: 200_000,
  }, async (t) => {
    const { page, url, mistakes, lab, picture } = await openWindow(t, { name: 'transports', transport });
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    const run = lab.start(tinyRun({ steps: 8192 }), 0).id;
    await page.goto(url);
    await page.getByTestId('live-badge').waitFor();
    await page.locator('.dv-tab', { hasText: /^Episodes$/ }).click();
    await page.getByTestId('episode-row').nth(4).waitFor({ timeout: 60_000 });
    await page.getByTestId('episode-row').nth(2).click();
    await page.getByTestId('timeline').waitFor();
    await page
      .getByTestId('episode-row')
      .nth(4)
      .click({ modifiers: ['Shift'] });
    await page.getByTestId('stage-b').waitFor();
    await page.keyboard.press('End');
    const step = Number(await page.getByTestId('position').getAttribute('data-step'));
    assert.ok(step > 2, `step ${step}`);
    await picture(transport);
    assert.equal(sockets.length, transport === 'socket' ? 1 : 0);
    assert.deepEqual(mistakes, []);

    const again = lab.start(tinyRun({ steps: 8192 }), 1).id;
    await page.close();
    while (['queued', 'running'].includes(lab.run(again).status)) await new Promise((r) => setTimeout(r, 50));
    assert.deepEqual([lab.run(run).status, lab.run(again).status], ['done', 'done']);
  });
}
