import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { buildRenderer, rendererDir } from '../../build/renderer.ts';
import { answer, origin } from '../../electron/security.ts';
import { launchBrowser } from '../support/browser.ts';

/**
 * Electron itself is not here, but its engine is: the window's files, answered by the shell's own code with the shell's own
 * headers, in a real Chromium. What its policy would block in the app it blocks here.
 */
test('the window draws itself under the shell’s content security policy, which blocks nothing it needs', async () => {
  await buildRenderer();
  const server = createServer(async (request, response) => {
    const { status, headers, body } = await answer(rendererDir, new Request(`${origin}${request.url}`));
    response.writeHead(status, Object.fromEntries(headers));
    response.end(body === null ? undefined : Buffer.from(await new Response(body).arrayBuffer()));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const blocked: string[] = [];
    const crashed: string[] = [];
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) blocked.push(message.text());
    });
    page.on('pageerror', (error) => crashed.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`);
    await page.waitForFunction(() => (document.querySelector('#root')?.textContent ?? '').trim() !== '');
    assert.deepEqual({ blocked, crashed }, { blocked: [], crashed: [] });
    // The policy is really there: a script written into the page does not run.
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      document.head.append(script);
      return 'injected' in window;
    });
    assert.equal(ran, false);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
});
