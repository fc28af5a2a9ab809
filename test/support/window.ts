/** The window in a real browser on a real lab, for tests of its flows. */

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { buildRenderer, root } from '../../build/renderer.ts';
import { openLab, type Port } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
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
  /** `port`: as in Electron, by a fake of its shell around the page; also for all windows with REWARD_LAB_TRANSPORT=port. */
  readonly transport?: 'socket' | 'port';
}

/**
 * Stands for Electron's preload and main process: a page that asks for a port gets one, whose messages go to a port of the lab's
 * host as they are. Text and bytes, as the RPC library sends them.
 */
async function fakeShell(t: TestContext, page: Page, attach: (port: Port) => void): Promise<void> {
  let port: MessagePort | null = null;
  t.after(() => port?.close());
  page.on('close', () => port?.close());
  await page.exposeFunction('labOpen', () => {
    port?.close();
    const { port1, port2 } = new MessageChannel();
    port = port1;
    port1.onmessage = ({ data }) => {
      const isText = typeof data === 'string';
      const body = isText ? data : Buffer.from(data as Uint8Array).toString('base64');
      const call = ([kind, text]: readonly [boolean, string]): void =>
        (globalThis as unknown as { labTakes(kind: boolean, text: string): void }).labTakes(kind, text);
      page.evaluate(call, [isText, body] as const).catch(() => undefined);
    };
    attach(port2 as unknown as Port);
  });
  await page.exposeFunction('labSend', (isText: boolean, body: string) =>
    port?.postMessage(isText ? body : new Uint8Array(Buffer.from(body, 'base64'))),
  );
  await page.addInitScript(() => {
    interface Bridge {
      labOpen(): Promise<void>;
      labSend(isText: boolean, body: string): Promise<void>;
      labTakes(isText: boolean, body: string): void;
      rewardLab: object;
    }
    const bridge = globalThis as unknown as Bridge;
    bridge.rewardLab = { chooseProject: async () => undefined, onNotice: () => () => undefined };
    window.addEventListener('message', async (event) => {
      if ((event.data as { type?: unknown } | null)?.type !== 'lab-port-wanted') return;
      await bridge.labOpen();
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => {
        const text = data as unknown;
        if (typeof text === 'string') return void bridge.labSend(true, text);
        const binary = Array.from(text as Uint8Array, (byte) => String.fromCharCode(byte)).join('');
        void bridge.labSend(false, btoa(binary));
      };
      bridge.labTakes = (isText, body) => {
        if (isText) port1.postMessage(body);
        else port1.postMessage(Uint8Array.from(atob(body), (char) => char.charCodeAt(0)));
      };
      window.postMessage({ type: 'lab-port' }, location.origin, [port2]);
    });
  });
}

/** Builds what is stale, opens a lab and a browser; all of it is closed when the test ends. Nothing is loaded yet: `page.goto(url)`. */
export async function openWindow(t: TestContext, options: WindowOptions): Promise<OpenWindow> {
  const { name, scheme = 'dark', size = { width: 1440, height: 860 } } = options;
  await buildRenderer();
  const folder = picturesOf(name);
  mkdirSync(folder, { recursive: true });
  const project = options.project ?? join(temporaryFolder(t), 'project');
  const { lab, attach } = openLab({ project, device: 'wasm' });
  const door = await serve({ lab });
  const browser = await launchBrowser();
  t.after(async () => {
    await browser.close();
    await door.close();
    await lab.close();
  });
  const page = await browser.newPage({ viewport: { ...size }, colorScheme: scheme });
  // Long: what never comes fails all the same, and machines are shared.
  page.setDefaultTimeout(45_000);
  const mistakes: string[] = [];
  page.on('pageerror', (error) => mistakes.push(String(error.stack)));
  page.on('console', (message) => {
    if (message.type() === 'error') mistakes.push(message.text());
  });
  if ((options.transport ?? process.env['REWARD_LAB_TRANSPORT']) === 'port') await fakeShell(t, page, attach);
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
