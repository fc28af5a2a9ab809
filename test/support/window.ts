/** The window in a real browser on a real lab, for tests of its flows. */

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { buildRenderer, root } from '../../build/renderer.ts';
import { openLab, type Port } from '../../lab/host.ts';
import type { Lab } from '../../lab/lab.ts';
import { type Served, serve } from '../../lab/serve.ts';
import { launchBrowser } from './browser.ts';
import { temporaryFolder } from './project.ts';

/** Where pictures of tests go; not in the repository. */
const picturesOf = (name: string): string => join(root, 'test', 'output', name);

/** Pictures for people to look at (`npm test -- --pictures`); no test reads them, and each costs as much as several checks. */
export const takesPictures = process.env['REWARD_LAB_PICTURES'] === '1';

/**
 * The page is put together by the CPU without SwiftShader in between, which then draws 3D only. A third of the work of a visit, and
 * a tenth of that of a picture; measurements (`bench/window.ts`) do without it.
 */
const leanBrowser = ['--disable-gpu-compositing'];

export interface OpenWindow {
  readonly lab: Lab;
  readonly page: Page;
  /** What the page is connected to; a test may close it early. */
  readonly door: Served;
  /** With the token; `#...` may follow. */
  readonly url: string;
  /** Errors that the page reported, oldest first. */
  readonly mistakes: readonly string[];
  /** One for people to look at, where they are wanted; one named `failed` always. */
  picture(name: string): Promise<void>;
}

export interface WindowOptions {
  /** Folder of the pictures. */
  readonly name: string;
  /** An existing project; else a new empty one. */
  readonly project?: string;
  readonly scheme?: 'dark' | 'light';
  readonly size?: { readonly width: number; readonly height: number };
  /** As for people who did not ask their system for less motion: an episode that is opened plays, panels fade. Software rendering pays for every picture of it. */
  readonly moves?: boolean;
  /** How finely the stage is drawn: `draft` unless pictures are wanted, for the CPU draws it and most visits look at something else. */
  readonly stage?: 'auto' | 'draft';
  /** Where runs compute; on wasm they take longer, for tests that do something while one trains. */
  readonly device?: 'kernel' | 'wasm';
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
  const {
    name,
    scheme = 'dark',
    size = { width: 1440, height: 860 },
    moves = false,
    device = 'kernel',
    stage = takesPictures ? 'auto' : 'draft',
  } = options;
  await buildRenderer();
  const project = options.project ?? join(temporaryFolder(t), 'project');
  const { lab, attach } = openLab({ project, device });
  const door = await serve({ lab });
  const browser = await launchBrowser({ args: leanBrowser });
  t.after(async () => {
    await browser.close();
    await door.close();
    await lab.close();
  });
  const page = await browser.newPage({
    viewport: { ...size },
    colorScheme: scheme,
    reducedMotion: moves ? 'no-preference' : 'reduce',
  });
  await page.addInitScript((quality) => {
    const key = 'reward-lab.stage';
    // A blank page has no storage.
    if (location.protocol === 'about:') return;
    if (localStorage.getItem(key) === null) localStorage.setItem(key, JSON.stringify({ quality }));
  }, stage);
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
    door,
    url: door.url,
    mistakes,
    async picture(one) {
      if (!takesPictures && one !== 'failed') return;
      mkdirSync(picturesOf(name), { recursive: true });
      await page.screenshot({ path: join(picturesOf(name), `${one}.png`) });
    },
  };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Until nothing in this part of the page changes any more, three seconds at most: it has what it shows, and has faded in. */
export async function unchanging(part: Locator): Promise<void> {
  await part.evaluate(
    (element) =>
      new Promise<void>((resolve) => {
        const end = (): void => {
          observer.disconnect();
          clearTimeout(limit);
          resolve();
        };
        const limit = setTimeout(end, 3000);
        let quiet = setTimeout(end, 120);
        const observer = new MutationObserver(() => {
          clearTimeout(quiet);
          quiet = setTimeout(end, 120);
        });
        observer.observe(element, { subtree: true, childList: true, attributes: true, characterData: true });
      }),
  );
}

/** What axe-core finds serious or critical on the page, or in one part of it, as it stands. */
export async function barriers(page: Page, part?: Locator): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  const within = part ? await part.elementHandle() : null;
  return page.evaluate(async (element) => {
    interface Violation {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
    }
    const { axe } = globalThis as unknown as {
      axe: { run(context: Node, options: object): Promise<{ violations: readonly Violation[] }> };
    };
    const { violations } = await axe.run(element ?? document, { resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id} at ${node.target}: ${node.failureSummary}`));
  }, within);
}
